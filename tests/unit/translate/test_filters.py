"""Filters that an API server would have refused, and those that only translation can judge: none is left out in silence."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw.resources import core
from agw.resources import gateway as api
from agw.resources.meta import ObjectMeta
from agw.resources.objects import Resource, ResourceSet
from agw.snapshot.model import Cors, Filters, HeaderEdit, PathEdit, Redirect, Retry, Rule
from agw.translate import translate
from agw.translate.result import ObjectKey
from agw.translate.status import MAX_MESSAGE, Condition
from tests.unit.translate.test_translator import make_gateway

V1 = "gateway.networking.k8s.io/v1"
REF = api.HTTPBackendRef(name="s", port=80)
SERVICE = core.Service(
    api_version="v1",
    kind="Service",
    metadata=ObjectMeta("s", "default"),
    spec=core.ServiceSpec(ports=(core.ServicePort(80),)),
)
PREFIX = api.HTTPRouteMatch(api.HTTPPathMatch("PathPrefix", "/p/"))


def serve(*filters, matches=(PREFIX,), backends=(REF,), **fields):
    """Translate one route with one rule; give the rule's entry, its conditions and the problems."""
    rule = api.HTTPRouteRule(matches=matches, filters=filters, backend_refs=backends, **fields)
    route = api.HTTPRoute(
        api_version=V1,
        kind="HTTPRoute",
        metadata=ObjectMeta("r", "default"),
        spec=api.HTTPRouteSpec((api.ParentReference("gw"),), (), (rule,)),
    )
    translation = translate(ResourceSet(Resource(value) for value in (make_gateway(), SERVICE, route)))
    entry = next(item for item in translation.snapshots["default/gw"].values() if isinstance(item, Rule))
    status = translation.statuses[ObjectKey("HTTPRoute", "default", "r")]
    return entry, {item.type: item for item in status.parents[0].conditions}, translation.problems


def refused(*filters, reason="UnsupportedValue", **fields):
    """Assert that the rule answers 500 and that Accepted says so; give the words."""
    entry, conditions, problems = serve(*filters, **fields)
    assert entry.error
    assert entry.filters is None
    assert (conditions["Accepted"].status, conditions["Accepted"].reason) == ("False", reason)
    assert any(problem.message.endswith(": the rule answers 500") for problem in problems)
    return entry.error


def request_headers(**edits):
    return api.HTTPRouteFilter("RequestHeaderModifier", request_header_modifier=api.HTTPHeaderFilter(**edits))


def response_headers(**edits):
    return api.HTTPRouteFilter("ResponseHeaderModifier", response_header_modifier=api.HTTPHeaderFilter(**edits))


def redirect(**fields):
    return api.HTTPRouteFilter("RequestRedirect", request_redirect=api.HTTPRequestRedirect(**fields))


def rewrite(**fields):
    return api.HTTPRouteFilter("URLRewrite", url_rewrite=api.HTTPURLRewrite(**fields))


def mirror(**fields):
    fields.setdefault("backend_ref", api.BackendObjectReference("s", port=80))
    return api.HTTPRouteFilter("RequestMirror", request_mirror=api.HTTPRequestMirror(**fields))


def cors(**fields):
    return api.HTTPRouteFilter("CORS", cors=api.HTTPCORS(**fields))


@pytest.mark.parametrize(
    ("filters", "backends"),
    [
        ([redirect(scheme="https"), rewrite(hostname="a.io")], ()),
        ([redirect(scheme="https"), mirror()], ()),
        ([redirect(scheme="https")], (REF,)),
        ([redirect(scheme="https"), redirect(scheme="http")], ()),
        ([rewrite(hostname="a.io"), rewrite(hostname="b.io")], (REF,)),
        ([request_headers(), request_headers()], (REF,)),
        ([response_headers(), response_headers()], (REF,)),
        ([cors(allow_origins=("*",)), cors(allow_origins=("*",))], (REF,)),
    ],
)
def test_what_does_not_go_together_is_refused(filters, backends):
    refused(*filters, backends=backends, reason="IncompatibleFilters")


