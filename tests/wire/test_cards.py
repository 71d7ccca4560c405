"""Agent cards on the wire: at their paths, and as results of JSON-RPC. What is no card passes byte for byte."""

import gzip
import json
import zlib
from contextlib import asynccontextmanager

import msgspec
import pytest

from agw._fastpath.forwarding import Forwarding
from agw.a2a.card import MAX_CARD_BYTES
from agw.dataplane.cards import CardRequest, Cards
from agw.settings import Address
from agw.snapshot.model import (
    ApiKeyAuth,
    AuthorizationRule,
    Card,
    Filters,
    PathEdit,
    Policy,
    Rewrite,
)
from tests.wire.gateway import entries, replies, serving, until
from tests.wire.test_authorization import pieces
from tests.wire.test_operations import post

PUBLIC = Address("127.0.0.1", 8080)
RULE = "rule/HTTPRoute/d/r/0"
REWRITTEN = "agw_cards_rewritten_total"
WELL_KNOWN = b"/.well-known/agent-card.json"
METHODS = [b"agent/getAuthenticatedExtendedCard", b"GetExtendedAgentCard"]
# Both generations in one document, with what must keep its very bytes.
INTERNAL = (
    b'{"name":"x", "n":1.0,"url":"http://h:9999/a","preferredTransport":"JSONRPC","additionalInterfaces":'
    b'[{"transport":"HTTP+JSON","url":"http://h:9999/rest"}],"supportedInterfaces":[{"url":"http://h:9999/v1",'
    b'"protocolBinding":"JSONRPC","protocolVersion":"1.0","tenant":"t"},{"url":"https://elsewhere.example/",'
    b'"protocolBinding":"JSONRPC"}]}'
)
SHOWN = INTERNAL.replace(b"http://h:9999", b"http://127.0.0.1:8080")
SIGNED = INTERNAL[:-1] + b',"signatures":[{"protected":"e30","signature":"x"}]}'


def ask(path, *lines, method=b"GET"):
    return b"%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (method, path, b"".join(line + b"\r\n" for line in lines))


def call(method, identity=b"1"):
    return b'{"jsonrpc":"2.0","id":%s,"method":"%s"}' % (identity, method)


def result(card, identity=b"1"):
    return b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (identity, card)


def ok(body, *lines, media=b"application/json", status=b"200 OK"):
    head = [b"HTTP/1.1 " + status, *([b"Content-Type: " + media] if media else []), *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def in_chunks(body, *lines, size=1):
    head = [b"HTTP/1.1 200 OK", b"Content-Type: application/json", *lines, b"Transfer-Encoding: chunked", b"", b""]
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"\r\n".join(head) + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@asynccontextmanager
async def cards(*answers, script=None, card=None, policy=None, filters=None, path="/", unread=None, **limits):
    """A gateway before an agent that answers so, with cards rewritten as a worker does it. policy: of the route.

    unread: a list that gets the backend and the reason of each card that nobody could read.
    """
    told = [] if unread is None else unread
    plane = Cards(lambda *what: told.append(what))
    plane.serve(80, PUBLIC)

    def rewrite(rule, body, context):
        return plane.answer(rule, body, CardRequest.of(context))

    async with serving(script or replies(*answers), rewrite_card=rewrite, **limits) as gateway:
        served = entries(gateway.agent_port, path=path)
        served["backend/Backend/d/b"] = msgspec.structs.replace(
            served["backend/Backend/d/b"], protocol="A2A", card=card or Card()
        )
        if policy is not None:
            served["policy/p"] = policy
        served[RULE] = msgspec.structs.replace(served[RULE], policy="policy/p" if policy else "", filters=filters)

        def use(served):
            gateway.swap(served)
            plane.use(served)

        use(served)
        gateway.use = use
        yield gateway


# --- extended cards over JSON-RPC ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("answer", [ok, in_chunks])
async def test_the_result_of_a_call_is_rewritten_and_nothing_else_of_it(method, answer):
    lines = (b'ETag: "a"', b"Cache-Control: no-store")
    async with cards(answer(result(INTERNAL), *lines)) as gateway:
        client = await gateway.client(post(call(method)))
        response = await client.response()
        assert response.status == 200
        assert response.body == result(SHOWN)
        assert response.one("content-length") == b"%d" % len(response.body)
        assert response.one("etag") is None
        assert response.one("cache-control") == b"no-store"
        assert gateway.requests()[0].body == call(method)
        assert gateway.count(REWRITTEN) == 1
        assert gateway.count("agw_a2a_requests_total", 'operation="GetExtendedAgentCard"') == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"params":{"message":{"parts":[{"text":"%s"}]}},"id":"a","jsonrpc":"2.0","method":"%s"}'
        % (b"x" * 90_000, METHODS[0]),
        b'{"method":"%s","params":{},"jsonrpc":"2.0"}' % METHODS[1],
        b' {"jsonrpc" : "2.0", "meth\\u006fd" : "agent\\/getAuthenticatedExtendedCard" , "id" : null }\r\n',
    ],
)
async def test_in_whatever_order_its_members_come(body):
    async with cards(ok(result(INTERNAL, b'"a"'))) as gateway:
        client = await gateway.client(post(body))
        assert (await client.response()).body == result(SHOWN, b'"a"')


