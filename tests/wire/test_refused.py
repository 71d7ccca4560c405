"""Requests that could be read in two ways: refused with 400, and not one byte of them reaches the agent."""

import pytest

from tests.oracles.strict_http1 import read_response
from tests.wire.gateway import GET, OK, replies, serving

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

ROWS = {
    "CL and TE": POST + b"Content-Length: 3\r\n" + CHUNKED + b"\r\nabc",
    "TE and CL": POST + CHUNKED + b"Content-Length: 3\r\n\r\nabc",
    "CL twice, different": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "CL twice, equal": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "CL list": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "CL signed": POST + b"Content-Length: +3\r\n\r\nabc",
    "CL too large": POST + b"Content-Length: 18446744073709551619\r\n\r\nabc",
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
    "obs-fold": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "folded TE": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "TE twice": POST + CHUNKED * 2 + b"\r\n0\r\n\r\n",
    "TE repeated": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "TE not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "TE with a parameter": POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "TE quoted": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "TE with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "TE in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "Host twice": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\nX: y\r\n\r\n",
}
row = pytest.mark.parametrize("data", ROWS.values(), ids=ROWS.keys())


async def refused(gateway, *pieces):
    client = await gateway.client()
    await client.send(*pieces)
    rest = await client.rest()
    found = read_response(rest)
    assert found is not None, rest
    assert found[0].status == 400
    assert found[0].one("connection") == b"close"
    assert found[1] == len(rest)
    assert gateway.received() == b""


@row
async def test_refused_whole_and_byte_by_byte(data):
    async with serving(replies(OK)) as gateway:
        await refused(gateway, data)
        await refused(gateway, *(data[n : n + 1] for n in range(len(data))))


@row
async def test_refused_at_every_split(data):
    async with serving(replies(OK)) as gateway:
        for at in range(1, len(data)):
            await refused(gateway, data[:at], data[at:])


@row
async def test_refused_after_a_good_request(data):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(GET + data + GET)
        assert (await client.response()).status == 200
        message = await client.response()
        assert (message.status, message.one("connection")) == (400, b"close")
        assert await client.rest() == b""
        assert len(gateway.requests()) == 1


async def test_an_unknown_coding_is_501():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + GET)
        assert (await client.response()).status == 501
        assert await client.rest() == b""
        assert gateway.received() == b""


async def test_names_with_underscores_frame_nothing_and_are_dropped():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(POST + b"Content_Length: 3\r\nTransfer_Encoding: chunked\r\n\r\n" + GET)
        assert [(await client.response()).status for _ in range(2)] == [200, 200]
        first, second = gateway.requests()
        assert first.body == second.body == b""
        assert b"_" not in gateway.received()


BAD_CHUNKS = {
    "size": b"x\r\nabc\r\n0\r\n\r\n",
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "bare LF": b"3\nabc\r\n0\r\n\r\n",
    "longer data": b"3\r\nabcd\r\n0\r\n\r\n",
    "LF in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "overflow": b"10000000000000003\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
async def test_a_broken_chunk_never_ends_the_request(body):
    async def script(peer):
        while await peer.more():
            pass

    async with serving(script) as gateway:
        client = await gateway.client(POST + CHUNKED + b"\r\n" + body + GET)
        found = read_response(await client.rest())
        assert found is not None
        assert found[0].status == 400
        assert b"0\r\n\r\n" not in gateway.received()
        assert b"GET" not in gateway.received()