def test_mirrors_may_stand_more_than_once():
    entry, conditions, _ = serve(mirror(), mirror(percent=3), mirror(fraction=api.Fraction(1, 3)))
    assert [(each.numerator, each.denominator) for each in entry.filters.mirrors] == [(100, 100), (3, 100), (1, 3)]
    assert conditions["Accepted"].status == "True"


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "host", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Expect", "HTTP2-Settings"),
        *("Connection", "Keep-Alive", "Upgrade", "Proxy-Connection", "Proxy-Authorization", "proxy-anything", "Proxy"),
        *("", "a b", "a:b", ":authority", "a\r\nb", "a\0", "ä"),
    ],
)
@pytest.mark.parametrize("make", [request_headers, response_headers])
def test_names_that_no_filter_may_edit(name, make):
    for edit in ({"set": (api.HTTPHeader(name, "1"),)}, {"add": (api.HTTPHeader(name, "1"),)}, {"remove": (name,)}):
        refused(make(**edit))
    assert "answers 500" in refused_share(make(remove=(name,)))


def refused_share(*filters):
    """Assert that a backendRef with the filters answers 500 for its share, beside one that is served."""
    entry, conditions, problems = serve(
        backends=(api.HTTPBackendRef(name="s", port=80, filters=filters), api.HTTPBackendRef(name="s", port=80))
    )
    assert entry.error == ""
    assert [bool(backend.error) for backend in entry.backends] == [True, False]
    assert conditions["Accepted"].status == "True"
    assert conditions["ResolvedRefs"].status == "True"
    assert (conditions["PartiallyInvalid"].status, conditions["PartiallyInvalid"].reason) == (
        "True",
        "UnsupportedValue",
    )
    assert conditions["PartiallyInvalid"].message.startswith("Dropped Rule")
    return next(problem.message for problem in problems if problem.severity.value == "error")


@pytest.mark.parametrize(
    "one",
    [
        redirect(scheme="https"),
        rewrite(hostname="a.io"),
        mirror(),
        cors(allow_origins=("*",)),
        api.HTTPRouteFilter("ExtensionRef", extension_ref=api.LocalObjectReference("x.io", "F", "f")),
        api.HTTPRouteFilter("ExternalAuth", external_auth={}),
        api.HTTPRouteFilter("OfNextYear"),
    ],
)
def test_a_backend_has_header_modifiers_only(one):
    said = refused_share(one)
    assert said.startswith(f"filter {one.type} is not served on a backendRef")
    assert said.endswith(": its share answers 500")


def test_a_rule_of_which_no_share_is_left_is_invalid():
    refused(backends=(api.HTTPBackendRef(name="s", port=80, filters=(rewrite(hostname="a.io"),)),))


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb", "a\0b", "\x7f", "\x01", "\ud800"])
def test_values_that_no_header_can_carry(value):
    refused(request_headers(set=(api.HTTPHeader("X-A", value),)))
    refused(response_headers(add=(api.HTTPHeader("X-A", value),)))


@pytest.mark.parametrize(
    ("written", "carried"), [("a  b", "a  b"), (" a\tb\t", "a\tb"), ("gr\u00fcn", "gr\u00fcn"), (" ", "")]
)
def test_values_are_carried_without_white_space_around_them(written, carried):
    entry, _, _ = serve(request_headers(set=(api.HTTPHeader("X-A", written),)))
    assert entry.filters.request_headers.set[0].value == carried


def test_one_action_for_a_name():
    refused(request_headers(set=(api.HTTPHeader("X-A", "1"),), remove=("x-a",)))
    refused(request_headers(add=(api.HTTPHeader("X-A", "1"), api.HTTPHeader("x-a", "2"))))
    refused(request_headers(remove=("X-A", "x-a")))
    entry, _, _ = serve(request_headers(remove=("X-A",)), response_headers(set=(api.HTTPHeader("X-A", "1"),)))
    assert entry.filters.request_headers == HeaderEdit(remove=("x-a",))


@pytest.mark.parametrize(
    "one", [api.HTTPRouteFilter(name) for name in ("RequestRedirect", "URLRewrite", "RequestMirror", "CORS")]
)
def test_a_filter_without_its_field_is_refused(one):
    assert "needs its field" in refused(one, backends=())


@pytest.mark.parametrize("name", ["ExternalAuth", "ExtensionRef", "OfNextYear"])
def test_a_filter_that_is_not_served_is_refused(name):
    assert refused(api.HTTPRouteFilter(name)).startswith(f"filter {name} is not served")


