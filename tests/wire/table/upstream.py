"""Answers of an agent as cases: their bytes in every cut, and what the client gets of them.

All ways of cutting an answer are played side by side before one gateway: as many clients ask, and when all their requests
are with the agent it sends each its n-th piece, and lets the loop turn, before any gets the next. Then every client that
still has a connection asks again and must get its own answer, and every connection of the agent's must have been kept, or
closed, as the case says: a connection whose position is in doubt is where one client gets the answer of another.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from itertools import count, islice

from tests.oracles.strict_http1 import Malformed, Message, check_forwarded, check_relayed, read_begun, read_response
from tests.wire.gateway import Peer, Session, serving, until
from tests.wire.table.feeds import one_by_one, places
from tests.wire.table.model import Outcome, Row
from tests.wire.table.play import PATIENCE, differences, turn

BATCH = 64
NONCE = b"@@@@@@@@"  # in an answer or a body: the number of the request
GET = b"GET @ HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD @ HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET @ HTTP/1.0\r\nHost: a\r\n\r\n"
WANTS = b"GET @ HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"
OLD_KEPT = b"GET @ HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"


class After(Enum):
    """What the agent does behind its last byte."""

    STAYS = "stays"
    FIN = "closes"
    RST = "resets"


@dataclass(frozen=True, slots=True)
class Answer:
    """An agent's bytes, and what must come of them however they are cut.

    status, body, framing, has, lacks: of the final answer that the client gets; fields are compared as in `Seen`.
    trailers: what comes behind the body. interims: statuses of the 1xx answers before it. cut: it must not end cleanly. closed: the client's connection ends
    after it. kept: the agent's serves another request. ask: the request, "@" being its target.
    """

    name: str
    data: bytes
    status: int = 200
    body: bytes | None = b""
    framing: str | None = None
    has: tuple[tuple[str, bytes], ...] = ()
    lacks: tuple[str, ...] = ()
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    interims: tuple[int, ...] = ()
    cut: bool = False
    closed: bool = False
    kept: bool = False
    after: After = After.STAYS
    ask: bytes = GET


@dataclass(slots=True)
class Play:
    """One cut of an answer. peer: the agent's connection that it went over."""

    number: int
    cut: str
    pieces: tuple[bytes, ...]
    after: After
    peer: Peer | None = None
    asked: int = 0
    done: bool = False
    reused: bool = False


class Agent:
    """Answers a request by the number in its target; /probe/N with N."""

    def __init__(self) -> None:
        self.plays: dict[int, Play] = {}
        self.gate = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        with suppress(Malformed):
            before: Play | None = None
            while (message := await peer.request()) is not None:
                if before is not None:
                    before.reused = True
                target = message.start[1]
                if target.startswith(b"/probe/"):
                    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(target), target))
                    continue
                before = self.plays[int(target[1:])]
                if await self.play(before, peer):
                    return

    async def play(self, play: Play, peer: Peer) -> bool:
        """Send the pieces; whether that was the connection's end."""
        play.peer, play.asked = peer, play.asked + 1
        await self.gate.wait()
        with suppress(ConnectionError):
            for piece in play.pieces:
                await peer.send(piece)
                await turn()
        play.done = True
        if play.after is not After.STAYS:
            peer.cut(reset=play.after is After.RST)
        return play.after is not After.STAYS