async def test_wherever_request_and_answer_are_cut():
    async def slowly(peer):
        while await peer.request() is not None:
            for byte in ok(result(INTERNAL)):
                await peer.send(bytes([byte]))

    async with cards(script=slowly) as gateway:
        client = await gateway.client()
        await client.send(*pieces(post(call(METHODS[1]))))
        assert (await client.response()).body == result(SHOWN)


async def test_one_after_another_on_one_connection():
    answers = [ok(result(INTERNAL)), ok(result(b'{"url":"http://h:9999/"}')), ok(INTERNAL), ok(INTERNAL)]
    async with cards(*answers) as gateway:
        asked = [post(call(METHODS[0])), post(call(b"tasks/get")), ask(b"/v1/card"), ask(b"/v1/tasks/1")]
        client = await gateway.client(b"".join(asked))
        received = [(await client.response()).body for _ in asked]
        assert received == [result(SHOWN), result(b'{"url":"http://h:9999/"}'), SHOWN, INTERNAL]


async def test_an_agent_that_answers_before_the_request_has_ended():
    async def early(peer):
        while b"GetExtendedAgentCard" not in peer.received:
            await peer.more()
        await peer.send(ok(result(INTERNAL)))
        await peer.more()

    body = call(METHODS[1])
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with cards(script=early) as gateway:
        client = await gateway.client(head + b"%x\r\n%s\r\n" % (len(body), body))
        response = await client.response()
        assert response.body == result(SHOWN)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_request_that_a_policy_keeps_back(whole):
    policy = Policy(authorization=(AuthorizationRule("Allow", operations=("GetExtendedAgentCard",)),))
    async with cards(ok(result(INTERNAL)), policy=policy) as gateway:
        client = await gateway.client()
        request = post(b'{"params":{},"method":"%s","jsonrpc":"2.0","id":1}' % METHODS[0])
        await client.send(*([request] if whole else pieces(request)))
        assert (await client.response()).body == result(SHOWN)


@pytest.mark.parametrize("repeated", [INTERNAL, b"null", b"[]"])
async def test_an_answer_that_repeats_itself(repeated):
    body = b'{"result":%s,"id":1,"result":%s}' % (INTERNAL, repeated)
    async with cards(ok(body)) as gateway:
        client = await gateway.client(post(call(METHODS[0])))
        assert (await client.response()).body == body.replace(b"http://h:9999", b"http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (b"gzip, deflate", b"gzip, deflate"),
        (b"GZIP;q=0.5,identity", b"GZIP;q=0.5,identity"),
        (b"gzip, deflate, br, zstd", b"gzip"),
        (b"br;q=1.0, gzip;q=0", b"identity"),
        (b"*", b"identity"),
        (b"", b""),
    ],
)
async def test_an_agent_is_asked_for_codings_that_can_be_undone(asked, told):
    async with cards(ok(result(INTERNAL))) as gateway:
        client = await gateway.client(post(call(METHODS[0]), more=b"Accept-Encoding: %s\r\n" % asked))
        await client.response()
        assert gateway.requests()[0].one("accept-encoding") == told


# --- extended cards by their paths --------------------------------------------------------------------------------

