"""Event streams byte by byte: what arrives, when, and how they end. Nothing here is timed: each step waits for the last."""

import asyncio

import pytest

from tests.e2e.gateway import BAR, FOO, PATIENCE, SEED, resolve_to, running
from tests.e2e.raw import STREAM, Client, CutError, Upstream

EVENTS = [
    b'data: {"jsonrpc":"2.0","id":1,"result":{}}\r\n\r\n',
    b": ping - 2026-01-01 00:00:00\r\n\r\n",
    b"event: error\r\ndata: caf\xc3\xa9 \xff\r\n\r\n",
    b"data: " + b"x" * 200_000 + b"\r\n\r\n",
    b"data: 1\r\n\r\ndata: 2\r\n\r\n",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stream")


def through(folder, scenario):
    """Run a scenario(upstream, port) with the seed's gateway between."""

    async def run():
        async with Upstream() as upstream, running(folder, "-f", str(SEED), resolve_to(upstream.port)) as front:
            await asyncio.wait_for(scenario(upstream, front.port), PATIENCE)

    asyncio.run(run())


async def opened(client, upstream):
    """Open a stream and wait until the upstream has it."""
    status, fields = await client.begin("POST", STREAM, b"{}", {"Accept": "*/*"})
    assert status == 200
    assert fields["content-type"] == "text/event-stream"
    await upstream.listening(1)


def test_bytes_arrive_as_they_are_sent_each_before_the_next(folder):
    async def scenario(upstream, port):
        async with Client("127.0.0.1", port, {"Authorization": f"Bearer {FOO}"}) as client:
            await opened(client, upstream)  # the head has come while no event was sent
            chunks = client.chunks()
            for event in EVENTS:
                upstream.publish(event)
                received = b""
                while len(received) < len(event):
                    received += await anext(chunks)
                assert received == event
            upstream.publish(b"")
            assert [chunk async for chunk in chunks] == []
            assert (await client.request("GET", "/after")).status == 200  # the connection lives on

    through(folder, scenario)


def test_many_streams_each_get_everything(folder):
    async def scenario(upstream, port):
        async def listen(key):
            async with Client("127.0.0.1", port, {"X-API-Key": key}) as client:
                await client.begin("POST", STREAM, b"{}")
                return b"".join([chunk async for chunk in client.chunks()])

        tasks = [asyncio.create_task(listen(key)) for key in (FOO, BAR) * 10]
        await upstream.listening(len(tasks))
        for event in (*EVENTS, b""):
            upstream.publish(event)
        assert set(await asyncio.gather(*tasks)) == {b"".join(EVENTS)}

    through(folder, scenario)


def test_a_stream_that_fails_upstream_fails_downstream(folder):
    async def scenario(upstream, port):
        async with Client("127.0.0.1", port, {"X-API-Key": FOO}) as client:
            await opened(client, upstream)
            events = client.events()
            upstream.publish(EVENTS[0])
            assert await anext(events) == EVENTS[0]
            upstream.abort()
            with pytest.raises(CutError):
                await anext(events)

    through(folder, scenario)


def test_a_client_that_leaves_is_told_to_the_agent(folder):
    async def scenario(upstream, port):
        async with Client("127.0.0.1", port, {"X-API-Key": FOO}) as client:
            await opened(client, upstream)
        await upstream.listening(0)

    through(folder, scenario)