@pytest.mark.parametrize(
    "fields", [{"status_code": 300}, {"scheme": "ftp"}, {"hostname": "a b"}, {"hostname": "*.a.io"}, {"hostname": ""}]
)
def test_redirects_that_cannot_be(fields):
    refused(redirect(**fields), backends=())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_with_every_status(status):
    entry, _, _ = serve(redirect(status_code=status, hostname="A.io"), backends=())
    assert entry.filters == Filters(redirect=Redirect(status=status, hostname="a.io"))


def full(path):
    return api.HTTPPathModifier("ReplaceFullPath", replace_full_path=path)


def prefix(path):
    return api.HTTPPathModifier("ReplacePrefixMatch", replace_prefix_match=path)


@pytest.mark.parametrize(
    "path", ["/a?b", "/a#b", "/..", "/%zz", "/%00", "/a%2fb", "/a b", "/a\r\nb", "/ä", '/"', "/\\", "/{x}"]
)
def test_paths_that_cannot_replace_another(path):
    refused(rewrite(path=full(path)))
    refused(rewrite(path=prefix(path)))
    refused(redirect(path=full(path)), backends=())


@pytest.mark.parametrize(
    ("written", "whole", "beginning"),
    [
        ("", "/", "/"),
        ("/", "/", "/"),
        ("/x", "/x", "/x"),
        ("/x/", "/x/", "/x"),
        ("x/y//", "/x/y/", "/x/y"),
        ("//evil.io", "/evil.io", "/evil.io"),
        ("/%7e/./z", "/~/z", "/~/z"),
        ("/a:b%3A", "/a:b%3A", "/a:b%3A"),
    ],
)
def test_paths_are_normalised(written, whole, beginning):
    assert serve(rewrite(path=full(written)))[0].filters.rewrite.path == PathEdit(whole)
    assert serve(rewrite(path=prefix(written)))[0].filters.rewrite.path == PathEdit(beginning, "/p")


@pytest.mark.parametrize(
    "matches",
    [
        (api.HTTPRouteMatch(api.HTTPPathMatch("Exact", "/p")),),
        (api.HTTPRouteMatch(api.HTTPPathMatch("RegularExpression", "/p.*")),),
        (PREFIX, PREFIX),
    ],
)
def test_a_prefix_can_be_replaced_where_one_is_known(matches):
    assert "exactly one match" in refused(rewrite(path=prefix("/x")), matches=matches)
    refused(redirect(path=prefix("/x")), matches=matches, backends=())


def test_a_prefix_of_no_match_is_the_root():
    assert serve(rewrite(path=prefix("/x")), matches=())[0].filters.rewrite.path == PathEdit("/x", "/")


def test_a_kind_of_path_that_is_not_known_is_refused():
    refused(rewrite(path=api.HTTPPathModifier("ReplaceByRegex")))
    refused(rewrite(path=api.HTTPPathModifier("ReplaceFullPath")))


@pytest.mark.parametrize("part", [api.Fraction(3, 2), api.Fraction(1, 0), api.Fraction(-1, 2)])
def test_parts_of_requests_that_are_none(part):
    refused(mirror(fraction=part))


@pytest.mark.parametrize("ref", [api.BackendObjectReference("gone", port=80), api.BackendObjectReference("s", port=81)])
def test_a_mirror_that_leads_nowhere_stops_nothing(ref):
    entry, conditions, _ = serve(mirror(backend_ref=ref))
    assert (entry.error, entry.filters) == ("", None)
    assert conditions["Accepted"].status == "True"
    assert (conditions["ResolvedRefs"].status, conditions["ResolvedRefs"].reason) == ("False", "BackendNotFound")
    assert conditions["ResolvedRefs"].message.endswith("nothing is mirrored")


@pytest.mark.parametrize("origin", ["ftp://a.io", "a.io", "https://", "https://a.io/x", "https://a.*.io", "null"])
def test_origins_that_are_none(origin):
    refused(cors(allow_origins=(origin,)))


def test_lists_of_cors_hold_names():
    refused(cors(allow_origins=("*",), allow_headers=("a b",)))
    refused(cors(allow_origins=("*",), expose_headers=("a\r\nb",)))
    refused(cors(allow_origins=("*",), allow_methods=("GET, POST",)))


