"""A data plane by hand, for what no data plane of ours would say; and what tests of the stream share."""

from __future__ import annotations

import asyncio
import ssl

from agw.snapshot.codec import FORMAT
from agw.snapshot.stream import PROTOCOL, Goodbye, Hello, Receiver, frame
from tests.publish.stage import GATEWAY, TOKEN


def in_force(front, gateway=GATEWAY):
    return [plane.version for plane in front.publisher.planes(gateway)]


def lead(front, entries):
    front.publisher.publish(GATEWAY, entries)
    front.publisher.lead()


def hello(digest=b""):
    return frame(Hello(PROTOCOL, FORMAT, GATEWAY, TOKEN, digest, "raw"))


class Raw:
    """A data plane that says what it is told to, and reads only when it is asked to."""

    def __init__(self, front):
        self._front = front
        self._receiver = Receiver.of_data_plane()
        self._messages = []

    async def __aenter__(self):
        context = ssl.create_default_context(cadata=self._front.keeper.bundle.decode())
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._front.port, ssl=context, server_hostname="localhost", limit=1 << 12
        )
        return self

    async def __aexit__(self, *_):
        self._writer.transport.abort()

    async def say(self, data):
        self._writer.write(data)
        await self._writer.drain()

    async def next(self):
        while not self._messages:
            data = await asyncio.wait_for(self._reader.read(1 << 16), 30)
            assert data, "the end"
            self._messages += self._receiver.feed(data)
        return self._messages.pop(0)

    async def last(self):
        while not isinstance(message := await self.next(), Goodbye):
            pass
        assert await asyncio.wait_for(self._reader.read(), 30) == b""
        return message
