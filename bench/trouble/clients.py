"""Good clients: keep-alive connections in a closed loop, each request with a nonce that its answer must bring back.

They behave as a careful HTTP client does and no better: a connection that the server has closed is noticed before a
request is written on it, an answer that says `Connection: close` is the last one, and nothing is sent twice. What then
fails is the proxy's: it said nothing and closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import uvloop

from bench.trouble.result import Check, exactly

PATIENCE = 15.0  # seconds for one answer
HOST = "agents.example.com"
_SERIAL = itertools.count()
_RUN = f"{os.getpid():x}-{time.time_ns():x}"


class FailedError(Exception):
    """An exchange that did not end well. The text is its kind: few different ones, so that they can be counted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that is sent again and again. path: below the route's prefix. fields: further header lines."""

    method: str
    path: str = "/a/echo"
    body: bytes = b""
    fields: str = ""
    status: int = 200


GET = Ask("GET")
POST = Ask("POST", body=b"x" * 300)


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed. at: seconds since the load began. port: the client's; 0 where it was not connected."""

    method: str
    kind: str
    at: float
    port: int


@dataclass(slots=True)
class Tally:
    """What came of a load. mixed: answers with another request's nonce. waits: seconds that each exchange took."""

    answered: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    mixed: int = 0
    connects: int = 0
    waits: list[float] = field(default_factory=list)
    begun: float = 0.0

    def failed(self, method: str) -> int:
        """How many requests with this method failed."""
        return sum(one.method == method for one in self.failures)

    def kinds(self) -> str:
        """What failed, for people: `3 POST 502, 1 GET closed`."""
        counted = Counter(f"{one.method} {one.kind}" for one in self.failures)
        return ", ".join(f"{times} {kind}" for kind, times in counted.most_common()) or "-"

    def summary(self) -> dict[str, object]:
        """The figures of a report."""
        return {
            "answered": dict(self.answered),
            "failed": dict(Counter(f"{one.method} {one.kind}" for one in self.failures)),
            "mixed": self.mixed,
            "connects": self.connects,
            "p50_ms": self.quantile_ms(0.5),
            "p99_ms": self.quantile_ms(0.99),
            "longest_ms": self.quantile_ms(1.0),
        }

    def quantile_ms(self, share: float) -> float:
        """Of the waits, in ms."""
        ordered = sorted(self.waits) or [0.0]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


class Wire:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take an open connection."""
        self.reader, self.writer = reader, writer
        self.port: int = writer.get_extra_info("sockname")[1]

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1") -> Wire:
        """Connect to a loopback port; FailedError("refused") where nobody listens."""
        try:
            return cls(*await asyncio.wait_for(asyncio.open_connection(host, port, limit=1 << 20), PATIENCE))
        except OSError as error:
            raise FailedError("refused") from error

    def is_open(self) -> bool:
        """Whether the server has not ended it, as far as one knows."""
        return not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        """Close it; what is in flight is lost."""
        self.writer.transport.abort()

    def send(self, ask: Ask, nonce: str) -> None:
        """Write a request."""
        length = f"Content-Length: {len(ask.body)}\r\n" if ask.body or ask.method == "POST" else ""
        head = f"{ask.method} {ask.path} HTTP/1.1\r\nHost: {HOST}\r\nX-Nonce: {nonce}\r\n{length}{ask.fields}\r\n"
        self.writer.write(head.encode() + ask.body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read the head of an answer; interim ones are skipped."""
        while True:
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = text.rstrip("\r\n").split("\r\n")
            status = int(line.split(" ", 2)[1])
            if status >= 200:
                return status, {
                    name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)
                }

    async def chunks(self) -> bytes:
        """Read a body in chunks to its proper end; IncompleteReadError where it is cut."""
        body = b""
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readuntil(b"\r\n")
        return body

    async def answer(self) -> Answer:
        """Read a whole answer."""
        status, fields = await self.head()
        last = fields.get("connection", "").lower() == "close"
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return Answer(status, await self.chunks(), last)
        if "content-length" in fields:
            return Answer(status, await self.reader.readexactly(int(fields["content-length"])), last)
        return Answer(status, await self.reader.read(), last=True)

    async def exchange(self, ask: Ask, nonce: str) -> Answer:
        """One request and its whole answer; FailedError with the kind of failure, the connection being of no more use then."""
        try:
            self.send(ask, nonce)
            return await asyncio.wait_for(self.answer(), PATIENCE)
        except asyncio.IncompleteReadError as error:
            raise FailedError("cut" if error.partial else "closed") from error
        except ConnectionError as error:
            raise FailedError("reset") from error
        except TimeoutError as error:
            raise FailedError(f"nothing in {PATIENCE:.0f} s") from error