@dataclass(slots=True)
class Asker:
    """A client and what it got."""

    play: Play
    case: Answer
    sock: socket.socket = field(default_factory=socket.socket)
    data: bytes = b""
    interims: tuple[int, ...] = ()
    final: Message | None = None
    ended: bool = False
    reset: bool = False
    fault: str = ""

    def ask(self, port: int) -> None:
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(0)
        self.sock.send(self.case.ask.replace(b"@", b"/%d" % self.play.number, 1))

    def probe(self) -> None:
        """Ask again on the same connection."""
        self.final = None
        self.sock.send(b"GET /probe/%d HTTP/1.1\r\nHost: a\r\n\r\n" % self.play.number)

    def receive(self) -> bool:
        """Read what is there; whether anything was."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionError:
            data, self.reset = b"", True
        self.data += data
        self.ended = not data
        try:
            ask = self.case.ask
            while self.final is None and (
                found := read_response(self.data, head=ask.startswith(b"HEAD"), trailers=b"trailers" in ask)
            ):
                if found[0].framing == "close" and (not self.ended or self.reset):
                    break
                self.data = self.data[found[1] :]
                check_relayed(found[0])
                if found[0].status < 200:
                    self.interims += (found[0].status,)
                else:
                    self.final = found[0]
        except Malformed as error:
            self.fault = self.fault or f"the client got {error}"
        return True

    @property
    def result(self) -> tuple[object, ...]:
        """What must not depend on the cut."""
        if self.final is None:
            return self.interims, None, self.ended
        fields = tuple(each for each in self.final.fields if each[0].lower() not in {b"x-request-id", b"date"})
        number = b"%08d" % self.play.number
        return (
            self.interims,
            self.final.start,
            fields,
            self.final.body.replace(number, NONCE),
            self.final.trailers,
            self.ended,
        )


async def collect(askers: list[Asker], *, closed: bool) -> None:
    """Read until every client has its answer, or its end."""
    end = asyncio.get_running_loop().time() + PATIENCE
    left = askers
    while left and asyncio.get_running_loop().time() < end:
        heard = [asker.receive() for asker in left]
        left = [asker for asker in left if not asker.ended and (closed or asker.final is None)]
        await asyncio.sleep(0 if any(heard) else 0.0005)
    for asker in left:
        asker.fault = asker.fault or f"nothing more came behind {asker.data[:80]!r}"


def cuts(data: bytes) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """All ways of cutting an answer."""
    yield "whole", (data,)
    yield "one by one", one_by_one(data)
    for at in places(data):
        yield f"cut at {at}", (data[:at], data[at:])


async def play_answers(row: Row, cases: Sequence[Answer]) -> list[Outcome]:
    """Play the cases of one row, before one gateway."""
    agent = Agent()
    numbers = count(10_000_000)
    async with serving(agent, **row.needs) as session:
        return [await _play(session, agent, row.number, case, numbers) for case in cases]


async def _play(session: Session, agent: Agent, row: int, case: Answer, numbers: Iterator[int]) -> Outcome:
    outcome = Outcome(row, case.name)
    ways = cuts(case.data)
    first: tuple[object, ...] | None = None
    while batch := list(islice(ways, BATCH)):
        plays = []
        for cut, pieces in batch:
            number = next(numbers)
            data = _pieces(case.data.replace(NONCE, b"%08d" % number), pieces)
            plays.append(Play(number, cut, data, case.after))
        marks = {id(peer): len(peer.received) for peer in session.peers}
        askers = await _play_batch(session, agent, case, plays)
        outcome.feeds += len(plays)
        for asker in askers:
            first = first or asker.result
            if asker.result != first:
                outcome.divergences.append(f"{asker.play.cut}: {asker.result}, but first {first}")
            outcome.faults += (f"{asker.play.cut}: {fault}" for fault in _faults(case, asker))
        await _probe(askers, case)
        await _settle(plays, case)
        outcome.faults += (f"{asker.play.cut}: {fault}" for asker in askers for fault in _reuse_faults(case, asker))
        outcome.violations += _violations(session, marks, case, askers)
        for asker in askers:
            asker.sock.close()
        await until(lambda: not session.reactor.live()["exchanges"], "no exchange")
    return outcome


def _pieces(data: bytes, like: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Cut the data where that of the pieces was."""
    found, at = [], 0
    for piece in like:
        found.append(data[at : at + len(piece)])
        at += len(piece)
    return tuple(found)


