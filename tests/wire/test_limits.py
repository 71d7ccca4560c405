"""Limits, deadlines, old clients and early answers: what ends a request before its time, and how."""

import asyncio
import socket

import pytest

from tests.wire.gateway import GET, LIMIT, OK, replies, serving, until

CLOSE_WAIT = 8  # tcp_info.tcpi_state: the gateway's FIN has come, and no RST
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "


@pytest.mark.parametrize("keep", [False, True])
async def test_a_client_of_1_0_is_kept_only_where_it_asks(keep):
    request = b"GET / HTTP/1.0\r\nHost: a\r\n" + (b"Connection: keep-alive\r\n" if keep else b"") + b"\r\n"
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(request)
        response = await client.response()
        assert response.body == b"hello"
        if keep:
            await client.send(request)
            assert (await client.response()).body == b"hello"
        else:
            assert await client.rest() == b""


async def test_a_client_of_1_0_never_gets_chunks():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with serving(replies(chunked)) as gateway:
        client = await gateway.client(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        answer = await client.rest()
        assert answer.endswith(b"\r\n\r\nabc")
        assert b"ransfer-" not in answer


async def test_a_client_of_1_0_may_know_no_host():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(b"GET /a HTTP/1.0\r\n\r\n")
        assert (await client.response()).body == b"hello"
        assert b"\r\nHost: \r\n" in gateway.received()
        assert b"X-Forwarded-Host" not in gateway.received()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: %s\r\n" % (b"a" * 9_000) * 8 + b"\r\n", 431),
    ],
)
async def test_heads_that_are_too_large(sent, status):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(sent)
        assert (await client.rest()).startswith(b"HTTP/1.1 %d " % status)
        assert gateway.received() == b""


async def test_a_body_that_is_announced_too_large_reaches_nobody():
    async with serving(replies(OK), max_body=100) as gateway:
        client = await gateway.client(POST + b"101\r\n\r\n" + b"x" * 101)
        assert (await client.response()).status == 413
        assert gateway.received() == b""


async def test_a_body_that_grows_too_large_is_cut():
    async with serving(replies(OK), max_body=100) as gateway:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client = await gateway.client(head + b"40\r\n" + b"x" * 64 + b"\r\n")
        await until(lambda: gateway.peers, "the agent is dialled")
        await client.send(b"40\r\n" + b"x" * 64 + b"\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 413 ")
        await until(lambda: gateway.peers[0].ended, "the agent is told")
        assert not gateway.peers[0].received.endswith(b"0\r\n\r\n")


