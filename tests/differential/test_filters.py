"""What `agw explain` says of filters is what the data plane does: the readable twin against the compiled one."""

from hypothesis import given
from hypothesis import strategies as st

from agw._fastpath import cors, edits
from agw._fastpath import redirect as redirects
from agw.snapshot.model import Cors, Listener, PathEdit, Redirect
from agw.translate import effects
from agw.translate.precedence import Request

SEGMENTS = st.lists(st.sampled_from(["a", "b~", "a:send", "%3A", "a"]), max_size=4)
PATHS = st.builds("/{}{}".format, SEGMENTS.map("/".join), st.sampled_from(["", "/"])).map(
    lambda path: path.replace("//", "/")
)
PREFIXES = SEGMENTS.map(lambda segments: "/" + "/".join(segments))
HOSTS = st.sampled_from(["", "b.io", "very.long.example.org"])
PORTS = st.sampled_from([0, 80, 443, 8080])


@st.composite
def edited_paths(draw):
    """An edit, or None, and a path that its rule's match would take."""
    edit = draw(st.none() | st.builds(PathEdit, PATHS) | st.builds(PathEdit, PREFIXES, PREFIXES))
    path = draw(PATHS)
    if edit is not None and edit.prefix not in {"", "/"}:
        path = edit.prefix + draw(st.sampled_from(["", "/", path]))
    return edit, path


@given(edited_paths())
def test_paths(case):
    edit, path = case
    if edit is not None:
        assert edits.changed_path(edit, path.encode()) == effects.edited(path, edit).encode()


@st.composite
def redirected(draw):
    """A redirect, and a request that it answers."""
    edit, path = draw(edited_paths())
    redirect = Redirect(
        status=draw(st.sampled_from([301, 302, 303, 307, 308])),
        scheme=draw(st.sampled_from(["", "http", "https"])),
        hostname=draw(HOSTS),
        port=draw(PORTS),
        path=edit,
    )
    query, listener = draw(st.sampled_from(["", "q=1&r=%20"])), draw(st.sampled_from([80, 8080]))
    return redirect, Request("GET", "a.io", path, query, port=listener, asked=draw(PORTS))


@given(redirected())
def test_locations(case):
    redirect, request = case
    authority = f"a.io:{request.asked}" if request.asked else "a.io"
    target = f"{request.path}?{request.query}" if request.query else request.path
    made = redirects.location(redirect, authority.encode(), target.encode(), request.port)
    listener = Listener("default/gw", "http", request.port)
    assert made == effects.location(redirect, listener, request).encode()


ORIGINS = st.sampled_from(
    ["*", "https://a.io", "http://a.io:8080", "https://*.a.io", "https://*", "http://*:3000", "https://*.b.a.io:8443"]
)
ASKED = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "HTTPS", "ftp"]),
    st.sampled_from(["a.io", "A.io", "x.a.io", "x.b.a.io", "xa.io", ".a.io", "b.a.io"]),
    st.sampled_from(["", ":8080", ":3000", ":8443"]),
) | st.sampled_from(["null", "https://", "a.io"])


@given(origins=st.lists(ORIGINS, max_size=3).map(tuple), asked=ASKED)
def test_origins(origins, asked):
    entry = Cors(origins=("*",) if "*" in origins else origins)
    assert cors.allows(entry, asked.encode()) == effects.allows(entry, asked)
