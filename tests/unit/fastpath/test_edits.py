"""Edits of heads and of paths, redirects and origins, as functions of values."""

import pytest

from agw._fastpath.cors import allows
from agw._fastpath.edits import changed_path, edited
from agw._fastpath.fields import normalised_path
from agw._fastpath.redirect import location
from agw.snapshot.model import Cors, Header, HeaderEdit, PathEdit, Redirect

FIELDS = [(b"X-A", b"1"), (b"Accept", b"*/*"), (b"x-a", b"2"), (b"X-B", b"3")]


def test_nothing_to_do_changes_nothing():
    assert edited(None, FIELDS) == FIELDS
    assert edited(HeaderEdit(), FIELDS) == FIELDS


def test_set_replaces_every_field_of_the_name_in_any_case():
    edit = HeaderEdit(set=(Header("X-a", "new"), Header("X-New", "n")))
    assert edited(edit, FIELDS) == [(b"Accept", b"*/*"), (b"X-B", b"3"), (b"X-a", b"new"), (b"X-New", b"n")]


def test_add_puts_a_line_behind_the_others():
    assert edited(HeaderEdit(add=(Header("x-A", "9"),)), FIELDS) == [*FIELDS, (b"x-A", b"9")]


def test_remove_takes_every_field_of_the_name():
    assert edited(HeaderEdit(remove=("x-a", "x-none")), FIELDS) == [(b"Accept", b"*/*"), (b"X-B", b"3")]


def test_values_are_opaque_and_trimmed():
    edit = HeaderEdit(set=(Header("X-C", " grün\t"), Header("X-D", "")))
    assert edited(edit, []) == [(b"X-C", "grün".encode()), (b"X-D", b"")]


OURS = [
    *("Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer"),
    *("Upgrade", "HTTP2-Settings", "Expect", "Proxy-Authorization", "Proxy-Authenticate", "Proxy", "Proxy-Status"),
]


@pytest.mark.parametrize("name", [*OURS, *map(str.lower, OURS)])
def test_what_framing_and_the_connection_own_is_not_edited(name):
    fields = [(name.encode(), b"1")]
    for edit in (
        HeaderEdit(set=(Header(name, "2"),)),
        HeaderEdit(add=(Header(name, "2"),)),
        HeaderEdit(remove=(name.lower(),)),
    ):
        assert edited(edit, fields) == fields


@pytest.mark.parametrize(
    "header",
    [
        Header("X-A", "a\r\nX-B: c"),
        Header("X-A", "a\nb"),
        Header("X-A", "a\0"),
        Header("X-A\r\nX-B", "c"),
        Header("X A", "c"),
        Header("X-A:", "c"),
        Header("", "c"),
    ],
    ids=repr,
)
def test_what_no_head_can_carry_is_refused(header):
    with pytest.raises(ValueError, match=r"name|control"):
        edited(HeaderEdit(set=(header,)), [])
    with pytest.raises(ValueError, match=r"name|control"):
        edited(HeaderEdit(add=(header,)), [])


def test_an_edit_has_a_bound():
    assert len(edited(HeaderEdit(add=(Header("a", "b"),) * 64), [])) == 64
    with pytest.raises(ValueError, match="64"):
        edited(HeaderEdit(add=(Header("a", "b"),) * 65), [])


@pytest.mark.parametrize(
    ("prefix", "value", "path", "changed"),
    [  # the table of HTTPPathModifier first
        ("/foo", "/xyz", "/foo/bar", "/xyz/bar"),
        ("/foo", "/xyz/", "/foo/bar", "/xyz/bar"),
        ("/foo/", "/xyz", "/foo/bar", "/xyz/bar"),
        ("/foo", "/xyz", "/foo", "/xyz"),
        ("/foo", "/xyz", "/foo/", "/xyz/"),
        ("/foo", "", "/foo/bar", "/bar"),
        ("/foo", "", "/foo/", "/"),
        ("/foo", "", "/foo", "/"),
        ("/foo", "/", "/foo/", "/"),
        ("/foo", "/", "/foo", "/"),
        ("/foo", "/", "/foo/bar", "/bar"),
        ("/", "/a", "/x", "/a/x"),
        ("/", "/a", "/", "/a"),
        ("/", "/", "/x/y", "/x/y"),
        ("/", "/", "/", "/"),
        ("", "/full", "/any/thing", "/full"),
        ("", "/full/", "/any/thing", "/full/"),
        ("", "/", "/any", "/"),
        ("/foo", "/xyz", "/other", "/other"),
    ],
)
def test_a_path_in_place_of_another(prefix, value, path, changed):
    made = changed_path(PathEdit(value, prefix), path.encode())
    assert made == changed.encode()
    assert normalised_path(made) == made


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("/a b", b"/a%20b"),
        ("/grün", b"/gr%C3%BCn"),
        ("/a?b=c", b"/a%3Fb=c"),
        ("/a#b", b"/a%23b"),
        ("/a%20b", b"/a%20b"),
        ("/100%", b"/100%25"),
        ("/a\r\nHost: b", b"/a%0D%0AHost:%20b"),
        ("relative", b"/relative"),
        ("/v1:send", b"/v1:send"),
    ],
)
def test_a_configured_path_is_spelled_as_a_target(value, spelled):
    assert changed_path(PathEdit(value), b"/x") == spelled