PATHS = [
    b"/v1/card",
    b"/extendedAgentCard",
    b"/tenant/extendedAgentCard",
    b"/p/q/v1/card",
    b"/agent/authenticatedExtendedCard",
    b"/a/agent/authenticatedExtendedCard?x=y",
    b"/extendedAgentCard/",
]


@pytest.mark.parametrize("path", [*PATHS, WELL_KNOWN, b"/x/.well-known/agent.json", WELL_KNOWN + b"/"])
@pytest.mark.parametrize("answer", [ok, in_chunks])
async def test_a_card_is_rewritten_and_has_a_tag_of_its_own(path, answer):
    async with cards(answer(INTERNAL, b'ETag: "agents"', b"Vary: A2A-Version", b"Cache-Control: max-age=9")) as gateway:
        client = await gateway.client(ask(path))
        response = await client.response()
        assert response.body == SHOWN
        etag = response.one("etag")
        assert etag.startswith(b'W/"')
        await client.send(ask(path, b"If-None-Match: " + etag))
        unchanged = await client.response()
        assert (unchanged.status, unchanged.body, unchanged.one("etag")) == (304, b"", etag)
        assert unchanged.one("vary") == response.one("vary") == b"A2A-Version"
        assert unchanged.one("cache-control") == b"max-age=9"
        await client.send(ask(path, b'If-None-Match: "agents"'))
        assert (await client.response()).status == 200
        assert not any(request.one("if-none-match") for request in gateway.requests())
        assert gateway.count("agw_exchanges_total", 'reason="local"') == 1


@pytest.mark.parametrize("path", [PATHS[0], WELL_KNOWN])
async def test_the_head_of_a_card(path):
    async with cards(ok(INTERNAL)) as gateway:
        client = await gateway.client(ask(path, method=b"HEAD"))
        response = await client.response(head=True)
        assert response.one("content-length") == b"%d" % len(SHOWN)
        etag = response.one("etag")
        assert etag
        await client.send(ask(path, b"If-None-Match: " + etag, method=b"HEAD"))
        assert (await client.response(head=True)).status == 304
        assert [request.start[0] for request in gateway.requests()] == [b"GET", b"GET"]


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE"])
async def test_other_methods_ask_for_no_card(method):
    async with cards(ok(INTERNAL)) as gateway:
        client = await gateway.client(ask(b"/v1/card", b"Content-Length: 0", method=method))
        assert (await client.response()).body == INTERNAL


@pytest.mark.parametrize("prefix", ["/p", "/p/q"])
@pytest.mark.parametrize("path", [b"/v1/card", WELL_KNOWN])
@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (b"http://h:9999", b"http://127.0.0.1:8080%s"),
        (b"http://h:9999/", b"http://127.0.0.1:8080%s/"),
        (b"http://h:9999/a", b"http://127.0.0.1:8080%s/a"),
        (b"http://h:9999/p", b"http://127.0.0.1:8080%s/p"),
        (b"http://h:9999/p/qx/?a=b#c", b"http://127.0.0.1:8080%s/p/qx/?a=b#c"),
    ],
)
async def test_behind_a_route_that_takes_a_prefix_off(prefix, path, inside, outside):
    filters = Filters(rewrite=Rewrite(path=PathEdit("/", prefix)))
    card = b'{"url":"%s","preferredTransport":"JSONRPC"}'
    async with cards(ok(card % inside), path=prefix, filters=filters) as gateway:
        client = await gateway.client(ask(prefix.encode() + path))
        assert (await client.response()).body == card % (outside % prefix.encode())
        assert gateway.requests()[0].start[1] == path


# --- what both have in common -------------------------------------------------------------------------------------

ASKED = {
    "rpc": (post(call(METHODS[0])), result),
    "rest": (ask(b"/extendedAgentCard"), lambda card: card),
    "public": (ask(WELL_KNOWN), lambda card: card),
}
everywhere = pytest.mark.parametrize(("request_", "wrapped"), ASKED.values(), ids=ASKED)


@everywhere
async def test_a_signature_goes_with_the_first_changed_byte(request_, wrapped):
    async with cards(ok(wrapped(SIGNED))) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).body == wrapped(SHOWN)