async def test_a_head_that_does_not_end_is_refused_at_its_deadline():
    async with serving(replies(OK), header_deadline_ms=200) as gateway:
        client = await gateway.client(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_stalls_is_refused_and_the_agent_told():
    async with serving(replies(OK), body_idle_ms=200) as gateway:
        client = await gateway.client(POST + b"10\r\n\r\nabc")
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
        await until(lambda: gateway.peers[0].ended, "the agent is told")


async def test_an_idle_connection_is_closed_without_a_word():
    async with serving(replies(OK), keepalive_idle_ms=200) as gateway:
        client = await gateway.client(GET)
        await client.response()
        assert await client.rest() == b""


async def test_no_answer_in_time_is_a_504():
    async def silent(peer):
        while await peer.more():
            pass

    async with serving(silent, response_header_timeout_ms=200) as gateway:
        client = await gateway.client(GET)
        assert (await client.response()).status == 504


async def test_a_body_that_ends_early_is_never_completed():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(POST + b"10\r\n\r\nabc")
        await until(lambda: gateway.received().endswith(b"abc"), "the first bytes")
        client.close()
        await until(lambda: gateway.peers[0].ended, "the agent is told")
        assert gateway.received().endswith(b"\r\n\r\nabc")


async def test_an_early_answer_ends_the_upload_and_spoils_no_connection():
    async def early(peer):
        while b"\r\n\r\n" not in peer.received:
            await peer.more()
        await peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        while await peer.more():
            pass

    async with serving(early) as gateway:
        client = await gateway.client(POST + b"10\r\n\r\nabc")
        assert (await client.response()).status == 403
        await until(lambda: gateway.peers[0].ended, "its connection is not used again")
        await client.send(b"defghij" + GET)
        assert (await client.response()).status == 403
        assert gateway.peers[1].received.startswith(b"GET / ")


async def test_sent_bytes_are_counted_while_the_connection_lives():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(GET)
        size = 0
        while not client.buffer.endswith(b"hello"):
            await client.more()
        size = len(client.buffer)
        assert gateway.count("agw_downstream_sent_bytes_total") == size
        assert gateway.count("agw_downstream_connections") == 1


STALLED = 'reason="client_stalled"'


async def big(peer):
    """Answer with more than any kernel buffers."""
    while await peer.request() is not None:
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        for _ in range(1024):
            await peer.send(b"x" * 65536)


async def test_a_body_that_trickles_is_refused_though_it_is_never_silent():
    async with serving(replies(OK), min_rate=100_000, pace_ms=200) as gateway:
        client = await gateway.client(POST + b"1000000\r\n\r\n")
        answer = asyncio.create_task(client.rest())
        async with asyncio.timeout(LIMIT):
            while not answer.done():
                await client.send(b"x")
                await asyncio.sleep(0.01)
        assert answer.result().startswith(b"HTTP/1.1 408 ")
        await until(lambda: gateway.peers[0].ended, "the agent is told")


async def test_a_pause_that_we_made_is_not_the_client_s():
    gate = asyncio.Event()

    async def slow(peer):
        head = await peer.reader.readuntil(b"\r\n\r\n")
        await gate.wait()
        await peer.reader.readexactly(size)
        await peer.send(OK)
        assert b"Content-Length" in head

    size = 32 << 20
    async with serving(slow, min_rate=10_000, pace_ms=1, body_idle_ms=100) as gateway:
        client = await gateway.client(POST + b"%d\r\n\r\n" % size)
        sending = asyncio.create_task(client.send(b"x" * size))
        received = -1
        while received != gateway.count("agw_downstream_received_bytes_total"):
            received = gateway.count("agw_downstream_received_bytes_total")
            await asyncio.sleep(0.3)
        assert received < size
        gate.set()
        assert (await client.response()).status == 200
        await sending


@pytest.mark.parametrize("limits", [{"write_stall_ms": 200}, {"min_rate": 2**30, "pace_ms": 200}])
async def test_a_client_that_takes_nothing_or_too_little_is_cut(limits):
    async with serving(big, **limits) as gateway:
        client = await gateway.client()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        await client.send(GET)
        async with asyncio.timeout(LIMIT):
            while not gateway.count("agw_exchanges_total", STALLED):
                await (client.more(1024) if "min_rate" in limits else asyncio.sleep(0.01))
        await until(gateway.peers[0].writer.is_closing, "the agent is told")


async def test_a_slow_reader_that_goes_on_reading_is_not_cut():
    async with serving(big, write_stall_ms=100, pace_ms=100) as gateway:
        client = await gateway.client(GET)
        size = 0
        while size < 67108864:
            client.buffer = b""
            assert await client.more(1 << 20)
            size += len(client.buffer)
        assert not gateway.count("agw_exchanges_total", STALLED)


async def test_a_connection_serves_so_many_requests_and_says_so():
    async with serving(replies(OK), connection_requests=2) as gateway:
        client = await gateway.client(GET + GET + GET)
        assert (await client.response()).one("connection") is None
        assert (await client.response()).one("connection") == b"close"
        assert await client.rest() == b""
        assert len(gateway.requests()) == 2


async def test_a_request_sent_before_the_last_answer_was_read_resets_nothing():
    async with serving(replies(OK), connection_requests=1) as gateway:
        client = await gateway.client(GET)
        await until(lambda: len(client.peek()) > len(OK), "an answer that is not read yet")
        before = gateway.count("agw_downstream_received_bytes_total")
        await client.send(GET)
        await until(lambda: gateway.count("agw_downstream_received_bytes_total") > before, "it is read and ignored")
        while await client.more_or_reset():
            pass
        assert client.buffer.endswith(b"hello")
        assert client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSE_WAIT
        assert len(gateway.requests()) == 1


async def test_much_that_is_sent_behind_an_early_answer_leaves_it_whole():
    size = 512 << 10  # through a window of 8 KiB: some seconds

    async def early(peer):
        while b"\r\n\r\n" not in peer.received:
            await peer.more()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        while await peer.more():
            pass

    async with serving(early) as gateway:
        client = await gateway.client()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        await client.send(POST + b"10000000\r\n\r\n")
        while not gateway.count("agw_exchanges_total", 'reason="upstream"'):
            assert await client.more_or_reset()
        before = gateway.count("agw_downstream_received_bytes_total")
        sending = asyncio.create_task(client.send(b"y" * 1_000_000))
        await until(
            lambda: gateway.count("agw_downstream_received_bytes_total") > before + 65536, "more than is ignored"
        )
        while await client.more_or_reset():
            pass
        assert len(client.buffer.partition(b"\r\n\r\n")[2]) == size
        sending.cancel()


async def test_at_the_limit_the_connection_that_rested_longest_gives_way():
    async with serving(replies(OK), max_connections=3) as gateway:
        clients = [await gateway.client(GET) for _ in range(3)]
        for client in clients:
            await client.response()
        await clients[0].send(GET)
        await clients[0].response()
        newest = await gateway.client(GET)
        assert (await newest.response()).status == 200
        assert await clients[1].rest() == b""
        assert gateway.count("agw_downstream_reclaimed_total") == 1
        for client in (clients[0], clients[2], newest):
            await client.send(GET)
            assert (await client.response()).status == 200


async def test_where_none_rests_the_next_waits_for_one_to_end():
    gate = asyncio.Event()

    async def later(peer):
        while await peer.request() is not None:
            await gate.wait()
            await peer.send(OK)

    async with serving(later, max_connections=2) as gateway:
        first, second = await gateway.client(GET), await gateway.client(b"GET / HT")
        await until(lambda: gateway.count("agw_downstream_connections") == 2, "both taken")
        third = await gateway.client(GET)
        second.close()
        await until(lambda: len(gateway.peers) == 2, "the third is taken when the second ends")
        gate.set()
        assert (await first.response()).status == 200
        assert (await third.response()).status == 200


async def test_what_is_in_progress_at_the_end_is_told():
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"

    async def script(peer):
        message = await peer.request()
        if message is not None and message.start[1] == b"/begun":
            await peer.send(begun)
        await peer.more()

    async with serving(script) as gateway:
        waits = await gateway.client(GET)
        reads = await gateway.client(GET.replace(b"/", b"/begun", 1))
        await reads.contains(b"abc\r\n")
        await until(lambda: len(gateway.requests()) == 2, "both at the agent")
        gateway.reactor.cut()
        answer = await waits.response()
        assert (answer.status, answer.one("connection")) == (503, b"close")
        assert b"DRAINED" in answer.body
        assert not (await reads.rest()).endswith(b"0\r\n\r\n")
        assert gateway.count("agw_exchanges_total", 'reason="drained"') == 2
