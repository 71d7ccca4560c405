"""A proxy before a real API server that breaks things on demand: answers in its stead, cuts, stalls, says 410 in a watch.

TLS on both sides, so that clients verify and authenticate as they do without it; one request per connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable
from typing import Self

from tests.cluster.apiserver import ApiServer
from tests.cluster.certificates import NAMES
from tests.kube.scripted import Connection, Request, Step, read_request


class Proxy:
    """requests: what came. fault: for each request a step to play in the server's stead, or None to pass it on.

    admin: speak to the server as an administrator; else the client's own Authorization must do.
    """

    def __init__(self, server: ApiServer, *, admin: bool = True) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Step | None] = lambda _: None
        self.asked = asyncio.Condition()
        self._admin = admin
        self._begun: list[asyncio.StreamWriter] = []
        self._held: set[asyncio.StreamWriter] = set()
        self._open: dict[asyncio.StreamWriter, Request] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._listening.sockets[0].getsockname()[1]

    def kubeconfig(self) -> str:
        return str(self.server.kubeconfig_for("admin", server=f"https://127.0.0.1:{self.port}"))

    async def until(self, ask: Callable[[Request], bool], count: int = 1) -> None:
        """Wait until so many requests of that kind have come."""
        async with self.asked:
            await self.asked.wait_for(lambda: sum(map(ask, self.requests)) >= count)

    def cut(self) -> None:
        """Reset every connection that is open."""
        for writer in self._open:
            writer.transport.abort()

    def hold(self) -> None:
        """Pass on nothing more to the connections that are open, and leave them so."""
        self._held.update(self._open)

    async def inject(self, event: object) -> None:
        """Say something in the newest watch, as the server would; wait for one whose answer has begun."""
        async with self.asked:
            await self.asked.wait_for(lambda: self._begun and self._begun[-1] in self._open)
        await Connection(self._begun[-1]).send(event)

    async def __aenter__(self) -> Self:
        authority = self.server.authority
        if not (authority.folder / "proxy.crt").exists():
            authority.sign("proxy", "/CN=proxy", NAMES)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(authority.path("proxy.crt"), authority.path("proxy.key"))
        self._upstream = ssl.create_default_context(cafile=authority.path("ca.crt"))
        if self._admin:
            self._upstream.load_cert_chain(authority.path("admin.crt"), authority.path("admin.key"))
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                head, request = await read_request(reader)
                self._open[writer] = request
                async with self.asked:
                    self.requests.append(request)
                    self.asked.notify_all()
                step = self.fault(request)
                if step is not None:
                    await step(request, Connection(writer))
                else:
                    await self._pass(head, request, writer)
        finally:
            self._open.pop(writer, None)
            self._held.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _pass(self, head: bytes, request: Request, writer: asyncio.StreamWriter) -> None:
        reader, upstream = await asyncio.open_connection(
            "127.0.0.1", self.server.port, ssl=self._upstream, server_hostname="localhost"
        )
        try:
            lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
            upstream.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + request.body)
            while data := await reader.read(65536):
                if writer in self._held:
                    await asyncio.Event().wait()
                writer.write(data)
                await writer.drain()
                if is_watch(request) and writer not in self._begun:
                    async with self.asked:
                        self._begun.append(writer)
                        self.asked.notify_all()
        finally:
            upstream.transport.abort()


def is_watch(request: Request) -> bool:
    return request.query.get("watch") == "true"


def describe(requests: list[Request]) -> str:
    """For a failing test."""
    return "\n".join(f"{each.method} {each.path} {json.dumps(each.query)}" for each in requests)