@everywhere
async def test_a_card_of_public_urls_is_byte_identical(request_, wrapped):
    public = wrapped(
        b' { "url":"http://127.0.0.1:8080/a" ,"signatures":[{"signature":"x"}], "url":"http://127.0.0.1:8080"}'
    )
    lines = (b'ETag: "agents"', b"Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", b"Digest: sha-256=x")
    async with cards(ok(public, *lines)) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.body == public
        assert [response.one(name) for name in ("etag", "last-modified", "digest")] == [
            line.split(b": ")[1] for line in lines
        ]
        assert not gateway.count(REWRITTEN)


@pytest.mark.parametrize("path", [b"/v1/card", WELL_KNOWN])
async def test_an_unchanged_card_that_the_client_has(path):
    async with cards(ok(b'{"url":"http://127.0.0.1:8080/"}', b'ETag: W/"agents"')) as gateway:
        client = await gateway.client(ask(path, b'If-None-Match: "other", "agents"'))
        response = await client.response()
        assert (response.status, response.one("etag")) == (304, b'W/"agents"')


@everywhere
async def test_a_signed_card_that_must_stay_so_is_refused_in_the_callers_protocol(request_, wrapped):
    async with cards(ok(wrapped(SIGNED)), card=Card(signatures="Reject")) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.status == 502
        told = json.loads(response.body)
        if wrapped is result:
            assert (told["jsonrpc"], told["id"], told["error"]["code"]) == ("2.0", 1, -32603)
            assert told["error"]["message"].startswith("502 ")
            [info] = told["error"]["data"]
        else:
            assert told["error"]["code"] == 502
            [info] = told["error"]["details"]
        assert info["reason"] == "CARD_REFUSED"
        assert b"http://h" not in response.body
        assert gateway.count("agw_exchanges_total", 'reason="card_refused"') == 1
        await client.send(ask(b"/tasks/1"))
        assert (await client.response()).status == 200
        assert len(gateway.peers) == 1


@everywhere
async def test_other_urls_go_where_asked(request_, wrapped):
    async with cards(ok(wrapped(INTERNAL)), card=Card(other_urls="Drop")) as gateway:
        client = await gateway.client(request_)
        assert b"elsewhere" not in (await client.response()).body


@everywhere
@pytest.mark.parametrize("form", [b"h:50051", b"http://h:50051", b"https://h:50051"])
async def test_grpc_is_shown_nowhere_while_it_is_not_served(request_, wrapped, form):
    card = b'{"supportedInterfaces":[{"url":"%s","protocolBinding":"GRPC"},{"url":"http://h/"}]}' % form
    async with cards(ok(wrapped(card))) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).body == wrapped(b'{"supportedInterfaces":[{"url":"http://127.0.0.1:8080/"}]}')


@everywhere
async def test_the_gateways_key_is_advertised_beside_the_agents_own(request_, wrapped):
    policy = Policy(api_key=ApiKeyAuth(credentials="credentials/d/s"))
    card = b'{"url":"http://h/","security":[{"oauth":["a"]}],"securitySchemes":{"oauth":{"type":"oauth2"}}}'
    async with cards(ok(wrapped(card)), policy=policy) as gateway:
        client = await gateway.client(request_.replace(b"Host: a\r\n", b"Host: a\r\nX-API-Key: foo\r\n"))
        told = json.loads((await client.response()).body)
        told = told["result"] if wrapped is result else told
        scheme = told["securitySchemes"]["gatewayApiKey"]
        assert (scheme["type"], scheme["name"], scheme["apiKeySecurityScheme"]["name"]) == (
            "apiKey",
            "X-API-Key",
            "X-API-Key",
        )
        assert told["security"] == [{"oauth": ["a"], "gatewayApiKey": []}]
        assert told["securityRequirements"] == [{"schemes": {"oauth": {"list": ["a"]}, "gatewayApiKey": {"list": []}}}]


@pytest.mark.parametrize("kind", ["rpc", "rest"])
async def test_what_only_shares_a_path_with_cards_gets_nothing_of_them(kind):
    request, wrapped = ASKED[kind]
    policy = Policy(api_key=ApiKeyAuth(credentials="credentials/d/s"))
    body = wrapped(b'{"id":7,"security":[],"owner":"http://h/"}')
    async with cards(ok(body), policy=policy) as gateway:
        client = await gateway.client(request.replace(b"Host: a\r\n", b"Host: a\r\nX-API-Key: foo\r\n"))
        assert (await client.response()).body == body