def test_origins_are_written_as_browsers_write_them():
    written = ("HTTPS://A.io:443", "http://a.io:080", "https://a.io:80", "http://*", "https://*.b.io:8443")
    entry, _, _ = serve(cors(allow_origins=written))
    made = ("https://a.io", "http://a.io", "https://a.io:80", "http://*", "https://*.b.io:8443")
    assert entry.filters.cors == Cors(origins=made)


def test_cors_alone_sends_nowhere():
    """A preflight is answered; what follows it has no backend (Gateway API, HTTPRouteRule.backendRefs)."""
    _, _, problems = serve(cors(allow_origins=("*",)), backends=())
    assert any("no backendRefs: the rule answers 500" in problem.message for problem in problems)


def test_retries():
    assert serve()[0].retry is None
    assert serve(retry=api.HTTPRouteRetry())[0].retry == Retry(attempts=1)
    entry, _, _ = serve(retry=api.HTTPRouteRetry(codes=(503, 500, 503), attempts=2, backoff="1m1s"))
    assert entry.retry == Retry(attempts=2, codes=(500, 503), backoff_ms=61_000)


def test_a_redirect_to_itself_is_told():
    _, _, problems = serve(redirect(), backends=())
    assert any("the very URL that was asked for" in problem.message for problem in problems)
    _, _, problems = serve(redirect(scheme="https"), backends=())
    assert problems == ()


TEXT = st.text(alphabet=st.sampled_from('aZ0-_.:/*%2e? #\\"{}\r\n\t\0\x7fä\ud800,'), max_size=12) | st.text(max_size=12)
HEADERS = st.lists(st.builds(api.HTTPHeader, name=TEXT, value=TEXT), max_size=2).map(tuple)
HOSTS = st.none() | TEXT
PATHS = st.none() | TEXT.map(full) | TEXT.map(prefix)
ANY = st.one_of(
    st.builds(request_headers, set=HEADERS, add=HEADERS, remove=st.lists(TEXT, max_size=2).map(tuple)),
    st.builds(response_headers, set=HEADERS),
    st.builds(redirect, scheme=HOSTS, hostname=HOSTS, path=PATHS),
    st.builds(rewrite, hostname=HOSTS, path=PATHS),
    st.builds(
        cors,
        allow_origins=st.lists(TEXT | TEXT.map("https://{}".format), max_size=2).map(tuple),
        allow_methods=st.lists(TEXT, max_size=2).map(tuple),
        allow_headers=st.lists(TEXT, max_size=2).map(tuple),
        expose_headers=st.lists(TEXT, max_size=2).map(tuple),
    ),
)
LINE = re.compile(r"[\t\x20-\x7e\x80-\ud7ff\ue000-\U0010ffff]*")
NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
PATH = re.compile(r"/[-A-Za-z0-9/._~!$&'()*+,;=:@%]*")


@settings(max_examples=300, deadline=None)
@given(ANY)
def test_whatever_is_written_nothing_gets_through_that_no_head_can_carry(one):
    is_redirect = one.type == "RequestRedirect"
    filters = serve(one, backends=() if is_redirect else (REF,))[0].filters
    for text, allowed in carried(filters or Filters()):
        assert allowed.fullmatch(text)
        text.encode()


def carried(filters):
    """Every text of filters that will stand in a head, with what is allowed there."""
    for edit in filter(None, (filters.request_headers, filters.response_headers)):
        for header in (*edit.set, *edit.add):
            yield from ((header.name, NAME), (header.value, LINE))
        yield from ((name, NAME) for name in edit.remove)
    for changed in filter(None, (filters.redirect, filters.rewrite)):
        yield changed.hostname, re.compile(r"[a-z0-9.-]*")
        if changed.path is not None:
            yield changed.path.value, PATH
    if filters.cors is not None:
        yield from ((name, NAME) for name in (*filters.cors.methods, *filters.cors.headers, *filters.cors.expose))
        yield from ((origin, re.compile(r"\*|https?://[*a-z0-9.:-]+")) for origin in filters.cors.origins)


def test_a_condition_says_no_more_than_the_api_takes():
    names = tuple(f"a b{'x' * 200}{number}" for number in range(64))
    _, conditions, _ = serve(request_headers(remove=names))
    assert len(conditions["Accepted"].message) == MAX_MESSAGE
    assert Condition("A", "True", "A", "short").message == "short"
