"""An answer that only the end of the connection ends (RFC 9112 6.3, to a client of HTTP/1.0): a cut must not look like it."""

import pytest

from tests.wire.gateway import serving, until

OLD = b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"


async def half(peer):
    """Answer by half, and wait."""
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await peer.more()


async def test_a_client_that_ends_its_side_sees_that_the_answer_is_cut():
    async with serving(half) as session:
        client = await session.client(OLD)
        await client.contains(b"hello")
        client.end()
        with pytest.raises(ConnectionResetError):
            await client.more_or_reset()


async def to_the_end(client):
    while await client.more_or_reset():
        pass


async def test_a_client_that_takes_nothing_never_sees_a_clean_end():
    async def endless(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    async with serving(endless, write_stall_ms=300) as session:
        client = await session.client(OLD)
        await client.contains(b"x")
        await until(lambda: not session.reactor.live()["connections"], "given up")
        with pytest.raises(ConnectionResetError):
            await to_the_end(client)


async def test_a_complete_answer_ends_cleanly():
    async def whole(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        await peer.more()

    async with serving(whole) as session:
        client = await session.client(OLD)
        await client.contains(b"hello")
        assert not await client.more_or_reset()