@everywhere
@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        (b"gzip", gzip.compress),
        (b"X-Gzip", gzip.compress),
        (b"deflate", zlib.compress),
        (b"deflate", lambda text: zlib.compress(text, wbits=-15)),
        (b"identity", bytes),
    ],
)
async def test_a_coded_card_is_rewritten_and_comes_in_the_clear(request_, wrapped, coding, encode):
    async with cards(ok(encode(wrapped(INTERNAL)), b"Content-Encoding: " + coding)) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.body == wrapped(SHOWN)
        assert response.one("content-encoding") is None


BOMB = gzip.compress(b'{"url":"http://h/","pad":"%s"}' % (b"x" * (64 << 20)))
HUGE = b'{"url":"http://h:9999/","pad":"%s"}' % (b"x" * MAX_CARD_BYTES)
PASSED = {
    "error": ok(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32007,"message":"http://h:9999/"}}'),
    "no card": ok(b'["http://h:9999/"]'),
    "text": ok(b"http://h:9999/", media=b"text/plain"),
    "404": ok(INTERNAL, status=b"404 Not Found"),
    "401": ok(INTERNAL, b'WWW-Authenticate: Bearer realm="x"', status=b"401 Unauthorized"),
    "206": ok(INTERNAL, status=b"206 Partial Content"),
    "broken": ok(INTERNAL[:-1]),
    "empty": ok(b""),
    "deep": ok(b'{"result":{"url":"http://h/","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"),
    "huge": ok(HUGE),
    "huge result": ok(result(HUGE)),
    "br": ok(INTERNAL, b"Content-Encoding: br"),
    "twice": ok(gzip.compress(gzip.compress(INTERNAL)), b"Content-Encoding: gzip, gzip"),
    "no gzip": ok(INTERNAL, b"Content-Encoding: gzip"),
    "cut gzip": ok(gzip.compress(INTERNAL)[:-9], b"Content-Encoding: gzip"),
    "bomb": ok(BOMB, b"Content-Encoding: gzip"),
}


@everywhere
@pytest.mark.parametrize("answer", PASSED.values(), ids=PASSED)
async def test_what_is_no_card_to_rewrite_passes_byte_for_byte(request_, wrapped, answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    async with cards(head + b'\r\nETag: "agents"\r\n\r\n' + body) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert b"HTTP/1.1 %d" % response.status in head
        assert response.body == body
        assert response.one("etag") == b'"agents"'
        assert response.one("content-length") == b"%d" % len(body)
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b": ")
            assert response.one(name.decode().lower()) == value


@everywhere
async def test_a_card_over_the_bound_that_does_not_say_so(request_, wrapped):
    body = wrapped(HUGE)
    async with cards(in_chunks(body, size=40_000)) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).body == body


@pytest.mark.parametrize("path", [b"/v1/card", WELL_KNOWN])
async def test_the_head_of_a_card_over_the_bound(path):
    async with cards(ok(HUGE)) as gateway:
        client = await gateway.client(ask(path, method=b"HEAD"))
        assert (await client.response(head=True)).one("content-length") == b"%d" % len(HUGE)
        await client.send(ask(b"/tasks/1"))
        assert (await client.response()).body == HUGE


@pytest.mark.parametrize("media", [b"text/html", b"application/jsonx", b"application/octet-stream", b"json", b""])
@pytest.mark.parametrize("kind", ["rpc", "rest"])
async def test_an_extended_card_is_json_by_its_media_type(kind, media):
    request, wrapped = ASKED[kind]
    async with cards(ok(wrapped(INTERNAL), media=media)) as gateway:
        client = await gateway.client(request)
        # Without a media type a reader has to guess (RFC 9110 8.3), and guesses JSON here.
        assert (await client.response()).body == wrapped(INTERNAL if media else SHOWN)


@everywhere
@pytest.mark.parametrize("media", [b"application/a2a+json", b"Application/JSON ; charset=utf-8", b"text/json"])
async def test_json_under_its_other_names(request_, wrapped, media):
    async with cards(ok(wrapped(INTERNAL), media=media)) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.body == wrapped(SHOWN)
        assert response.one("content-type") == media


