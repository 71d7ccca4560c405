"""Event streams of agents: bytes pass as they came, signs of life stand between events, and what happened is counted."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agw._fastpath.access_log import AccessLog
from tests.oracles.answers import STREAMS
from tests.oracles.envelopes import cuts
from tests.oracles.event_stream import events
from tests.wire.gateway import Session, entries, serving, until

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = SSE + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = SSE + b"\r\n"
END = b"0\r\n\r\n"
COMMENT = b": keep-alive\n\n"
STATES = ("submitted", "working", "input-required", "completed", "failed", "unknown")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def status(state, *, wrapped=False):
    """An event about a task, of either generation."""
    update = b'{"taskId":"t","contextId":"c","status":{"state":"%s"}}' % state
    return b'data: {"jsonrpc":"2.0","id":1,"result":%s}\n\n' % (b'{"statusUpdate":%s}' % update if wrapped else update)


def post(path=b"/", version=b"1.1", method=b"message/stream"):
    body = b'{"jsonrpc":"2.0","id":1,"method":"%s"}' % method
    return b"POST %s HTTP/%s\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        *(path, version, len(body)),
        body,
    )


class Streaming:
    """An agent that streams when and what the test says, one stream a connection."""

    def __init__(self):
        self.peers = []
        self.ends = asyncio.Event()

    async def __call__(self, peer):
        if await peer.request() is not None:
            self.peers.append(peer)
            await self.ends.wait()

    async def peer(self, count=1):
        await until(lambda: len(self.peers) >= count, "a request at the agent")
        return self.peers[count - 1]


@asynccontextmanager
async def streaming(keep_alive_ms=0, **backend):
    """A gateway before an agent that streams."""
    agent = Streaming()
    async with serving(agent) as gateway:
        served = entries(gateway.agent_port)
        changed = msgspec.structs.replace(
            served["backend/Backend/d/b"], **{"protocol": "A2A", "keep_alive_ms": keep_alive_ms, **backend}
        )
        gateway.swap({**served, "backend/Backend/d/b": changed})
        try:
            yield gateway, agent
        finally:
            agent.ends.set()


async def opened(gateway, agent, head=CHUNKED, request=None):
    """A client and its agent, whose stream has begun."""
    client = await gateway.client(request or post())
    peer = await agent.peer(len(agent.peers) + 1)
    await peer.send(head)
    await client.contains(b"\r\n\r\n")
    return client, peer


def ends(gateway):
    counted = {
        by: gateway.count("agw_stream_ends_total", f'by="{by}"')
        for by in ("agent", "agent_cut", "client", "gateway", "timeout")
    }
    return {by: count for by, count in counted.items() if count}


def states(gateway):
    counted = {name: gateway.count("agw_a2a_task_states_total", f'state="{name}"') for name in STATES}
    return {name: count for name, count in counted.items() if count}


async def commented(client, count):
    """Wait until so many comments have come."""
    while client.buffer.count(COMMENT) < count:
        assert await client.more(), f"ended early: {client.buffer!r}"


# --- signs of life ------------------------------------------------------------------------------------------------


async def test_a_silent_stream_is_kept_alive_from_its_head_on():
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await commented(client, 2)
        await peer.send(chunk(b"data: a\n\n"))
        await client.contains(b"data: a\n\n")
        before = client.buffer.count(COMMENT)
        await commented(client, before + 2)
        await peer.send(chunk(b"data: b\n\n") + END)
        body = (await client.response()).body
        assert body.replace(COMMENT, b"") == b"data: a\n\ndata: b\n\n"
        assert body.startswith(COMMENT + COMMENT)
        assert events(body)[0] == [b"a", b"b"]


async def test_a_client_that_waits_no_longer_outlives_a_silent_agent():
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent)
        for _ in range(12):
            async with asyncio.timeout(5):  # what it takes for a connection that has died
                assert await client.more()
        await peer.send(chunk(status(b"completed")) + END)
        assert (await client.response()).body.endswith(status(b"completed"))


@pytest.mark.parametrize(
    "begun", [b"data: a\n", b"data: a", b"d", b"id: 7\n", b"data: a\r\n", b": not yet", b"\xef\xbb"]
)
async def test_none_stands_within_an_event_or_a_line(begun):
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await peer.send(chunk(begun))
        while not client.buffer.endswith(chunk(begun)):
            assert await client.more()
        before = client.buffer
        other, _ = await opened(gateway, agent)
        await commented(other, 3)
        assert not client.peek()
        assert client.buffer == before
        await peer.send(chunk(b"\n\n"))
        await commented(client, before.count(COMMENT) + 1)


async def test_a_comment_of_the_agent_leaves_a_boundary_behind_it():
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await peer.send(chunk(b": connected\n"))
        await client.contains(b": connected\n")
        await commented(client, client.buffer.count(COMMENT) + 1)


async def test_a_client_of_http_1_0_gets_them_without_chunks():
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent, request=post(version=b"1.0"))
        await commented(client, 2)
        await peer.send(chunk(b"data: a\n\n") + END)
        body = (await client.rest()).partition(b"\r\n\r\n")[2]
        assert body.replace(COMMENT, b"") == b"data: a\n\n"
        assert body.startswith(COMMENT)


async def test_an_agent_that_ends_by_closing_is_kept_alive_too():
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent, UNTIL_CLOSE)
        await commented(client, 1)
        await peer.send(b"data: a\n\n")
        peer.cut()
        assert events((await client.response()).body)[0] == [b"a"]


@pytest.mark.parametrize(
    "head",
    [
        SSE + b"Content-Length: 9\r\n\r\n",
        SSE + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_nothing_is_put_where_there_is_no_room_for_it(head):
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent, head)
        other, _ = await opened(gateway, agent)
        await commented(other, 3)
        assert not client.peek()
        await peer.send(b"data: a\n\n" if b"Content-Length" in head else chunk(b"data: a\n\n") + END)
        assert (await client.response()).body == b"data: a\n\n"


async def test_without_one_said_there_are_none():
    async with streaming() as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await peer.send(chunk(b"data: a\n\n") + END)
        assert (await client.response()).body == b"data: a\n\n"


@pytest.mark.parametrize("pieces", [[b"\xef\xbb\xbfdata: a\n\n"], [b"\xef", b"\xbb", b"\xbfdata: a\n\n"]])
async def test_a_byte_order_mark_behind_a_comment_breaks_no_event(pieces):
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await commented(client, 1)
        for piece in pieces:
            await peer.send(chunk(piece))
        await peer.send(END)
        assert events((await client.response()).body)[0] == [b"a"]


async def test_half_a_byte_order_mark_passes():
    async with streaming(1) as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await commented(client, 1)
        await peer.send(chunk(b"\xef\xbb"))
        await peer.send(chunk(b"x\n") + END)
        assert (await client.response()).body.replace(COMMENT, b"") == b"\xef\xbbx\n"


async def test_they_are_not_the_agents_bytes(tmp_path):
    async with streaming(1) as (gateway, agent):
        log = Log(tmp_path / "log", gateway)
        client, peer = await opened(gateway, agent)
        await commented(client, 2)
        await peer.send(chunk(b"data: a\n\n") + END)
        await client.response()
        assert log.line()["bytes_out"] == 9


# --- what is counted ----------------------------------------------------------------------------------------------


class Log:
    """The access log of a gateway."""

    def __init__(self, path, gateway):
        self.path = path
        self.gateway = gateway
        self.log = AccessLog(str(path), -1, counters=gateway.counters)
        gateway.reactor.log_access(self.log)

    def line(self):
        """The only line."""
        self.gateway.reactor.log_access(None)
        self.log.close()
        [line] = self.path.read_text().splitlines()
        return msgspec.json.decode(line)


async def test_the_events_of_a_stream_and_its_last_state(tmp_path):
    async with streaming() as (gateway, agent):
        log = Log(tmp_path / "log", gateway)
        client, peer = await opened(gateway, agent)
        await peer.send(chunk(status(b"submitted") + b": ping\n\n" + status(b"TASK_STATE_WORKING", wrapped=True)))
        await peer.send(chunk(b"data: no JSON\n\n" + b'data: {"result":\ndata: {"kind":"message"}}\n\n'))
        await peer.send(chunk(status(b"TASK_STATE_COMPLETED", wrapped=True) + b"data: cut") + END)
        await client.response()
        assert gateway.count("agw_stream_events_total") == 5
        assert ends(gateway) == {"agent": 1}
        assert states(gateway) == {"completed": 1}
        line = log.line()
        assert (line["events"], line["task_state"], line["ended_by"]) == (5, "completed", "agent")
        assert line["first_event_ms"] <= line["total_ms"]


@pytest.mark.parametrize("state", ["working", "input-required", "unknown"])
async def test_the_state_of_a_task_in_http_json(state):
    async with streaming() as (gateway, agent):
        request = post(b"/v1/message:stream")
        client, peer = await opened(gateway, agent, request=request)
        told = b'data: {"statusUpdate":{"taskId":"t","status":{"state":"%s"}}}\n\n'
        await peer.send(chunk(told % (b"paused" if state == "unknown" else state.encode())) + END)
        await client.response()
        assert states(gateway) == {state: 1}


async def test_a_stream_that_the_agent_cuts():
    async with streaming() as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await peer.send(chunk(status(b"working")))
        await client.contains(b"working")
        peer.cut()
        await client.rest()
        assert (ends(gateway), states(gateway)) == ({"agent_cut": 1}, {"working": 1})


async def test_a_stream_that_its_client_leaves():
    async with streaming() as (gateway, agent):
        client, peer = await opened(gateway, agent)
        client.close()
        await until(lambda: ends(gateway), "the end of the stream")
        assert ends(gateway) == {"client": 1}
        assert await peer.more() is False


async def test_a_stream_that_the_end_of_the_gateway_cuts():
    async with streaming(1) as (gateway, agent):
        client, _ = await opened(gateway, agent)
        gateway.reactor.cut()
        await client.rest()
        assert ends(gateway) == {"gateway": 1}


async def test_streams_of_others_than_a2a_agents_are_not_looked_into():
    async with streaming(1, protocol="HTTP") as (gateway, agent):
        client, peer = await opened(gateway, agent)
        await peer.send(chunk(status(b"working")) + END)
        assert (await client.response()).body == status(b"working")
        assert gateway.count("agw_stream_events_total") == 0
        assert (ends(gateway), states(gateway)) == ({"agent": 1}, {})


async def test_an_answer_of_json_is_not_looked_into_without_need():
    async with streaming() as (gateway, agent):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        client, peer = await opened(gateway, agent, head)
        await peer.send(chunk(b'{"result":{"id":"t","status":{"state":"working"}}}') + END)
        await client.response()
        assert states(gateway) == {}


# --- bytes --------------------------------------------------------------------------------------------------------


def test_any_stream_passes_byte_for_byte_and_its_events_are_counted():
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        told = []

        async def script(peer):
            while await peer.request() is not None:
                await peer.send(CHUNKED)
                for piece in told:
                    await peer.send(chunk(piece))
                await peer.send(END)

        gateway: Session = runner.run(stack.enter_async_context(serving(script)))
        served = entries(gateway.agent_port)
        backend = msgspec.structs.replace(served["backend/Backend/d/b"], protocol="A2A", keep_alive_ms=60_000)
        gateway.swap({**served, "backend/Backend/d/b": backend})
        client = runner.run(gateway.client())

        async def exchanged():
            await client.send(post())
            return (await client.response()).body

        @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
        @given(STREAMS, st.integers(0, 1000), st.booleans())
        def one(stream, seed, bytewise):
            pieces = [stream[at : at + 1] for at in range(len(stream))] if bytewise else cuts(stream, seed)
            told[:] = [piece for piece in pieces if piece]
            before = gateway.count("agw_stream_events_total")
            assert runner.run(exchanged()) == stream
            assert gateway.count("agw_stream_events_total") - before == len(events(stream)[0])

        one()
        runner.run(stack.aclose())
