"""Requests that go on while something happens: a closed loop of keep-alive connections, and what became of each request.

A client is careful and no better: a connection that the gateway has closed is noticed before a request is written on it,
an answer with `Connection: close` is the last one on its connection, and nothing is sent twice. What fails then was
the gateway's doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

PATIENCE = 15.0


@dataclass
class Traffic:
    """What came of it so far. failures: (seconds since the start, what happened). seen: statuses and bodies."""

    seen: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[float, str]] = field(default_factory=list)
    slowest: float = 0.0
    began: float = field(default_factory=time.monotonic)
    stopping: bool = False

    @property
    def total(self) -> int:
        """Requests that were answered, or failed."""
        return self.seen.total() + len(self.failures)

    @property
    def refused(self) -> int:
        """Answers that are no 200, and requests without any."""
        return sum(count for what, count in self.seen.items() if not what.startswith("200")) + len(self.failures)

    def told(self) -> str:
        """Failures by kind, for a report."""
        kinds = Counter(what for _, what in self.failures) + Counter(
            {what: count for what, count in self.seen.items() if not what.startswith("200")}
        )
        return ", ".join(f"{count} x {what}" for what, count in kinds.most_common(4)) or "none"


@contextlib.contextmanager
def traffic(address: tuple[str, int], path: str, clients: int = 8, pause: float = 0.01) -> Iterator[Traffic]:
    """Send as long as the context lasts, from a thread of its own. pause: seconds between a client's requests."""
    result = Traffic()
    thread = threading.Thread(target=lambda: asyncio.run(_all(result, address, path, clients, pause)), daemon=True)
    thread.start()
    try:
        while not result.total:
            time.sleep(0.01)  # between two looks: the first answer says that the load runs
        yield result
    finally:
        result.stopping = True
        thread.join(PATIENCE + 5)


async def _all(result: Traffic, address: tuple[str, int], path: str, clients: int, pause: float) -> None:
    await asyncio.gather(*(_client(result, address, path, pause) for _ in range(clients)))


async def _client(result: Traffic, address: tuple[str, int], path: str, pause: float) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while not result.stopping:
        await asyncio.sleep(pause)
        if connection is not None and connection[0].at_eof():
            connection[1].close()
            connection = None
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                connection = connection or await asyncio.open_connection(*address)
                what, last = await _exchange(*connection, path)
        except (OSError, EOFError, TimeoutError) as error:
            result.failures.append((began - result.began, type(error).__name__))
            what, last = "", True
        else:
            result.seen[what] += 1
            result.slowest = max(result.slowest, time.monotonic() - began)
        if last and connection is not None:
            connection[1].close()
            connection = None
    if connection is not None:
        connection[1].close()
        await connection[1].wait_closed()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> tuple[str, bool]:
    """One request: "STATUS BODY", and whether the connection is at its end."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: agents.example.com\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(length)
    status = head[9:12].decode()
    return (f"{status} {body.decode()}" if status == "200" else status), b"connection: close" in head