def test_a_configured_path_has_a_bound():
    with pytest.raises(ValueError, match="4096"):
        changed_path(PathEdit("/" + "a" * 4096), b"/x")


@pytest.mark.parametrize(
    ("redirect", "port", "expected"),
    [  # HTTPRequestRedirectFilter.port: given; else of the scheme; else of the listener, where the host is another
        (Redirect(hostname="example.org"), 80, b"http://example.org/a?b"),
        (Redirect(hostname="example.org", port=80), 80, b"http://example.org/a?b"),
        (Redirect(hostname="example.org", port=8080), 80, b"http://example.org:8080/a?b"),
        (Redirect(hostname="example.org", scheme="https"), 80, b"https://example.org/a?b"),
        (Redirect(hostname="example.org", scheme="https", port=443), 80, b"https://example.org/a?b"),
        (Redirect(hostname="example.org", scheme="https", port=8443), 80, b"https://example.org:8443/a?b"),
        (Redirect(hostname="example.org"), 8080, b"http://example.org:8080/a?b"),
        (Redirect(hostname="example.org", port=80), 8080, b"http://example.org/a?b"),
        (Redirect(hostname="example.org", scheme="https"), 8080, b"https://example.org/a?b"),
        (Redirect(hostname="example.org", scheme="http"), 8080, b"http://example.org/a?b"),
        (Redirect(hostname="example.org", scheme="http", port=443), 8080, b"http://example.org:443/a?b"),
        (Redirect(), 8080, b"http://Agents.example/a?b"),
        (Redirect(scheme="https"), 8080, b"https://Agents.example/a?b"),
        (Redirect(path=PathEdit("/b")), 80, b"http://Agents.example/b?b"),
        (Redirect(path=PathEdit("/", "/a")), 80, b"http://Agents.example/?b"),
    ],
    ids=repr,
)
def test_a_redirect_leads_where_the_gateway_api_says(redirect, port, expected):
    assert location(redirect, b"Agents.example", b"/a?b", port) == expected


@pytest.mark.parametrize(
    ("authority", "redirect", "expected"),
    [
        (b"a.example:8443", Redirect(path=PathEdit("/b")), b"http://a.example:8443/b"),
        (b"a.example:80", Redirect(path=PathEdit("/b")), b"http://a.example/b"),
        (b"a.example:8443", Redirect(scheme="https"), b"https://a.example/"),
        (b"[2001:db8::1]:8443", Redirect(port=90), b"http://[2001:db8::1]:90/"),
        (b"[2001:db8::1]", Redirect(port=90), b"http://[2001:db8::1]:90/"),
        (b"", Redirect(path=PathEdit("/b")), b"/b"),
        (b"", Redirect(hostname="b.example"), b"http://b.example/"),
    ],
)
def test_the_host_stays_as_the_client_has_sent_it(authority, redirect, expected):
    assert location(redirect, authority, b"/", 80) == expected


def test_a_client_that_spoke_https_to_the_front_stays_there():
    assert location(Redirect(path=PathEdit("/b")), b"a", b"/", 80, https=True) == b"https://a/b"
    assert location(Redirect(hostname="b.example"), b"a", b"/", 8080, https=True) == b"https://b.example/"


@pytest.mark.parametrize("redirect", [Redirect(hostname="a b"), Redirect(scheme="ftp"), Redirect(status=200)], ids=repr)
def test_a_redirect_that_leads_nowhere_is_refused(redirect):
    with pytest.raises(ValueError, match=r"nowhere|no host"):
        location(redirect, b"a", b"/", 80)


ORIGINS = Cors(origins=("https://www.foo.com", "https://*.bar.com", "http://a.example:8080", "https://*.q.com:444"))


@pytest.mark.parametrize(
    "origin",
    [
        *(b"https://www.foo.com", b"HTTPS://WWW.foo.com", b"https://www.foo.com:443", b"https://a.bar.com"),
        *(b"https://x.y.bar.com", b"http://a.example:8080", b"https://z.q.com:444"),
    ],
)
def test_an_origin_is_allowed(origin):
    assert allows(ORIGINS, origin)


@pytest.mark.parametrize(
    "origin",
    [
        *(b"http://www.foo.com", b"https://foo.com", b"https://www.foo.com:444", b"https://www.foo.com.evil.example"),
        *(b"https://bar.com", b"https://.bar.com.evil", b"https://evil/.bar.com", b"https://evil:1/.bar.com"),
        *(b"https://evilbar.com", b"https://a.bar.com:444", b"http://a.example", b"https://z.q.com", b"null", b""),
        *(b"https://a@x.bar.com", b"https://a.bar.com/"),
    ],
)
def test_an_origin_is_not_allowed(origin):
    assert not allows(ORIGINS, origin)


def test_any_origin_and_any_host():
    assert allows(Cors(origins=("*",)), b"null")
    assert allows(Cors(origins=("https://*",)), b"https://a.b")
    assert not allows(Cors(origins=("https://*",)), b"http://a.b")
    assert not allows(Cors(origins=("https://*",)), b"https://a.b:444")
    assert not allows(Cors(), b"https://a")
