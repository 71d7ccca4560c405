"""Authorization by operation: a request is kept back until it is known, and what is not allowed reaches nobody whole."""

from contextlib import asynccontextmanager

import msgspec
import pytest

from agw.snapshot.model import AuthorizationRule, Limit, Policy
from tests.wire.gateway import OK, entries, replies, serving, until
from tests.wire.test_operations import post, rpc

SEND, CANCEL = rpc(b"message/send"), rpc(b"tasks/cancel")
RULES = (
    AuthorizationRule("Deny", operations=("CancelTask",)),
    AuthorizationRule("Allow", operations=("SendMessage", "GetTask", "GetAgentCard")),
)
FORBIDDEN = 'reason="forbidden"'


@asynccontextmanager
async def guarded(*rules, script=None, protocol="A2A", request_timeout_ms=0, **limits):
    """A gateway whose policy has these rules."""
    async with serving(script or replies(OK), **limits) as gateway:
        served = entries(gateway.agent_port)
        rule = served["rule/HTTPRoute/d/r/0"]
        backend = served["backend/Backend/d/b"]
        gateway.swap(
            {
                **served,
                "policy/g": Policy(authorization=rules or RULES),
                "rule/HTTPRoute/d/r/0": msgspec.structs.replace(
                    rule, policy="policy/g", request_timeout_ms=request_timeout_ms
                ),
                "backend/Backend/d/b": msgspec.structs.replace(backend, protocol=protocol),
            }
        )
        yield gateway


def pieces(request):
    """Head, then the body byte by byte."""
    head = request.index(b"\r\n\r\n") + 4
    return [request[:head], *(request[at : at + 1] for at in range(head, len(request)))]


ALLOWED = [
    post(SEND),
    post(rpc(b"GetTask")),
    post(b'{"params":{"message":{"parts":[{"text":"%s"}]}},"method":"message/send","jsonrpc":"2.0"}' % (b"x" * 9_000)),
    post(SEND[:-1] + b',"more":"%s"}' % (b"x" * 300_000)),
    post(SEND, media=b"application/json; charset=UTF-8"),
    post(SEND, media=b'application/a2a+json;charset="utf-8"'),
    post(b'{"message":{}}', b"/v1/message:send"),
    b"GET /v1/tasks/7 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: a\r\n\r\n",
]
REFUSED = [
    post(CANCEL),
    post(rpc(b"tasks/nothing")),
    post(b"nonsense"),
    post(b"[%s]" % SEND),
    post(SEND, media=b"text/plain"),
    post(SEND, more=b"Content-Encoding: gzip\r\n"),
    post(b""),
    post(b'{"params":"%s","method":"message/send","jsonrpc":"2.0"}' % (b"x" * 200_000)),
    post(b"{}", b"/v1/tasks/7:cancel"),
    post(SEND, b"/message:send", b"text/plain"),
    post(SEND, media=b"application/json; charset=utf-7"),
    post(SEND, media=b"application/json; charset=utf-8; charset=utf-7"),
    post(SEND, media=b"application/json; a=b"),
    post(rpc(b"tasks/get"), b"/tasks/7:cancel%0A"),
    post(rpc(b"tasks/get"), b"/tasks/7:CANCEL"),
    post(rpc(b"tasks/get"), b"/tasks/7:cancel;x"),
    post(rpc(b"tasks/get"), b"/lf.a2a.v1.A2AService/CancelTask"),
    b"GET /tasks/7:Subscribe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /tasks/7:subscribe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"get /tasks/7 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]
TURNED = [
    SEND.replace(b'"id":1', b'"id":1,"method":"tasks/cancel"'),
    SEND.replace(b'"id":1', b'"id":1,"Method":"tasks/cancel"'),
    SEND + b"}",
    SEND.replace(b'"2.0"', b'"1.0"'),
    SEND[:-1],
]


@pytest.mark.parametrize("request_", ALLOWED)
@pytest.mark.parametrize("protocol", ["A2A", "HTTP"])
@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_allowed_arrives_as_it_was_sent(request_, protocol, whole):
    async with guarded(protocol=protocol) as gateway:
        client = await gateway.client()
        cut = pieces(request_) if not whole and len(request_) < 1_000 else [request_]
        await client.send(*cut)
        assert (await client.response()).status == 200
        [arrived] = gateway.requests()
        assert request_.endswith(b"\r\n\r\n" + arrived.body)
        await client.send(post(SEND))
        assert (await client.response()).status == 200


@pytest.mark.parametrize("request_", REFUSED)
@pytest.mark.parametrize("protocol", ["A2A", "HTTP"])
@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_not_allowed_reaches_nobody(request_, protocol, whole):
    async with guarded(protocol=protocol) as gateway:
        client = await gateway.client()
        await client.send(*(pieces(request_) if not whole and len(request_) < 1_000 else [request_]))
        head = request_.startswith(b"HEAD")
        response = await client.response(head=head)
        assert response.status == 403
        assert head or b'"reason":"FORBIDDEN"' in response.body
        assert gateway.received() == b""
        assert gateway.count("agw_exchanges_total", FORBIDDEN) == 1
        if response.one("connection") is None:
            await client.send(post(SEND))
            assert (await client.response()).status == 200


