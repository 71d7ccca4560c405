"""WebSocket through the gateway: a tunnel begins with the agent's 101, and never before it or without it."""

import pytest

from tests.oracles.strict_http1 import read_request
from tests.wire.gateway import GET, OK, replies, serving, until

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
LINES = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: WebSocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: " + KEY,
)


def handshake(*lines, start=b"GET / HTTP/1.1", body=b""):
    return b"\r\n".join((start, b"Host: a", *lines)) + b"\r\n\r\n" + body


HELLO = handshake(*LINES)


def echoing(answer=SWITCH):
    """Switch, then send back what comes, until the client has said all."""

    async def script(peer):
        if await peer.request() is None:
            return
        await peer.send(answer)
        while peer.received[peer.at :] or await peer.more():
            data, peer.at = peer.received[peer.at :], len(peer.received)
            await peer.send(data)

    return script


async def test_bytes_go_both_ways_after_the_101():
    async with serving(echoing()) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b"\r\n\r\n")
        head, _, client.buffer = client.buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket" in head
        assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        found = read_request(gateway.received())
        assert found is not None
        assert found[0].all("upgrade") == [b"websocket"]
        assert found[0].one("sec-websocket-key") == KEY
        for data in (b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 300_000):
            client.buffer = b""
            await client.send(data)
            await client.contains(data)
        assert gateway.count("agw_tunnels_total") == 1
        assert gateway.count("agw_upstream_reuses_total") == 0


async def test_what_the_agent_sends_with_its_101_is_the_tunnel_s():
    async with serving(echoing(SWITCH + b"\x81\x02hi")) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b"\r\n\r\n\x81\x02hi")


async def test_what_the_client_sends_too_early_waits_for_the_agent_s_word():
    async with serving(echoing()) as gateway:
        client = await gateway.client(HELLO + b"early")
        await client.contains(b"\r\n\r\nearly")
        assert gateway.peers[0].received.endswith(b"\r\n\r\nearly")


async def test_refused_it_is_a_request_like_any_other_and_the_next_one_is_http():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(HELLO + GET)
        assert (await client.response()).status == 200
        assert (await client.response()).status == 200
        assert len(gateway.requests()) == 2


@pytest.mark.parametrize(
    "request_",
    [
        handshake(*LINES[:1], *LINES[2:]),
        handshake(*LINES[1:]),
        handshake(*LINES[:2], LINES[3]),
        handshake(*LINES[:3]),
        handshake(*LINES[:2], b"Sec-WebSocket-Version: 8", LINES[3]),
        handshake(*LINES[:3], b"Sec-WebSocket-Key: short"),
        handshake(*LINES[:3], b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ-=="),
        handshake(*LINES, LINES[3]),
        handshake(*LINES, b"Upgrade: h2c"),
        handshake(LINES[0], b"Upgrade: websocket, h2c", *LINES[2:]),
        handshake(LINES[0], b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        handshake(*LINES, start=b"POST / HTTP/1.1"),
        handshake(*LINES, b"Content-Length: 5", body=b"hello"),
        handshake(*LINES, start=b"GET / HTTP/1.0"),
    ],
)
async def test_anything_else_is_forwarded_without_its_upgrade(request_):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).status == 200
        [message] = gateway.requests()
        assert not message.all("upgrade")
        assert not message.all("connection")
        assert not message.all("http2-settings")


@pytest.mark.parametrize(
    "answer",
    [
        SWITCH.replace(b"websocket", b"h2c"),
        SWITCH.replace(b"Upgrade: websocket\r\n", b""),
        SWITCH.replace(b"Connection: Upgrade\r\n", b""),
        SWITCH.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_a_101_to_something_else_is_a_502(answer):
    async with serving(echoing(answer)) as gateway:
        client = await gateway.client(HELLO + b"smuggled")
        assert (await client.response()).status == 502
        assert b"smuggled" not in gateway.received()


async def test_a_101_that_nobody_asked_for_is_a_502():
    async with serving(echoing()) as gateway:
        client = await gateway.client(handshake(*LINES[1:]) + b"smuggled")
        assert (await client.response()).status == 502
        assert b"smuggled" not in gateway.received()


async def test_the_client_s_end_reaches_the_agent_after_its_last_bytes():
    async with serving(echoing()) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b"\r\n\r\n")
        client.buffer = b""
        await client.send(b"bye")
        client.end()
        assert await client.rest() == b"bye"
        await until(lambda: gateway.peers[0].ended, "the agent sees the end")


async def test_the_agent_s_end_reaches_the_client():
    async def script(peer):
        if await peer.request() is not None:
            await peer.send(SWITCH + b"bye")

    async with serving(script) as gateway:
        client = await gateway.client(HELLO)
        assert (await client.rest()).endswith(b"\r\n\r\nbye")


@pytest.mark.parametrize("who", ["client", "agent"])
async def test_a_reset_is_one_on_the_other_side_too(who):
    async with serving(echoing()) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b"\r\n\r\n")
        if who == "agent":
            gateway.peers[0].cut(reset=True)
            with pytest.raises(ConnectionResetError):
                await client.more_or_reset()
        else:
            client.reset()
            await until(lambda: gateway.peers[0].ended, "the agent sees the end")


async def test_back_pressure_reaches_the_agent():
    async def script(peer):
        if await peer.request() is None:
            return
        await peer.send(SWITCH)
        for _ in range(1024):
            await peer.send(b"x" * 65536)

    async with serving(script) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b"\r\n\r\n")
        sent = -1
        while sent != gateway.count("agw_downstream_sent_bytes_total"):
            sent = gateway.count("agw_downstream_sent_bytes_total")
            for _ in range(50):
                await until(lambda: True)
        assert sent < 1024 * 65536
