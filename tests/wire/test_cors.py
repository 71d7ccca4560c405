"""CORS on the wire: what browsers are told, by whom, and who is let through (Fetch 3.2, HTTPCORSFilter)."""

import pytest

from agw.snapshot.model import Attachment, Cors, Filters, Match, PathMatch, Redirect, Rule, WeightedBackend
from tests.wire.gateway import OK, replies, serving

LISTS = Cors(
    origins=("https://www.foo.com", "https://*.bar.com"),
    methods=("GET", "OPTIONS"),
    headers=("x-header-1", "x-header-2"),
    expose=("x-header-3", "x-header-4"),
    credentials=True,
    max_age=3600,
)
OPEN = Cors(origins=("*",), methods=("*",), headers=("*",))
TRUSTING = Cors(origins=("*",), methods=("*",), headers=("*",), credentials=True)
NAMES = ("allow-origin", "allow-methods", "allow-headers", "expose-headers", "max-age", "allow-credentials")
AGENTS_OWN = (
    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://evil.example\r\naccess-control-allow-credentials: true\r\n"
    b"Access-Control-Expose-Headers: x\r\nVary: Accept\r\nContent-Length: 5\r\n\r\nhello"
)


def request(method=b"OPTIONS", origin=None, asks=None, headers=None, more=b""):
    """A request with what of a preflight is given."""
    lines = [b"%b /a HTTP/1.1" % method, b"Host: a"]
    lines += [b"Origin: %b" % origin] if origin is not None else []
    lines += [b"Access-Control-Request-Method: %b" % asks] if asks is not None else []
    lines += [b"Access-Control-Request-Headers: %b" % headers] if headers is not None else []
    return b"\r\n".join([*lines, b"", b""]) + more


def said(message):
    """What an answer says to browsers."""
    return {name: message.one(f"access-control-{name}") for name in NAMES if message.all(f"access-control-{name}")}


async def asked(cors, data, answer=OK, **rule):
    """Send one request; give the answer and how many requests reached the agent."""
    async with serving(replies(answer), rule={"filters": Filters(cors=cors), **rule}) as gateway:
        client = await gateway.client(data)
        return await client.response(), len(gateway.requests())


@pytest.mark.parametrize("origin", [b"https://www.foo.com", b"https://www.bar.com", b"https://xpto.www.bar.com"])
async def test_a_preflight_of_an_allowed_origin_gets_the_configured_lists(origin):
    answer, reached = await asked(LISTS, request(origin=origin, asks=b"GET", headers=b"x-header-1, x-header-2"))
    assert (answer.status, answer.body, reached) == (204, b"", 0)
    assert said(answer) == {
        "allow-origin": origin,
        "allow-methods": b"GET, OPTIONS",
        "allow-headers": b"x-header-1, x-header-2",
        "expose-headers": b"x-header-3, x-header-4",
        "max-age": b"3600",
        "allow-credentials": b"true",
    }
    assert answer.all("vary") == [b"Origin"]


async def test_a_preflight_of_another_origin_is_told_nothing():
    answer, reached = await asked(LISTS, request(origin=b"https://foobar.com", asks=b"GET"))
    assert (answer.status, reached, said(answer)) == (204, 0, {})


@pytest.mark.parametrize("origin", [b"https://www.foo.com", b"https://www.bar.com"])
async def test_an_answer_says_what_the_gateway_says_and_not_what_the_agent_does(origin):
    data = request(b"GET", origin, b"GET", b"x-header-1")
    answer, reached = await asked(LISTS, data, AGENTS_OWN)
    assert (answer.status, answer.body, reached) == (200, b"hello", 1)
    assert said(answer) == {
        "allow-origin": origin,
        "allow-credentials": b"true",
        "expose-headers": b"x-header-3, x-header-4",
    }
    assert answer.all("vary") == [b"Accept", b"Origin"]


@pytest.mark.parametrize("origin", [b"https://foobar.com", None])
async def test_a_request_of_another_origin_is_forwarded_and_told_nothing(origin):
    answer, reached = await asked(LISTS, request(b"GET", origin), AGENTS_OWN)
    assert (answer.status, reached, said(answer)) == (200, 1, {})
    assert b"Origin" in answer.all("vary")


async def test_two_origins_are_none():
    data = request(b"GET", b"https://www.foo.com").replace(b"\r\n\r\n", b"\r\nOrigin: https://www.bar.com\r\n\r\n")
    answer, reached = await asked(LISTS, data)
    assert (reached, said(answer)) == (1, {})