@pytest.mark.parametrize("body", TURNED)
@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("whole", [True, False])
async def test_what_turns_out_to_be_something_else_is_complete_for_nobody(body, chunked, whole):
    request = post(body)
    if chunked:
        chunks = b"".join(b"1\r\n%s\r\n" % body[at : at + 1] for at in range(len(body))) + b"0\r\n\r\n"
        request = (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunks
        )
    async with guarded() as gateway:
        client = await gateway.client()
        await client.send(*([request] if whole else pieces(request)))
        assert (await client.response()).status == 403
        await until(lambda: all(peer.ended for peer in gateway.peers), "the agent is told")
        whole_ones = [message for peer in gateway.peers if (message := read(peer.received))]
        # Only a length that the last byte completes is one: what it completes is no JSON.
        assert not whole_ones or (body == SEND[:-1] and not chunked)


def read(data):
    """The requests that came whole."""
    from tests.oracles.strict_http1 import read_request

    found = read_request(data) if data else None
    return found[0] if found else None


@pytest.mark.parametrize(
    "body",
    [
        CANCEL,
        CANCEL.replace(b'"id":1', b'"id":1,"id":1'),
        CANCEL.replace(b'"id":1', b'"Method":1'),
        CANCEL.replace(b'"id":1', b'"method":null'),
        b"[%s]" % CANCEL,
        b"\xef\xbb\xbf" + CANCEL,
        CANCEL.decode().encode("utf-16"),
    ],
)
async def test_a_path_and_an_envelope_are_one_name_too_many(body):
    async with guarded() as gateway:
        client = await gateway.client(post(body, b"/message:send"))
        assert (await client.response()).status == 403
        assert not any(read(peer.received) for peer in gateway.peers)


async def test_a_websocket_of_a_task_is_no_tunnel():
    handshake = (
        b"GET /tasks/7 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with guarded() as gateway:
        client = await gateway.client(handshake)
        assert (await client.response()).status == 200
        assert b"pgrade: websocket" not in gateway.received()


async def test_the_time_of_a_request_runs_while_it_is_kept_back():
    async with guarded(request_timeout_ms=100) as gateway:
        client = await gateway.client(post(SEND)[: 10 - len(SEND)])
        assert (await client.response()).status == 504


async def test_who_waits_for_100_is_asked_for_its_body():
    async with guarded() as gateway:
        head, _, body = post(SEND, more=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        client = await gateway.client(head + b"\r\n\r\n")
        await client.contains(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.buffer = b""
        await client.send(body)
        assert (await client.response()).status == 200
        assert gateway.requests()[0].body == body


async def test_by_consumer_alone_nothing_is_kept_back():
    async with guarded(AuthorizationRule("Allow", consumers=("alice",))) as gateway:
        client = await gateway.client(post(SEND))
        assert (await client.response()).status == 403
        assert gateway.received() == b""


async def test_pipelined_requests_are_each_judged():
    async with guarded() as gateway:
        client = await gateway.client(post(SEND) + post(CANCEL) + post(rpc(b"tasks/get")) + post(CANCEL))
        assert [(await client.response()).status for _ in range(4)] == [200, 403, 200, 403]
        assert len(gateway.requests()) == 2


async def test_a_client_that_goes_away_meanwhile_leaves_nothing_behind():
    async with guarded() as gateway:
        client = await gateway.client(post(SEND)[: 10 - len(SEND)])
        await until(lambda: gateway.count("agw_downstream_received_bytes_total"), "it is read")
        client.reset()
        await until(lambda: not gateway.reactor.live()["exchanges"], "it has ended")
        assert gateway.received() == b""


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("body", [CANCEL, b'{"message":{},"method":"tasks/cancel"}'])
async def test_an_envelope_behind_a_path_is_refused_where_ids_are_waited_for_too(whole, body):
    # The agent is connected already: what is decided is sent at once, so the end of the body is too late to refuse.
    rules, limits = (AuthorizationRule("Allow", operations=("SendMessage",)),), (Limit(1, 3600, 100, "Context"),)
    async with guarded(*rules) as gateway:
        await (await gateway.client(post(SEND))).response()
        await refused_by_path(gateway, Policy(authorization=rules, limits=limits), post(body, b"/message:send"), whole)


async def refused_by_path(gateway, policy, request, whole):
    served = entries(gateway.agent_port)
    rule = msgspec.structs.replace(served["rule/HTTPRoute/d/r/0"], policy="policy/g")
    gateway.swap({**served, "policy/g": policy, "rule/HTTPRoute/d/r/0": rule})
    client = await gateway.client(post(SEND))
    assert (await client.response()).status == 200
    before = gateway.received()
    await client.send(*([request] if whole else pieces(request)))
    assert (await client.response()).status == 403
    assert gateway.received() == before
