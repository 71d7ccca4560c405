"""The agent of the scenarios: answers with the nonce that it was sent, counts what reaches it, and fails where asked to.

    python -m bench.trouble.agent HOST:PORT [--stale 0.02] [--journal FILE]

What it does is in the path, behind any prefix:

    /echo              the request's X-Nonce in the body
    /slow?ms=N         the same, later
    /stream?events=N&ms=M   an event stream: N events, numbered, one each M ms
    /big?bytes=N       N bytes, as fast as they are taken
    /stall             the head is read, nothing of the body, and there is no answer
    /status/N          the nonce, with status N
    /close             closes without a word
    /cut               half of what it announces, then closes
    /garbage           what is no HTTP
    /.well-known/agent-card.json   a card that names this agent's address
    /-/counts          what has reached it so far, as JSON; not counted itself

--stale: this share of the answers on a connection are followed by trouble: half of these connections close within the
next milliseconds without having said so, as a server does whose idle time is over; the others close when the next
request arrives, and do not answer it.

--journal: the nonce of each POST is a line of this file as soon as its head is there, answered or not, since an agent
may have acted on it. The file outlives a killed agent, and shows a POST that two agents were given.

Not the SDK's: it would be the slowest part, and would hide the proxy's trouble behind its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import parse_qs

import uvloop

BLOCK = b"." * 65_536
LINGER = 0.005  # seconds within which a connection goes stale


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head. length: bytes of its body. action: the last part of its path, before the query."""

    method: str
    action: str
    query: dict[str, list[str]]
    nonce: str
    length: int

    def number(self, name: str, default: int) -> int:
        """A number of the query."""
        return int(self.query.get(name, [str(default)])[0])


@dataclass(slots=True)
class Counts:
    """What reached the agent."""

    requests: int = 0
    connections: int = 0
    connections_now: int = 0
    stale_closed: int = 0
    stale_raced: int = 0
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Habits:
    """How an agent behaves. stale: share of answers that are followed by trouble. journal: a descriptor, or None.

    address: HOST:PORT that its card names.
    """

    stale: float = 0.0
    journal: int | None = None
    address: str = ""


def parse(head: bytes) -> Request:
    """A head without its empty line. The requests come from a proxy that we measure: anything else may raise."""
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _version = line.split(" ")
    path, _, query = target.partition("?")
    values = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
    if "transfer-encoding" in values:
        raise ValueError("a body in chunks is more than this agent reads")
    action = "status" if "/status/" in path else path.rpartition("/")[2]
    if action == "status":
        query = f"status={path.rpartition('/')[2]}"
    return Request(method, action, parse_qs(query), values.get("x-nonce", ""), int(values.get("content-length", "0")))


def card(base: str) -> dict[str, object]:
    """The agent card; base: where this agent listens."""
    return {
        "name": "Trouble",
        "description": "Fails where asked to",
        "version": "1.0.0",
        "protocolVersion": "0.3.0",
        "url": f"{base}/",
        "preferredTransport": "JSONRPC",
        "capabilities": {"streaming": True},
        "defaultInputModes": ["text"],
        "defaultOutputModes": ["text"],
        "skills": [],
    }


def whole(body: bytes, status: int = 200) -> bytes:
    """An answer with a length."""
    return b"HTTP/1.1 %d Said\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