def new_nonce() -> str:
    """A nonce that no other request of any run has."""
    return f"{_RUN}-{next(_SERIAL)}"


class Load:
    """Good clients over one proxy, until they are told to stop."""

    def __init__(self, port: int, clients: int, asks: Sequence[Ask], pause: float = 0.0) -> None:
        """`clients` connections, each sending the asks in turn. pause: seconds between two, on average.

        Pauses are random: clients in step would all be answered, or all be waiting, when the trouble comes.
        """
        self.port, self.asks, self.pause = port, asks, pause
        self.clients = clients
        self.tally = Tally()
        self.going = True

    async def run(self) -> Tally:
        """Send until `stop`; what is in flight then is still waited for."""
        self.tally.begun = time.monotonic()
        await asyncio.gather(*(self._client(number) for number in range(self.clients)))
        return self.tally

    def stop(self) -> None:
        """No new requests."""
        self.going = False

    async def _client(self, number: int) -> None:
        wire: Wire | None = None
        for turn in itertools.count(number):
            if not self.going:
                break
            if wire is not None and not wire.is_open():
                wire.close()
                wire = None
            wire = await self._one(wire, self.asks[turn % len(self.asks)])
            if self.pause:
                await asyncio.sleep(random.random() * 2 * self.pause)
        if wire is not None:
            wire.close()

    async def _one(self, wire: Wire | None, ask: Ask) -> Wire | None:
        """One exchange, on a new connection where there is none; the connection to go on with."""
        nonce, begun = new_nonce(), time.monotonic()
        try:
            if wire is None:
                self.tally.connects += 1
                wire = await Wire.open(self.port)
            answer = await wire.exchange(ask, nonce)
            self.tally.waits.append(time.monotonic() - begun)
            self._judge(ask, nonce, answer)
        except FailedError as error:
            self.tally.failures.append(
                Failure(ask.method, str(error), begun - self.tally.begun, wire.port if wire else 0)
            )
            if wire is None:
                await asyncio.sleep(0.01)  # nobody listens: not a reason to spin
            else:
                wire.close()
            return None
        if answer.last:
            wire.close()
            return None
        return wire

    def _judge(self, ask: Ask, nonce: str, answer: Answer) -> None:
        if answer.status != ask.status:
            raise FailedError(str(answer.status))
        if answer.body != nonce.encode():
            self.tally.mixed += 1
            raise FailedError("another's answer")
        self.tally.answered[ask.method] += 1


@dataclass(slots=True)
class Stream:
    """An event stream as its client saw it. body: what came of it. clean: it ended as it should."""

    wanted: int
    body: bytearray = field(default_factory=bytearray)
    clean: bool = False
    begun: bool = False
    ended_at: float = 0.0

    @property
    def events(self) -> list[int]:
        """The numbers of the events, in the order of arrival."""
        return [int(line[6:]) for line in self.body.split(b"\n") if line.startswith(b"data: ")]

    def summary(self) -> dict[str, object]:
        """The figures of a report."""
        return {"wanted": self.wanted, "events": len(self.events), "clean": self.clean, "whole": self.whole}

    @property
    def whole(self) -> bool:
        """Whether every event came, once, in order, and then the end."""
        return self.clean and self.events == list(range(1, self.wanted + 1))


async def follow(port: int, stream: Stream, milliseconds: int) -> Stream:
    """Ask for an event stream and read it to whatever end it comes to."""
    with contextlib.suppress(FailedError, OSError, ValueError, asyncio.IncompleteReadError):
        wire = await Wire.open(port)
        try:
            wire.send(Ask("GET", f"/a/stream?events={stream.wanted}&ms={milliseconds}"), new_nonce())
            status, _ = await wire.head()
            stream.begun = status == 200
            while size := int((await wire.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                stream.body += (await wire.reader.readexactly(size + 2))[:size]
            await wire.reader.readuntil(b"\r\n")
            stream.clean = True
        finally:
            wire.close()
    stream.ended_at = time.monotonic()
    return stream


async def load_while(load: Load, story: Callable[[], object]) -> Tally:
    """Run a load for as long as a story takes; the story is blocking code, told in a thread of its own."""
    running = asyncio.create_task(load.run())
    try:
        await asyncio.to_thread(story)
    finally:
        load.stop()
    return await running


def run_load(load: Load, story: Callable[[], object]) -> Tally:
    """The same, from blocking code."""
    return uvloop.run(load_while(load, story))


def safely_repeated(tally: Tally, doubled: int) -> list[Check]:
    """What the retry rule promises, whatever agents do. doubled: POSTs that agents saw twice."""
    return [
        exactly("GET that failed", tally.failed("GET"), 0),
        exactly("POST that reached an agent twice", doubled, 0),
        exactly("answers to another's request", tally.mixed, 0),
    ]
