"""A server that plays a script: for faults that a real API server cannot be brought to show when a test wants them.

Each request is answered by the next step, a coroutine of (request, connection). Plain HTTP on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Connection:
    """The side that answers."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def answer(self, code: int, body: object, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(data)}", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await self.writer.drain()

    async def begin(self) -> None:
        """Head of a watch's answer."""
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        await self.writer.drain()

    async def send(self, *events: object) -> None:
        """Events of a watch, all in one chunk."""
        data = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        await self.send_bytes(data)

    async def send_bytes(self, data: bytes) -> None:
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def cut(self) -> None:
        self.writer.transport.abort()


Step = Callable[[Request, Connection], Awaitable[None]]


class Scripted:
    """The server. requests: what it was asked; ports: by which connections. A request after the last step waits."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[Request] = []
        self.ports: list[int] = []
        self.asked = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def kubeconfig(self, folder: Path, user: dict[str, object] | None = None) -> str:
        path = folder / "scripted.kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "current-context": "s",
                    "contexts": [{"name": "s", "context": {"cluster": "s", "user": "s", "namespace": "here"}}],
                    "clusters": [{"name": "s", "cluster": {"server": self.url}}],
                    "users": [{"name": "s", "user": user or {"token": "t"}}],
                }
            )
        )
        return str(path)

    async def until(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with self.asked:
            await self.asked.wait_for(lambda: len(self.requests) >= count)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    _, request = await read_request(reader)
                    step = self.steps.pop(0) if self.steps else _wait
                    async with self.asked:
                        self.requests.append(request)
                        self.ports.append(writer.get_extra_info("peername")[1])
                        self.asked.notify_all()
                    await step(request, Connection(writer))
        finally:
            self._tasks.discard(task)
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, Request]:
    """Return a request's head as it came, and the request."""
    received = await reader.readuntil(b"\r\n\r\n")
    head = received.decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return received, Request(method, parts.path, query, headers, body)


async def _wait(request: Request, connection: Connection) -> None:
    await asyncio.Event().wait()


def obj(name: str, version: int, namespace: str = "ns", **more: object) -> dict[str, object]:
    """An object as the server sends it."""
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": str(version)}, **more}


def added(name: str, version: int) -> dict[str, object]:
    return {"type": "ADDED", "object": obj(name, version)}


def modified(name: str, version: int) -> dict[str, object]:
    return {"type": "MODIFIED", "object": obj(name, version)}


def deleted(name: str, version: int) -> dict[str, object]:
    return {"type": "DELETED", "object": obj(name, version)}


def bookmark(version: int, *, end: bool = False) -> dict[str, object]:
    metadata: dict[str, object] = {"resourceVersion": str(version)}
    if end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"type": "BOOKMARK", "object": {"metadata": metadata}}


def status(code: int, reason: str, message: str = "scripted", **details: object) -> dict[str, object]:
    return {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


def error(code: int, reason: str) -> dict[str, object]:
    return {"type": "ERROR", "object": status(code, reason)}


def page(version: int, *objects: object, more: str = "") -> dict[str, object]:
    return {"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(objects)}


def answers(code: int, body: object, **headers: str) -> Step:
    """A step that answers so."""

    async def step(request: Request, connection: Connection) -> None:
        await connection.answer(code, body, **headers)

    return step


def watches(*events: object, then: str = "end") -> Step:
    """A step that is a watch with these events. then: end | cut | stay | half (a line without its end)."""

    async def step(request: Request, connection: Connection) -> None:
        await connection.begin()
        if events:
            await connection.send(*events)
        if then == "stay":
            await asyncio.Event().wait()
        if then == "half":
            await connection.send_bytes(b'{"type":"ADD')
        if then == "end":
            await connection.end()
        else:
            connection.cut()

    return step
