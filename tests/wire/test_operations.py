"""Which operation a request to an A2A agent is: known on the way past, and nothing is changed or kept back for it."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracles.envelopes import ENVELOPES, write
from tests.wire.gateway import OK, entries, replies, serving
from tests.wire.table.feeds import EVERY

JSON = b"application/json"


def a2a(served):
    """The entries, with a backend that speaks A2A."""
    backend = served["backend/Backend/d/b"]
    return {**served, "backend/Backend/d/b": msgspec.structs.replace(backend, protocol="A2A")}


@asynccontextmanager
async def agent(script=None):
    """A gateway before an agent that speaks A2A."""
    async with serving(script or replies(OK)) as gateway:
        gateway.swap(a2a(entries(gateway.agent_port)))
        yield gateway


def post(body, path=b"/", media=JSON, more=b""):
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
        *(path, media, more, len(body)),
        body,
    )


def rpc(method):
    return b'{"jsonrpc":"2.0","id":1,"method":"%s","params":{"id":"t"}}' % method


async def operation_of(*pieces):
    """What the gateway counts a request as, which the agent must get as it was sent."""
    async with agent() as gateway:
        client = await gateway.client()
        await client.send(*pieces)
        assert (await client.response()).status == 200
        [request] = gateway.requests()
        assert b"".join(pieces).endswith(request.body)
        counted = {
            name: gateway.count("agw_a2a_requests_total", f'operation="{name}"')
            for name in (
                "unknown",
                "SendMessage",
                "SendStreamingMessage",
                "GetTask",
                "CancelTask",
                "GetExtendedAgentCard",
            )
        }
        return [name for name, count in counted.items() if count]


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (post(rpc(b"message/send")), "SendMessage"),
        (post(rpc(b"SendMessage")), "SendMessage"),
        (post(rpc(b"message/stream")), "SendStreamingMessage"),
        (post(rpc(b"tasks/get"), media=b"Application/JSON; charset=utf-8"), "GetTask"),
        (post(rpc(b"tasks/get"), media=b"application/a2a+json"), "GetTask"),
        (post(b"{}", b"/v1/message:send"), "SendMessage"),
        (post(b"nonsense", b"/message:stream", b"text/plain"), "SendStreamingMessage"),
        (post(b"", b"/tasks/7:cancel"), "CancelTask"),
        (b"GET /tasks/7 HTTP/1.1\r\nHost: a\r\n\r\n", "GetTask"),
        (b"GET /v1/card HTTP/1.1\r\nHost: a\r\n\r\n", "GetExtendedAgentCard"),
        (post(rpc(b"tasks/nothing")), "unknown"),
        (post(b"[%s]" % rpc(b"tasks/get")), "unknown"),
        (post(rpc(b"tasks/get") + b"}"), "unknown"),
        (post(rpc(b"tasks/get"), media=b"text/plain"), "unknown"),
        (post(rpc(b"tasks/get"), media=b"application/json;a=b"), "GetTask"),
        (post(rpc(b"tasks/get"), media=b"APPLICATION/A2A+JSON ;"), "GetTask"),
        (post(rpc(b"tasks/get"), media=b"application/json\ta"), "GetTask"),
        (post(rpc(b"tasks/get"), media=b"application/jso"), "unknown"),
        (post(rpc(b"tasks/get"), media=b"application/jsonx"), "unknown"),
        (post(rpc(b"tasks/get"), media=b"application/json,a"), "unknown"),
        (post(rpc(b"tasks/get"), media=b"application/a2a+jsonx"), "unknown"),
        (post(rpc(b"tasks/get"), more=b"Content-Encoding: gzip\r\n"), "unknown"),
        (post(b""), "unknown"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "unknown"),
    ],
)
async def test_the_operation_of_a_request(request_, operation):
    assert await operation_of(request_) == [operation]


async def test_wherever_it_is_cut():
    request = post(rpc(b"message/send"))
    head = request.index(b"\r\n\r\n") + 4
    assert await operation_of(request[:head], *(request[at : at + 1] for at in range(head, len(request)))) == [
        "SendMessage"
    ]


async def test_in_chunks():
    body = rpc(b"message/send")
    chunks = b"".join(b"1\r\n%s\r\n" % body[at : at + 1] for at in range(len(body))) + b"0\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with agent() as gateway:
        client = await gateway.client(head + chunks)
        assert (await client.response()).status == 200
        assert gateway.requests()[0].body == body
        assert gateway.count("agw_a2a_requests_total", 'operation="SendMessage"') == 1


async def test_others_than_a2a_agents_are_asked_for_none():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(post(rpc(b"message/send")))
        assert (await client.response()).status == 200
        assert not gateway.count("agw_a2a_requests_total", 'operation="SendMessage"')
        assert not gateway.count("agw_a2a_requests_total", 'operation="unknown"')


async def test_pipelined_requests_each_have_their_own():
    async with agent() as gateway:
        client = await gateway.client(b"".join(post(rpc(each)) for each in (b"message/send", b"tasks/get", b"nothing")))
        for _ in range(3):
            assert (await client.response()).status == 200
        for name in ("SendMessage", "GetTask", "unknown"):
            assert gateway.count("agw_a2a_requests_total", f'operation="{name}"') == 1


DAMAGE = st.tuples(st.integers(0, 10_000), st.binary(max_size=3))


def damaged(body, how):
    at, instead = how
    at %= len(body) + 1
    return body[:at] + instead + body[at + len(instead) :]


def test_adversarial_bodies_are_forwarded_byte_for_byte():
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        gateway = runner.run(stack.enter_async_context(agent()))
        client = runner.run(gateway.client())

        async def exchanged(body):
            await client.send(post(body))
            return (await client.response()).status

        @settings(max_examples=2000 // EVERY, deadline=None, suppress_health_check=list(HealthCheck))
        @given(ENVELOPES, st.booleans(), st.none() | DAMAGE)
        def one(value, escape, damage):
            body = write(value, escape).encode()
            body = damaged(body, damage) if damage else body
            assert runner.run(exchanged(body)) == 200
            assert gateway.requests()[-1].body == body
            gateway.peers[0].received, gateway.peers[0].at = b"", 0

        one()
        runner.run(stack.aclose())