class Connection(asyncio.Protocol):
    """One connection: requests one after another, each answered before the next is looked at."""

    def __init__(self, counts: Counts, habits: Habits) -> None:
        """Count into `counts`, and behave as the habits say."""
        self.counts = counts
        self.habits = habits
        self.held = b""
        self.body_left = 0
        self.request: Request | None = None  # whose body is being read, or whose answer is under way
        self.doomed = False
        self.left = 0  # bytes of a large answer
        self.blocked = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self.counts.connections += 1
        self.counts.connections_now += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        del exc
        self.counts.connections_now -= 1

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self.held += data
        self.advance()

    def advance(self) -> None:
        """Go on as far as the bytes reach."""
        while self.held:
            if self.request is None:
                head, end, rest = self.held.partition(b"\r\n\r\n")
                if not end:
                    return
                self.held = rest
                self.begin(parse(head))
            elif self.body_left:
                taken = min(self.body_left, len(self.held))
                self.held = self.held[taken:]
                self.body_left -= taken
                self.counts.body_bytes += taken
                if not self.body_left:
                    self.answer(self.request)
            else:
                return

    def begin(self, request: Request) -> None:
        """A head is there."""
        self.request, self.body_left = request, request.length
        if request.action == "counts":
            self.finish(whole(json.dumps(asdict(self.counts)).encode()))
            return
        self.counts.requests += 1
        if request.method == "POST" and self.habits.journal is not None:
            os.write(self.habits.journal, f"{request.nonce}\n".encode())
        if self.doomed:
            self.counts.stale_raced += 1
            self.transport.abort()
        elif request.action == "stall":
            self.transport.pause_reading()
        elif not self.body_left:
            self.answer(request)

    def answer(self, request: Request) -> None:
        """The request is whole."""
        loop = asyncio.get_running_loop()
        match request.action:
            case "stream":
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                self.transport.write(head)
                self.event(1, request.number("events", 5), request.number("ms", 20) / 1000)
            case "big":
                left = request.number("bytes", 1_000_000)
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
                self.pour(left)
            case "slow":
                loop.call_later(request.number("ms", 1000) / 1000, self.finish, whole(request.nonce.encode()))
            case "status":
                self.finish(whole(request.nonce.encode(), request.number("status", 200)))
            case "agent-card.json":
                self.finish(whole(json.dumps(card(f"http://{self.habits.address}")).encode()))
            case "close":
                self.transport.abort()
            case "cut":
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"." * 50)
                self.transport.close()
            case "garbage":
                self.finish(b"this is no answer\r\n\r\n")
            case _:
                self.finish(whole(request.nonce.encode()))

    def finish(self, answer: bytes) -> None:
        """Send an answer, and be ready for the next request, or not."""
        if self.transport.is_closing():
            return
        self.transport.write(answer)
        self.request = None
        if self.habits.stale and random.random() < self.habits.stale:
            if random.random() < 0.5:
                self.counts.stale_closed += 1
                asyncio.get_running_loop().call_later(random.random() * LINGER, self.go_stale)
            else:
                self.doomed = True
        self.advance()

    def go_stale(self) -> None:
        """Close an idle connection without having said so; one that is in use is left alone, as a server would."""
        if self.request is None:
            self.transport.close()

    def event(self, number: int, events: int, interval: float) -> None:
        """Send one event of a stream, and see to the next."""
        if self.transport.is_closing():
            return
        text = b"data: %d\n\n" % number
        self.transport.write(b"%x\r\n%b\r\n" % (len(text), text))
        if number == events:
            self.finish(b"0\r\n\r\n")
        else:
            asyncio.get_running_loop().call_later(interval, self.event, number + 1, events, interval)

    def pour(self, left: int) -> None:
        """Send a large body while it is taken."""
        self.left = left
        while self.left and not self.blocked and not self.transport.is_closing():
            size = min(self.left, len(BLOCK))
            self.left -= size
            self.transport.write(BLOCK[:size])
        if not self.left:
            self.finish(b"")

    def pause_writing(self) -> None:
        """The socket takes no more."""
        self.blocked = True

    def resume_writing(self) -> None:
        """It does again."""
        self.blocked = False
        if self.left:
            self.pour(self.left)


async def serve(host: str, port: int, habits: Habits) -> None:
    """Listen until cancelled."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counts, habits), host, port, backlog=4096)
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until it is ended."""
    options = argparse.ArgumentParser(prog="python -m bench.trouble.agent", description=__doc__.partition("\n")[0])
    options.add_argument("address", help="HOST:PORT")
    options.add_argument("--stale", type=float, default=0.0)
    options.add_argument("--journal", default="")
    given = options.parse_args(arguments)
    host, _, port = given.address.rpartition(":")
    journal = os.open(given.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if given.journal else None
    uvloop.run(serve(host, int(port), Habits(given.stale, journal, given.address)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
