"""Response trailers: forwarded to a client that asks for them, dropped for any other (RFC 9110 6.5.1)."""

import pytest

from tests.wire.gateway import GET, replies, serving

WANTS = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
ANSWER = CHUNKED + b"Grpc-Status: 0\r\nX-Sum:  abc \r\n\r\n"


async def test_a_client_that_asks_gets_them():
    async with serving(replies(ANSWER)) as gateway:
        client = await gateway.client(WANTS)
        await client.contains(b"0\r\nGrpc-Status: 0\r\nX-Sum: abc\r\n\r\n")
        [message] = gateway.requests()
        assert (message.all("te"), message.all("connection")) == ([b"trailers"], [b"TE"])
        client.buffer = b""
        await client.send(GET)
        assert (await client.response()).body == b"hello"
        assert len(gateway.peers) == 1


@pytest.mark.parametrize("request_", [GET, WANTS.replace(b"TE: trailers", b"TE: gzip")])
async def test_any_other_gets_the_body_alone(request_):
    async with serving(replies(ANSWER)) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.body == b"hello"
        assert client.buffer == b""


async def test_a_client_of_1_0_gets_none():
    async with serving(replies(ANSWER)) as gateway:
        client = await gateway.client(WANTS.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await client.rest()).endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "name",
    [b"Content-Length", b"Transfer-Encoding", b"Host", b"Set-Cookie", b"Authorization", b"Content-Type", b"Trailer"],
)
async def test_what_a_trailer_must_not_say_is_dropped(name):
    async with serving(replies(CHUNKED + name + b": 1\r\nX-Sum: abc\r\n\r\n")) as gateway:
        client = await gateway.client(WANTS)
        await client.contains(b"\r\n0\r\nX-Sum: abc\r\n\r\n")


@pytest.mark.parametrize(
    "bad", [b"X : a\r\n\r\n", b"X: a\n\r\n", b"X: \0\r\n\r\n", b" X: a\r\n\r\n", b"X: " + b"a" * 9000]
)
async def test_malformed_ones_cut_the_answer(bad):
    async with serving(replies(CHUNKED + bad)) as gateway:
        client = await gateway.client(WANTS)
        assert not (await client.rest()).endswith(b"\r\n\r\n")


async def test_in_pieces_they_are_the_same():
    async def script(peer):
        if await peer.request() is not None:
            for at in range(len(ANSWER)):
                await peer.send(ANSWER[at : at + 1])
            await peer.more()

    async with serving(script) as gateway:
        client = await gateway.client(WANTS)
        await client.contains(b"0\r\nGrpc-Status: 0\r\nX-Sum: abc\r\n\r\n")
