"""A connection of the publishing stream, the same on both sides: messages in, frames out, signs of life both ways.

Rules: a peer that sends nothing for `SILENCE` is gone, whatever its kernel says, and one that takes nothing for
`STALL` too; any byte counts as a sign of life, so that a large frame on a slow line is no silence. What waits to be
sent is one frame, which all connections that it goes to share, and of it `_PIECE` and `_HIGH` bytes of this connection's
own: TLS makes a copy of what it is given. After a frame that was not sent to its end nothing more can be said.

Must not: know what a message means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from agw.snapshot.stream import HEARTBEAT, SILENCE, Ping, Receiver, StreamError, frame

STALL = 300.0
"""Seconds that sending one frame may take."""

_READ = 1 << 17
_PIECE = 1 << 16
_HIGH = 1 << 16
_CLOSE = 1.0  # seconds for the last frame and TLS's own goodbye
_PING = frame(Ping())

M = TypeVar("M")


class Link(Generic[M]):
    """One side of a connection. receiver: whose `limit` its owner may change."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receiver: Receiver[M]) -> None:
        """Take a connection; it is this object's to close."""
        self.receiver = receiver
        self._reader = reader
        self._writer = writer
        self._sending = asyncio.Lock()
        self._whole = True  # no frame is half sent
        writer.transport.set_write_buffer_limits(high=_HIGH)

    async def receive(self) -> list[M]:
        """Wait for bytes and give the messages that they complete, if any.

        Raise StreamError where they are none or nothing comes, EOFError at the end, OSError where it is cut.
        """
        try:
            async with asyncio.timeout(SILENCE):
                data = await self._reader.read(_READ)
        except TimeoutError:
            raise StreamError(f"no sign of life for {SILENCE:g} s") from None
        if not data:
            raise EOFError("the connection was closed")
        return self.receiver.feed(data)

    async def send(self, data: bytes) -> None:
        """Send a frame once the peer has taken most of what came before it."""
        async with self._sending:
            self._whole = False
            try:
                async with asyncio.timeout(STALL):
                    for at in range(0, len(data), _PIECE):
                        self._writer.write(memoryview(data)[at : at + _PIECE])
                        self._whole = at + _PIECE >= len(data)
                        await self._writer.drain()
            except TimeoutError:
                raise StreamError(f"a frame was not taken within {STALL:g} s") from None

    async def keep_alive(self) -> None:
        """Give signs of life for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            await self.send(_PING)

    async def close(self, last: bytes = b"") -> None:
        """Close, after a last frame where there is one."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE):
                if last and self._whole:
                    self._writer.write(last)
                self._writer.close()
                await self._writer.wait_closed()
        # A TLS transport of CPython up to 3.11.5 that has closed already has nothing left to abort, and says so like this.
        with suppress(AttributeError):
            self._writer.transport.abort()


async def race(*work: Coroutine[Any, Any, object]) -> None:
    """Run all until one of them ends; end the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
