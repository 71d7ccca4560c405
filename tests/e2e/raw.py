"""A client and an upstream in bare asyncio: what they send and expect is spelt out, and nothing retries behind our back.

The client holds one keep-alive connection and raises on any answer that is cut short. The upstream answers a plain
request with its path, or with the bytes that the test has laid down for that path, and streams events that the test
publishes, one chunk each, to all that listen.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

STREAM = "/stream"
PATIENCE = 60  # seconds without a byte after which an answer counts as lost


class CutError(ConnectionError):
    """An answer did not come to its proper end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. fields: lower-case names."""

    status: int
    fields: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Client:
    """One connection; one request at a time. host, port: where to; fields: sent with each request."""

    host: str
    port: int
    fields: dict[str, str] = field(default_factory=dict)
    local_port: int = 0
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self.local_port = self._writer.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close the connection; again does nothing."""
        assert self._writer is not None
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def request(self, method: str, path: str, body: bytes = b"", fields: dict[str, str] | None = None) -> Answer:
        """Send a request and read the whole answer."""
        status, answered = await self.begin(method, path, body, fields)
        if answered.get("transfer-encoding") == "chunked":
            return Answer(status, answered, b"".join([chunk async for chunk in self.chunks()]))
        length = 0 if status in {204, 304} or method == "HEAD" else int(answered.get("content-length", "0"))
        return Answer(status, answered, await self._exactly(length))

    async def begin(
        self, method: str, path: str, body: bytes = b"", fields: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        """Send a request and read the head of the answer."""
        assert self._writer is not None
        sent = {"Host": f"{self.host}:{self.port}", **self.fields, **(fields or {})}
        sent |= {"Content-Length": str(len(body))} if body else {}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
        self._writer.write("\r\n".join(lines).encode() + body)
        await self._writer.drain()
        head = (await self._until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        answered = (line.partition(":") for line in head[1:] if line)
        return int(head[0].split()[1]), {name.lower(): value.strip() for name, _, value in answered}

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read a chunked body to its proper end, chunk by chunk as they come."""
        while size := int(await self._until(b"\r\n"), 16):
            yield await self._exactly(size)
            await self._exactly(2)
        await self._exactly(2)

    async def events(self) -> AsyncIterator[bytes]:
        """Read an event stream to its proper end, event by event as they come, blank lines included."""
        pending = b""
        async for chunk in self.chunks():
            pending += chunk
            while b"\r\n\r\n" in pending:
                event, _, pending = pending.partition(b"\r\n\r\n")
                yield event + b"\r\n\r\n"
        if pending:
            raise CutError(f"the stream ended within an event: {pending!r}")

    async def _until(self, end: bytes) -> bytes:
        assert self._reader is not None
        try:
            return await asyncio.wait_for(self._reader.readuntil(end), PATIENCE)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            raise CutError(f"the answer ended early: {error!r}") from error

    async def _exactly(self, size: int) -> bytes:
        assert self._reader is not None
        try:
            return await asyncio.wait_for(self._reader.readexactly(size), PATIENCE)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            raise CutError(f"the answer ended early: {error!r}") from error


class Upstream:
    """An agent's stand-in on a free loopback port.

    requests: how many have reached it. last: head and body of the last one. canned: path -> the answer's bytes, after
    which the connection is closed.
    """

    def __init__(self) -> None:
        """Begin closed."""
        self.port = 0
        self.requests = 0
        self.last = (b"", b"")
        self.canned: dict[str, bytes] = {}
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    async def listening(self, count: int) -> None:
        """Wait until so many streams are open."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: self.listeners == count), PATIENCE)

    def publish(self, event: bytes) -> None:
        """Send bytes to every open stream, as a chunk of their own; b"" ends them all properly."""
        for stream in self._streams:
            stream.put_nowait(event)

    def abort(self) -> None:
        """Cut every open stream in the middle."""
        for stream in self._streams:
            stream.put_nowait(None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await self._body(head, reader)
                    self.requests += 1
                    self.last = head, body
                    path = head.split()[1].decode()
                    if canned := self.canned.get(path):
                        writer.write(canned)
                        await writer.drain()
                        return
                    await (self._stream(reader, writer) if path.startswith(STREAM) else self._answer(path, writer))
        finally:
            writer.close()

    @staticmethod
    async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
        parts = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
        fields = {name.lower(): value.strip() for name, _, value in parts}
        if fields.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(fields.get("content-length", "0")))
        chunks = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return b"".join(chunks)

    @staticmethod
    async def _answer(path: str, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"path": path}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send what is published until the end, or until the other side leaves."""
        events: asyncio.Queue[bytes | None] = asyncio.Queue()
        leaving = asyncio.ensure_future(reader.read(1))
        leaving.add_done_callback(lambda _: events.put_nowait(None))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        await self._note(self._streams.add, events)
        try:
            while event := await events.get():
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await writer.drain()
            if event is None:
                raise ConnectionAbortedError
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            leaving.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await leaving
            await self._note(self._streams.discard, events)

    async def _note(
        self, change: Callable[[asyncio.Queue[bytes | None]], None], stream: asyncio.Queue[bytes | None]
    ) -> None:
        async with self._changed:
            change(stream)
            self._changed.notify_all()
