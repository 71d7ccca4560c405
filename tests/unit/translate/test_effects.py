"""What filters do to a request, as `agw explain` says it: the Gateway API's own tables, and CORS as browsers have it."""

from pathlib import Path

import pytest

from agw.errors import Reason
from agw.resources.load import load
from agw.snapshot.model import Cors, Listener, PathEdit, Redirect, Retry, Rewrite, Rule
from agw.translate import translate
from agw.translate.effects import allows, edited, location, retry_in_words, rewritten, timeouts_in_words
from agw.translate.explain import explain, listener_ports, parse
from agw.translate.precedence import Request

GOLDEN = Path(__file__).parents[2] / "golden" / "translate"
REQUEST = Request("GET", "a.io", "/p/x", "q=1", asked=9000)


def ask(name, method, url, *headers):
    translation = translate(load([GOLDEN / f"{name}.in.yaml"]).resources)
    request, notes = parse(method, url, headers, listener_ports(translation))
    return explain(translation, request, notes)


@pytest.mark.parametrize(
    ("path", "prefix", "value", "made"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "/", "/bar"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/bar", "/", "/xyz", "/xyz/bar"),
        ("/", "/", "/xyz", "/xyz"),
        ("/bar", "/", "/", "/bar"),
        ("/foo/bar", "", "/xyz/", "/xyz/"),
    ],
)
def test_paths(path, prefix, value, made):
    assert edited(path, PathEdit(value, prefix)) == made


@pytest.mark.parametrize(
    ("redirect", "port", "made"),
    [
        (Redirect(hostname="b.io"), 80, "http://b.io/p/x?q=1"),
        (Redirect(hostname="b.io"), 8080, "http://b.io:8080/p/x?q=1"),
        (Redirect(), 80, "http://a.io:9000/p/x?q=1"),
        (Redirect(port=80), 8080, "http://a.io/p/x?q=1"),
        (Redirect(port=8080), 80, "http://a.io:8080/p/x?q=1"),
        (Redirect(scheme="https"), 8080, "https://a.io/p/x?q=1"),
        (Redirect(scheme="http"), 8080, "http://a.io/p/x?q=1"),
        (Redirect(scheme="https", port=443), 80, "https://a.io/p/x?q=1"),
        (Redirect(scheme="https", port=80), 80, "https://a.io:80/p/x?q=1"),
        (Redirect(path=PathEdit("/y", "/p")), 80, "http://a.io:9000/y/x?q=1"),
        (Redirect(path=PathEdit("/y")), 80, "http://a.io:9000/y?q=1"),
    ],
)
def test_locations(redirect, port, made):
    assert location(redirect, Listener("default/gw", "http", port), REQUEST) == made


def test_a_redirect_keeps_the_port_where_the_client_has_found_us():
    assert ask("route-filters", "GET", "http://h:8080/full/").location == "http://h:8080/b~/"
    assert ask("route-filters", "GET", "http://h/full/").location == "http://h/b~/"
    assert ask("route-filters", "GET", "http://x/full/", ("Host", "h:9000")).location == "http://h:9000/b~/"
    assert ask("route-filters", "GET", "http://[::1]/full/").location == "http://[::1]/b~/"


def test_a_listener_with_tls_redirects_within_tls():
    assert location(Redirect(), Listener("default/gw", "https", 443, "HTTPS"), REQUEST) == "https://a.io:9000/p/x?q=1"


def test_what_the_agent_gets():
    assert rewritten(None, REQUEST) == ""
    assert rewritten(Rewrite("b.io"), REQUEST) == "b.io/p/x?q=1"
    assert rewritten(Rewrite(path=PathEdit("/y", "/p")), REQUEST) == "a.io/y/x?q=1"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.io", True),
        ("HTTPS://App.io", True),
        ("http://app.io", False),
        ("https://app.io:8443", False),
        ("https://a.b.wild.io", True),
        ("https://wild.io", False),
        ("https://evilwild.io", False),
        ("http://any.io:3000", True),
        ("http://any.io", False),
        ("null", False),
        ("", False),
    ],
)
def test_origins(origin, allowed):
    cors = Cors(origins=("https://app.io", "https://*.wild.io", "http://*:3000"))
    assert allows(cors, origin) is allowed
    assert allows(Cors(origins=("*",)), origin)
    assert not allows(Cors(), origin)


def preflight(url, origin="https://app.example.com"):
    return ask("route-cors", "OPTIONS", url, ("Origin", origin), ("Access-Control-Request-Method", "POST"))


def test_a_preflight_is_answered():
    found = preflight("http://h/listed")
    assert (found.status, found.reason) == (204, Reason.LOCAL)
    assert "pages of https://app.example.com may ask" in found.why
    assert "is none of allowOrigins" in preflight("http://h/listed", "https://evil.io").why


def test_a_preflight_goes_to_what_comes_after_it():
    found = preflight("http://h/posts")
    assert (found.status, found.rule.name) == (204, "posts")
    asked = ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "PUT")
    assert ask("route-cors", "OPTIONS", "http://h/posts", *asked).status == 404


def test_an_options_request_that_is_no_preflight_is_forwarded():
    assert ask("route-cors", "OPTIONS", "http://h/listed", ("Origin", "https://app.example.com")).status == 0
    assert ask("route-cors", "OPTIONS", "http://h/listed").status == 0
    assert (
        ask("route-retries", "OPTIONS", "http://h/a", ("Origin", "x"), ("Access-Control-Request-Method", "X")).status
        == 0
    )


def test_a_redirect_is_an_answer():
    found = ask("route-filters", "GET", "http://h/all/b?q=1")
    assert (found.status, found.reason) == (308, Reason.LOCAL)
    assert found.location == "http://new.example.com:8080/new/b?q=1"


def test_filters_are_told_without_values():
    found = ask("route-filters", "GET", "http://h/edited")
    assert found.filters == (
        "request headers: set Authorization; add X-Team; remove x-debug, x-internal",
        "response headers: set Cache-Control; remove server",
    )
    assert "of-the-agent" not in repr(found.filters)


def test_filters_of_one_backend_are_told_there():
    found = ask("route-backend-filters", "GET", "http://h/a")
    assert [share.filters for share in found.backends] == [
        ("request headers: set X-Backend", "response headers: add X-From"),
        (),
    ]


def test_mirrors_are_told():
    assert ask("route-mirrors", "GET", "http://h/good").filters == (
        "mirrors to Service default/copies:80",
        "mirrors 42 in 100 requests to Service other/copies:80",
        "mirrors 1 in 1000 requests to Backend default/agent",
    )


def test_rewrites_are_told():
    found = ask("route-filters", "GET", "http://h/agents/hello/x")
    assert found.filters == (
        "rewrites the Host to hello.internal and /agents/hello at the beginning of the path to /hello",
    )
    assert found.rewritten == "hello.internal/hello/x"
    assert ask("route-filters", "GET", "http://h/x1").filters == ("rewrites the path to /",)


def test_times_and_tries_are_told():
    rule = Rule("default/r", 0, (), request_timeout_ms=1500, backend_timeout_ms=1000)
    assert timeouts_in_words(rule) == "1.5 s for the request, 1 s for each try"
    assert (timeouts_in_words(Rule("default/r", 0, ())), retry_in_words(rule)) == ("", "")
    assert retry_in_words(Rule("default/r", 0, (), retry=Retry())) == "up to 1 more after failed connections"
    retry = Retry(3, (500, 503), 100)
    assert retry_in_words(Rule("default/r", 0, (), retry=retry)) == (
        "up to 3 more after 500, 503 and failed connections, at least 100 ms apart"
    )
