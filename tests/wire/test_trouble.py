"""Agents and clients that fail: a cut is never a clean end, and nothing is answered with another's bytes."""

import asyncio

import msgspec
import pytest

from tests.oracles.strict_http1 import read_response
from tests.wire.gateway import GET, OK, closed_port, entries, replies, serving, until

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def once(answer, *, reset=False):
    """Answer one request on each connection, then cut it."""

    async def script(peer):
        if await peer.request() is not None:
            await peer.send(answer)
            peer.cut(reset=reset)

    return script


@pytest.mark.parametrize(
    "answer", [HEAD + b"Content-Length: 10\r\n\r\nabc", CHUNKED + b"3\r\nabc\r\n", CHUNKED + b"3\r\nab", CHUNKED]
)
async def test_a_truncated_answer_is_aborted(answer):
    async with serving(once(answer)) as gateway:
        client = await gateway.client(GET)
        rest = await client.rest()
        assert b"200 OK" in rest or not rest
        assert read_response(rest) is None
        assert b"0\r\n\r\n" not in rest.partition(b"\r\n\r\n")[2]


async def test_a_malformed_chunk_is_aborted():
    async with serving(replies(CHUNKED + b"3\r\nabc\r\nzz\r\n")) as gateway:
        rest = await (await gateway.client(GET)).rest()
        assert read_response(rest) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 2",
        b"nonsense\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"X: a\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_no_valid_answer_is_502(answer):
    async with serving(once(answer)) as gateway:
        assert (await (await gateway.client(GET)).response()).status == 502
        assert len(gateway.requests()) == 1


async def test_no_answer_in_time_is_504():
    async def script(peer):
        while await peer.more():
            pass

    async with serving(script, rule={"backend_timeout_ms": 50}) as gateway:
        assert (await (await gateway.client(GET)).response()).status == 504
        await until(lambda: gateway.peers[0].ended, "the agent's connection closed")


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        OK + b"x",
        b"HTTP/1.1 204 No Content\r\n\r\nevil",
        b"HTTP/1.1 304 Not Modified\r\n\r\nevil",
        CHUNKED + b"0\r\n\r\nevil",
    ],
)
async def test_bytes_after_an_answer_reach_nobody(answer):
    async with serving(replies(answer)) as gateway:
        client = await gateway.client()
        for _ in range(2):
            await client.send(GET)
            message = await client.response()
            assert b"evil" not in message.body
            assert not client.buffer
        assert len(gateway.peers) == 2


async def test_a_body_after_head_reaches_nobody():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        assert (await client.response(head=True)).status == 200
        assert (await client.response()).body == b"hello"
        assert len(gateway.peers) == 2


async def test_unsolicited_bytes_on_an_idle_connection_discard_it():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await gateway.peers[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await client.send(GET)
        assert (await client.response()).body == b"hello"
        assert len(gateway.peers) == 2


async def test_no_endpoint_accepts_is_503():
    async with serving(replies(OK)) as gateway:
        gateway.swap(entries(closed_port()))
        assert (await (await gateway.client(GET)).response()).status == 503


SSE = HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def stream(ready, *, clean=False):
    """Send one event each time that `ready` says so; None ends, by death unless clean."""

    async def script(peer):
        await peer.request()
        await peer.send(SSE)
        while (event := await ready.get()) is not None:
            await peer.send(b"%x\r\n%s\r\n" % (len(event), event))
        if clean:
            await peer.send(b"0\r\n\r\n")

    return script


async def test_each_event_passes_as_it_comes_and_death_aborts():
    ready = asyncio.Queue()
    async with serving(stream(ready)) as gateway:
        client = await gateway.client(GET)
        for n in range(5):
            ready.put_nowait(b"data: %d\n\n" % n)
            await client.contains(b"data: %d\n\n" % n)
        ready.put_nowait(None)
        assert read_response(await client.rest()) is None


async def test_a_stream_outlives_a_swap_and_new_requests_see_the_new_table():
    ready = asyncio.Queue()
    async with serving(stream(ready, clean=True)) as gateway:
        client = await gateway.client(GET)
        ready.put_nowait(b"data: 1\n\n")
        await client.contains(b"data: 1\n\n")
        gateway.swap({})
        other = await gateway.client(GET)
        assert (await other.response()).status == 404
        ready.put_nowait(b"data: 2\n\n")
        ready.put_nowait(None)
        assert (await client.response()).body == b"data: 1\n\ndata: 2\n\n"


async def test_a_client_that_goes_away_closes_the_agents_connection():
    ready = asyncio.Queue()

    async def script(peer):
        await peer.request()
        await peer.send(SSE + b"1\r\nx\r\n")
        while await peer.more():
            pass

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.contains(b"x\r\n")
        client.close()
        await until(lambda: gateway.peers[0].ended, "the agent's connection closed")
        await until(lambda: gateway.reactor.live()["upstreams"] == 0, "no upstream")
        assert ready.empty()


async def test_drain_answers_with_close():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(GET)
        await client.response()
        gateway.reactor.drain()
        other = await gateway.client(GET)
        assert (await other.response()).one("connection") == b"close"
        assert await other.rest() == b""
        assert await client.rest() == b""


async def test_a_slow_reader_holds_the_agent_back():
    # Far more than the kernel's buffers on the way take: without back-pressure the agent gets rid of all of it.
    total, block = 96 << 20, b"x" * 65536
    sent = 0

    async def script(peer):
        nonlocal sent
        await peer.request()
        await peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % total)
        while sent < total:
            await peer.send(block)
            sent += len(block)

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.contains(b"\r\n\r\n")
        still, last = 0, -1
        while still < 200:
            still, last = (still + 1, last) if sent == last else (0, sent)
            await asyncio.sleep(0.001)
        assert sent < total // 2
        got = len(client.buffer.partition(b"\r\n\r\n")[2])
        while got < total:
            client.buffer = b""
            assert await client.more(1 << 18)
            got += len(client.buffer)
        assert got == total


async def test_a_fault_of_ours_is_a_500_and_costs_nothing_else(caplog):
    def broken(*_):
        raise RuntimeError("a bug")

    card = GET.replace(b"GET /", b"GET /.well-known/agent-card.json")
    async with serving(replies(HEAD + b"Content-Length: 2\r\n\r\n{}"), rewrite_card=broken) as gateway:
        changed = entries(gateway.agent_port)
        backend = changed["backend/Backend/d/b"]
        gateway.swap(changed | {"backend/Backend/d/b": msgspec.structs.replace(backend, protocol="A2A")})
        client = await gateway.client(card)
        assert (await client.response()).status == 500
        await client.send(GET)
        assert (await client.response()).body == b"{}"
        assert gateway.count("agw_exceptions_total") == 1
    assert "a bug" in caplog.text