@everywhere
async def test_an_event_stream_is_not_held_back(request_, wrapped):
    async def streams(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: %s\n\n" % wrapped(INTERNAL))
        await peer.more()

    async with cards(script=streams) as gateway:
        client = await gateway.client(request_)
        await client.contains(b"data: ")
        await client.contains(wrapped(INTERNAL)[-10:])
        client.close()


@everywhere
async def test_bytes_that_are_no_utf_8_stay_and_hide_nothing(request_, wrapped):
    card = b'{"name":"\xff\xc3","url":"http://h:9999/a\xe9","x":"\\ud800\xed\xa0\x80"}'
    async with cards(ok(wrapped(card))) as gateway:
        client = await gateway.client(request_)
        body = (await client.response()).body
        assert b'"name":"\xff\xc3"' in body
        assert b'"x":"\\ud800\xed\xa0\x80"' in body
        assert b"http://h" not in body


@everywhere
async def test_a_card_that_is_cut_is_a_502_and_not_half_a_card(request_, wrapped):
    async def cuts(peer):
        await peer.request()
        await peer.send(ok(wrapped(INTERNAL))[:-5])
        peer.cut()

    async with cards(script=cuts) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.status == 502
        assert b"http://h" not in response.body


@everywhere
async def test_a_client_that_leaves_before_its_card_is_whole(request_, wrapped):
    async def stalls(peer):
        await peer.request()
        await peer.send(ok(wrapped(INTERNAL))[:-5])
        while await peer.more():
            pass

    async with cards(script=stalls) as gateway:
        client = await gateway.client(request_)
        await until(gateway.received, "the agent has it")
        client.reset()
        await until(lambda: all(peer.ended for peer in gateway.peers), "the agent is told")


@everywhere
@pytest.mark.parametrize(("trusted", "scheme"), [(True, b"https"), (False, b"http")])
async def test_a_trusted_proxy_that_speaks_https_is_believed(request_, wrapped, trusted, scheme):
    peers = ("127.0.0.0/8",) if trusted else ("10.0.0.0/8",)
    told = request_.replace(b"Host: a\r\n", b"Host: agents.example\r\nX-Forwarded-Proto: https\r\n")
    async with cards(ok(wrapped(b'{"url":"http://h:9999/a"}')), forwarding=Forwarding(peers)) as gateway:
        client = await gateway.client(told)
        public = b"agents.example" if trusted else b"127.0.0.1:8080"
        assert (await client.response()).body == wrapped(b'{"url":"%s://%s/a"}' % (scheme, public))


async def test_other_backends_have_no_cards():
    async with cards(ok(INTERNAL)) as gateway:
        plain = entries(gateway.agent_port)
        gateway.swap(plain)
        for request in (ask(WELL_KNOWN), ask(b"/v1/card"), post(call(METHODS[0]))):
            client = await gateway.client(request)
            assert (await client.response()).body == INTERNAL


# --- who may see them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (ask(WELL_KNOWN), 200),
        (ask(b"/v1/card"), 401),
        (ask(b"/t/extendedAgentCard"), 401),
        (ask(b"/agent/authenticatedExtendedCard"), 401),
        (ask(WELL_KNOWN + b"/"), 401),
        (ask(WELL_KNOWN, method=b"POST"), 401),
        (post(call(METHODS[0])), 401),
        (post(call(METHODS[1]), WELL_KNOWN), 401),
    ],
)
async def test_an_extended_card_is_never_public(request_, status):
    policy = Policy(api_key=ApiKeyAuth(credentials="credentials/d/s", public_agent_card=True))
    async with cards(ok(INTERNAL), policy=policy) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).status == status
        assert bool(gateway.received()) == (status == 200)


@pytest.mark.parametrize(
    ("request_", "status"),
    [(ask(WELL_KNOWN), 200), (ask(b"/v1/card"), 403), (post(call(METHODS[0])), 403), (post(call(METHODS[1])), 403)],
)
async def test_it_is_an_operation_of_its_own(request_, status):
    policy = Policy(authorization=(AuthorizationRule("Allow", operations=("GetAgentCard",)),))
    async with cards(ok(INTERNAL), policy=policy) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).status == status