@pytest.mark.parametrize(
    ("cors", "methods", "headers", "credentials"),
    [
        (OPEN, b"PUT", b"x-header-1, x-header-2", None),
        (TRUSTING, b"PUT", b"x-header-1, x-header-2", b"true"),
        (Cors(origins=("*",), methods=("PUT",)), b"PUT", None, None),
    ],
)
async def test_a_wildcard_repeats_what_is_asked_for(cors, methods, headers, credentials):
    origin = b"https://other.foo.com:12345"
    answer, _ = await asked(cors, request(origin=origin, asks=b"PUT", headers=b"x-header-1, x-header-2"))
    expected = {"allow-origin": origin if credentials else b"*", "allow-methods": methods, "max-age": b"5"}
    expected |= {"allow-headers": headers} if headers else {}
    expected |= {"allow-credentials": credentials} if credentials else {}
    assert said(answer) == expected
    answer, _ = await asked(cors, request(origin=origin, asks=b"PUT"))
    assert "allow-headers" not in said(answer)
    answer, _ = await asked(cors, request(b"PUT", origin))
    assert said(answer) == {name: value for name, value in expected.items() if name in NAMES[:1] + NAMES[-1:]}


async def test_expose_any_is_said_where_it_means_any():
    answer, _ = await asked(Cors(origins=("*",), expose=("*",)), request(b"GET", b"https://a"))
    assert said(answer)["expose-headers"] == b"*"
    answer, _ = await asked(Cors(origins=("*",), expose=("*",), credentials=True), request(b"GET", b"https://a"))
    assert "expose-headers" not in said(answer)


async def test_what_is_no_name_is_not_repeated():
    data = request(origin=b"https://a", asks=b'"><script>', headers=b"a, <b>")
    answer, _ = await asked(TRUSTING, data)
    assert said(answer) == {"allow-origin": b"https://a", "allow-credentials": b"true", "max-age": b"5"}


async def test_a_preflight_needs_no_key_and_what_follows_does():
    async with serving(replies(OK), rule={"filters": Filters(cors=LISTS), "policy": "policy/x"}) as gateway:
        client = await gateway.client(request(origin=b"https://www.foo.com", asks=b"GET"))
        assert (await client.response()).status == 204
        await client.send(request(b"GET", b"https://www.foo.com"))
        answer = await client.response()
        assert answer.status == 401  # and the page may read why
        assert said(answer)["allow-origin"] == b"https://www.foo.com"
        await client.send(request(b"GET", b"https://evil.example"))
        assert said(await client.response()) == {}
        # An OPTIONS that is no preflight is a request like any other.
        for data in (request(origin=b"https://www.foo.com"), request(asks=b"GET")):
            await client.send(data)
            assert (await client.response()).status == 401
        assert gateway.requests() == []
        assert gateway.count("agw_exchanges_total", 'reason="local"') == 1


async def test_a_preflight_is_answered_for_the_rule_that_takes_what_follows():
    """Rules that match by method take no OPTIONS, and another rule may: the preflight is not for that one."""
    post = {"matches": (Match(path=PathMatch(value="/a"), method="POST"),)}
    rule = Rule(
        route="d/r",
        index=8,
        attachments=(Attachment("listener/d/g/http"),),
        backends=(WeightedBackend("backend/Backend/d/b"),),
        filters=Filters(cors=LISTS),
        **post,
    )
    async with serving(replies(OK), more={"rule/HTTPRoute/d/r/8": rule}) as gateway:
        client = await gateway.client(request(origin=b"https://www.foo.com", asks=b"POST"))
        assert said(await client.response())["allow-origin"] == b"https://www.foo.com"
        await client.send(request(origin=b"https://www.foo.com", asks=b"GET"))
        assert (await client.response()).status == 200  # the agent's own business
        assert len(gateway.requests()) == 1


async def test_without_the_filter_all_is_the_agent_s():
    async with serving(replies(AGENTS_OWN)) as gateway:
        client = await gateway.client(request(origin=b"https://www.foo.com", asks=b"GET"))
        assert said(await client.response())["allow-origin"] == b"https://evil.example"
        assert len(gateway.requests()) == 1


async def test_a_body_and_a_pipelined_request_behind_a_preflight():
    data = request(origin=b"https://www.foo.com", asks=b"GET").replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc")
    async with serving(replies(OK), rule={"filters": Filters(cors=LISTS)}) as gateway:
        client = await gateway.client(data + request(b"GET", b"https://www.foo.com") + data)
        assert [(await client.response()).status for _ in range(3)] == [204, 200, 204]


async def test_redirects_and_failures_may_be_read_too():
    answer, _ = await asked(LISTS, request(b"GET", b"https://www.foo.com"), error="broken")
    assert answer.status == 500
    filters = Filters(cors=LISTS, redirect=Redirect(hostname="b.example"))
    async with serving(replies(OK), rule={"filters": filters}) as gateway:
        client = await gateway.client(request(b"GET", b"https://www.foo.com"))
        answer = await client.response()
        assert (answer.status, said(answer)["allow-origin"]) == (302, b"https://www.foo.com")
    async with serving(replies(b"nonsense\r\n\r\n"), rule={"filters": Filters(cors=LISTS)}) as gateway:
        client = await gateway.client(request(b"GET", b"https://www.foo.com"))
        answer = await client.response()
        assert (answer.status, said(answer)["allow-origin"]) == (502, b"https://www.foo.com")
