"""Rules that cover the whole table: what an answer before the end of a request does to the connection, and trickles."""

import asyncio
import socket
import struct

import pytest

from tests.oracles.strict_http1 import read_response
from tests.wire.gateway import GET, OK, replies, serving
from tests.wire.table.bodies import EVIL
from tests.wire.table.model import Request, Row, head, post
from tests.wire.table.play import play_requests

# Targets that are answered here, and how; "*" is for OPTIONS.
EARLY = {b"/key": 401, b"/broken": 500, b"/empty": 503}
LENGTH = b"Content-Length: %d" % len(EVIL)
CODED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVIL), EVIL)


def early(target, status):
    """Requests whose bodies are left unread, whole ones: read and ignored, and the connection stays in step."""
    return (
        Request("a length", post(LENGTH, target=target, body=EVIL), (status,)),
        Request("chunked", post(b"Transfer-Encoding: chunked", target=target, body=CODED), (status,)),
        Request("GET", post(LENGTH, target=target, body=EVIL, method=b"GET"), (status,)),
        Request("two of them", post(LENGTH, target=target, body=EVIL) * 2, (status, status)),
        Request("no body", head(target=target), (status,)),
        Request("the most that is read", post(b"Content-Length: 65536", target=target, body=b"x" * 65536), (status,)),
        Request(
            "more than is read",
            post(b"Content-Length: 65537", target=target, body=EVIL + b"x" * (65537 - len(EVIL))),
            (status,),
            closed=True,
        ),
        Request("an old client", post(LENGTH, target=target, body=EVIL, version=b"HTTP/1.0"), (status,), closed=True),
        Request("the last one", post(LENGTH, b"Connection: close", target=target, body=EVIL), (status,), closed=True),
        Request(
            "a client that waits for 100", post(LENGTH, b"Expect: 100-continue", target=target), (status,), closed=True
        ),
    )


@pytest.mark.parametrize(("target", "status"), EARLY.items())
async def test_a_body_that_nobody_wanted_is_never_a_request(target, status):
    bad = [
        str(outcome)
        for outcome in await play_requests(Row(0, "unread bodies", ()), early(target, status))
        if not outcome.good
    ]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("target", EARLY)
@pytest.mark.parametrize(
    "rest",
    [
        b"1000\r\n" + b"x" * 4096 + b"\r\n",
        b"zz\r\n" + EVIL,
        b"1\r\nxGET",
        b"0\r\nbad trailer\r\n\r\n" + EVIL,
        b"7fffffffffffffff\r\n" + EVIL * 10,
    ],
    ids=["without end", "a bad size", "a bad end", "a bad trailer", "a huge chunk"],
)
async def test_an_unread_chunked_body_that_goes_on_or_goes_wrong_ends_the_connection(target, rest):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(post(b"Transfer-Encoding: chunked", target=target))
        assert (await client.response()).status == EARLY[target]
        for _ in range(40):
            await client.send(rest)
        assert await client.rest() == b""
        assert gateway.received() == b""


@pytest.mark.parametrize("lines", [(b"Content-Length: 10",), (b"Transfer-Encoding: chunked",)])
async def test_an_unread_body_that_does_not_come_ends_the_connection(lines):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(post(*lines, target=b"/key"))
        assert (await client.response()).status == 401
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "request_",
    [
        head(target=b"a:443", method=b"CONNECT"),
        head(b"Expect: tea"),
        head(b"Content-Length: 1", b"Content-Length: 1"),
        head(b"X: " + b"y" * 17000),
        head(target=b"/" + b"a" * 17000),
        head(version=b"HTTP/2.0"),
        head(b"Transfer-Encoding: gzip"),
        head(b"Authorization: x", b"Authorization: x"),
    ],
)
async def test_nothing_is_read_after_a_head_that_was_refused(request_):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(request_ + EVIL * 1000)
        found = read_response(await client.rest())
        assert found is not None
        assert found[0].one("connection") == b"close"
        assert found[1] == len(client.buffer)
        assert gateway.received() == b""


async def test_a_flood_of_tiny_chunks_is_no_flood_for_the_agent():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(post(b"Transfer-Encoding: chunked", body=b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n"))
        assert (await client.response()).status == 200
        [request] = gateway.requests()
        assert request.body == b"x" * 5000
        assert len(gateway.received()) < 6000


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"\r\n"])
async def test_a_head_that_trickles_in_does_not_move_its_deadline(start):
    async with serving(replies(OK), header_deadline_ms=200) as gateway:
        client = await gateway.client(start + b"G")
        for _ in range(1000):
            await client.send(b"y")
            if await client.heard():
                break
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_kept_connection_has_the_same_deadline():
    async with serving(replies(OK), header_deadline_ms=200) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(GET[:10])
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


async def test_no_more_requests_are_taken_ahead_than_32_kib():
    flood = GET * 1_000_000

    async def never(peer):
        while await peer.more():
            pass

    def taken():
        return gateway.count("agw_downstream_received_bytes_total")

    async with serving(never) as gateway:
        client = await gateway.client()
        sent, still, before = 0, 0, -1
        # Until the kernel's buffers are full and the gateway has stopped to read.
        while still < 200:
            try:
                sent += client.sock.send(flood[sent : sent + 65536])
            except BlockingIOError:
                still, before = (still + 1, before) if taken() == before else (0, taken())
                await asyncio.sleep(0.001)
        # One read may bring 64 KiB, and then another where the first left less than 32 KiB waiting.
        assert 32768 <= taken() <= 32768 + 2 * 65536
        assert sent < len(flood)
        assert len(gateway.received()) < 400
        # A FIN would wait behind what is not read; a reset is heard at once, though nothing is read.
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