async def _play_batch(session: Session, agent: Agent, case: Answer, plays: list[Play]) -> list[Asker]:
    agent.plays = {play.number: play for play in plays}
    agent.gate.clear()
    askers = [Asker(play, case) for play in plays]
    for asker in askers:
        asker.ask(session.port)
    await until(lambda: all(play.asked for play in plays), "all requests at the agent")
    agent.gate.set()
    await collect(askers, closed=case.closed or case.cut)
    await until(lambda: all(play.done for play in plays), "all answers sent")
    await turn()
    return askers


async def _probe(askers: list[Asker], case: Answer) -> None:
    """Whoever has a connection asks again, and gets an answer of its own."""
    live = [] if case.closed or case.cut else [asker for asker in askers if not asker.ended and not asker.fault]
    for asker in live:
        asker.case = Answer("probe", b"")
        asker.probe()
    await collect(live, closed=False)
    for asker in live:
        if asker.final is None or asker.final.body != b"/probe/%d" % asker.play.number or asker.data:
            asker.fault = asker.fault or f"the next request was answered with {asker.final} {asker.data[:80]!r}"


async def _settle(plays: list[Play], case: Answer) -> None:
    """Give connections that must end the time to."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while not case.kept and not all(play.peer and play.peer.ended for play in plays if play.after is After.STAYS):
        if asyncio.get_running_loop().time() > end:
            return
        await asyncio.sleep(0.0005)


def _faults(case: Answer, asker: Asker) -> Iterator[str]:
    """What the client got and should not have."""
    if asker.fault:
        yield asker.fault
    if asker.interims != case.interims:
        yield f"interim answers {asker.interims}, not {case.interims}"
    if case.cut:
        if asker.final is not None:
            yield f"a clean end: {asker.final}"
        elif not asker.ended:
            yield "no end"
        return
    if asker.final is None:
        yield f"no whole answer: {asker.data[:200]!r}"
        return
    yield from _message_faults(case, asker)
    if asker.data:
        yield f"left over: {asker.data[:80]!r}"
    if asker.ended != case.closed:
        yield f"the client's connection {'ended' if asker.ended else 'did not end'}"


def _message_faults(case: Answer, asker: Asker) -> Iterator[str]:
    message = asker.final
    assert message is not None
    body = None if case.body is None else case.body.replace(NONCE, b"%08d" % asker.play.number)
    if case.status >= 500 and case.body == b"":
        body = None
    parts = (
        ("status", message.status, case.status),
        ("body", message.body, body),
        ("framing", message.framing, case.framing),
        ("trailers", message.trailers, case.trailers),
    )
    yield from differences(parts, message, case.has, case.lacks)


def _reuse_faults(case: Answer, asker: Asker) -> Iterator[str]:
    """Whether the agent's connection was kept, or closed, as it should be."""
    if asker.fault:
        yield asker.fault
    peer = asker.play.peer
    if peer is None:
        yield "no request came"
    elif case.kept and peer.ended:
        yield "the agent's connection was not kept"
    elif not case.kept and asker.play.reused:
        yield "the agent's connection was used again"
    elif not case.kept and case.after is After.STAYS and not peer.ended:
        yield "the agent's connection was kept"
    if asker.play.asked != 1:
        yield f"asked {asker.play.asked} times"


def _violations(session: Session, marks: dict[int, int], case: Answer, askers: list[Asker]) -> Iterator[str]:
    """Nothing malformed, doubled or strange reaches the agent; nothing of another's answer reaches a client."""
    for peer in session.peers:
        try:
            messages, rest = read_begun(peer.received[marks.get(id(peer), 0) :])
            for message in messages:
                check_forwarded(message)
        except Malformed as error:
            yield f"the agent got {error}"
        else:
            if rest:
                yield f"the agent was left with {rest[:80]!r}"
    numbers = {b"%08d" % asker.play.number for asker in askers}
    for asker in askers:
        body = asker.data + (asker.final.body if asker.final else b"")
        if any(number in body for number in numbers - {b"%08d" % asker.play.number}):
            yield f"{asker.play.cut}: got the answer of another"
        if b"evil" in body:
            yield f"{asker.play.cut}: got bytes that belong to no answer"
