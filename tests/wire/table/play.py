"""Feed the cases of request rows to a running gateway, in every way, many connections at a time.

All ways of feeding a case are played side by side, in step: each connection has sent its n-th piece, and the loop has
turned, before any sends the next. So a split is seen as one, and a table of tens of thousands of feeds takes seconds.
What reached the agent is then read strictly; it must be the same request once for each feed.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from agw.snapshot.model import Attachment, Entry, Listener, Match, PathMatch, Rule, WeightedBackend
from tests.oracles.strict_http1 import Malformed, Message, check_forwarded, check_relayed, read_begun, read_response
from tests.wire.gateway import Peer, Session, entries, serving, until
from tests.wire.table.feeds import GOOD, Feed, feeds
from tests.wire.table.model import End, Outcome, Request, Row, Seen

BATCH = 64
PATIENCE = 5  # seconds that only a fault takes
PROBE = b"GET /probe HTTP/1.1\r\nHost: a\r\n\r\n"
OURS = {b"content-type", b"content-length", b"connection", b"date", b"x-request-id", b"allow", b"www-authenticate"}

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


async def agent(peer: Peer) -> None:
    """Answer every well-formed request; /chunked in chunks. What is malformed ends the connection, and is found later."""
    while await peer.more():
        messages, rest, _ = requests_in(still(peer.received[peer.at :]))
        peer.at = len(peer.received) - len(rest)
        for message in messages:
            await peer.send(
                HEAD if message.start[0] == b"HEAD" else CHUNKED if message.start[1] == b"/chunked" else HELLO
            )


# --- reading, once for each text: most feeds of a case bring the same ----------------------------------------------

MOVING = re.compile(rb"(?<=\r\n)(X-Request-Id: |Date: )([0-9a-f]{32}|[A-Z][ ,:0-9A-Za-z]{28})(?=\r\n)")


def still(data: bytes) -> bytes:
    """The data with what is new in every message replaced by as many bytes that are not."""
    return MOVING.sub(lambda match: match[1] + b"-" * len(match[2]), data)


@lru_cache(1000)
def requests_in(data: bytes) -> tuple[tuple[Message, ...], bytes, str]:
    """The complete requests, what is left, and what is wrong with them."""
    try:
        messages, rest = read_begun(data)
        for message in messages:
            check_forwarded(message)
    except Malformed as error:
        return (), b"", str(error)
    return tuple(messages), rest, ""


@lru_cache(1000)
def answer_in(data: bytes, *, head: bool) -> tuple[Message, int] | None:
    """The first answer and its size. Raise Malformed."""
    found = read_response(data, head=head)
    if found is not None:
        check_relayed(found[0])
    return found


@dataclass(slots=True)
class Line:
    """One connection and what came over it."""

    feed: Feed
    case: Request
    want: int
    sock: socket.socket = field(default_factory=socket.socket)
    data: bytes = b""
    answers: list[Message] = field(default_factory=list)
    ended: bool = False
    fault: str = ""

    def open(self, port: int) -> None:
        """Connect; the kernel's backlog takes it at once."""
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(0)

    def send(self, data: bytes) -> None:
        """Send what the gateway still takes: one that has closed takes nothing."""
        with suppress(BlockingIOError, ConnectionError):
            self.sock.send(data)

    def receive(self) -> bool:
        """Read what is there; whether anything was."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        self.data += data
        self.ended = not data
        self._read()
        return True

    def _read(self) -> None:
        try:
            while found := answer_in(still(self.data), head=self._next_is_head()):
                if found[0].framing == "close" and not self.ended:
                    return
                if found[0].status >= 200:
                    self.answers.append(found[0])
                self.data = self.data[found[1] :]
        except Malformed as error:
            self.fault = self.fault or f"the client got {error}"
            self.data = b""

    def _next_is_head(self) -> bool:
        at = len(self.answers) - self.feed.before
        return self.case.heads and 0 <= at < len(self.case.answers)

    @property
    def result(self) -> tuple[tuple[int, ...], bool, bool]:
        """What must not depend on the feed: the answers to the input, whether the connection ended, and cleanly."""
        around = self.answers[self.feed.before :]
        if self.feed.after and not self.ended:
            around = around[:-1]
        return tuple(answer.status for answer in around), self.ended, bool(self.data or self.fault)


async def turn() -> None:
    """Let the gateway see what was sent."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def collect(lines: Iterable[Line], *, until_closed: bool) -> None:
    """Read until every line has its answers, or its end."""
    end = asyncio.get_running_loop().time() + PATIENCE
    left = list(lines)
    while left and asyncio.get_running_loop().time() < end:
        heard = [line.receive() for line in left]
        left = [line for line in left if not line.ended and (until_closed or len(line.answers) < line.want)]
        await asyncio.sleep(0 if any(heard) else 0.0005)
    for line in left:
        line.fault = line.fault or f"nothing more came; answers {[answer.status for answer in line.answers]}"


async def play_requests(row: Row, cases: Sequence[Request]) -> list[Outcome]:
    """Play the cases of one row, before one gateway."""
    async with serving(agent, **row.needs) as session:
        if row.hostname:
            session.swap(entries(session.agent_port) | named_listener(row.hostname))
        return [await play(session, row.number, case) for case in cases]


def named_listener(hostname: str) -> dict[str, Entry]:
    """One more listener, for this hostname, where the key "foo" is wanted."""
    return {
        "listener/d/g/named": Listener(gateway="d/g", name="named", port=80, hostname=hostname),
        "rule/HTTPRoute/d/named/0": Rule(
            route="d/named",
            index=0,
            attachments=(Attachment("listener/d/g/named", hostnames=(hostname,)),),
            matches=(Match(path=PathMatch(value="/")),),
            backends=(WeightedBackend("backend/Backend/d/b"),),
            policy="policy/x",
        ),
    }


async def play(session: Session, row: int, case: Request) -> Outcome:
    """Play one case in all ways."""
    outcome = Outcome(row, case.name)
    ways = feeds(case)
    first: tuple[object, ...] | None = None
    while batch := list(islice(ways, BATCH)):
        marks = [len(peer.received) for peer in session.peers]
        lines = await _play_batch(session, case, batch)
        outcome.feeds += len(lines)
        for line in lines:
            first = first or line.result
            if line.result != first:
                outcome.divergences.append(f"{line.feed.name}: {line.result}, but first {first}")
            outcome.faults += (f"{line.feed.name}: {fault}" for fault in _answer_faults(case, line))
        await until(lambda: _quiet(session), "quiet upstreams")
        outcome.violations += _upstream_faults(session, marks, case, lines)
    return outcome


async def _play_batch(session: Session, case: Request, batch: list[Feed]) -> list[Line]:
    answers = len(case.answers)
    lines = [Line(feed, case, feed.before + answers + (0 if case.closed else feed.after)) for feed in batch]
    try:
        for line in lines:
            line.open(session.port)
        if apart := [line for line in lines if line.feed.apart]:
            for line in apart:
                line.send(GOOD)
            wanted, apart[0].want = apart[0].want, 1
            await collect(apart, until_closed=False)
            apart[0].want = wanted
        for step in range(max(len(feed.pieces) for feed in batch)):
            for line in lines:
                if step < len(line.feed.pieces):
                    line.send(line.feed.pieces[step])
                if step == len(line.feed.pieces) - 1 and case.end is End.FIN:
                    with suppress(OSError):
                        line.sock.shutdown(socket.SHUT_WR)
            await turn()
        await collect(lines, until_closed=case.closed)
        if not case.closed:
            await _probe(lines)
    finally:
        for line in lines:
            line.sock.close()
    return lines


async def _probe(lines: list[Line]) -> None:
    """A connection that stays must be at the beginning of a request, with nothing left over."""
    await turn()
    for line in lines:
        line.receive()
    live = [line for line in lines if line.feed.probe and not line.ended and not line.fault]
    for line in live:
        line.send(PROBE)
        line.want += 1
    await collect(live, until_closed=False)
    for line in live:
        if len(line.answers) == line.want and line.answers[-1].status == 200 and not line.ended:
            line.answers.pop()
        else:
            line.fault = line.fault or "the connection was not fit for another request"


def _answer_faults(case: Request, line: Line) -> Iterator[str]:
    """What the client got and should not have."""
    statuses, ended, _ = line.result
    if line.fault:
        yield line.fault
    if line.data:
        yield f"left over: {line.data[:80]!r}"
    if statuses != case.answers or ended != case.closed:
        yield f"{statuses} {'closed' if ended else 'open'}, not {case.answers} {'closed' if case.closed else 'open'}"
    for answer in line.answers[line.feed.before :]:
        yield from _own_answer_faults(answer)
    if case.closed and case.answers and line.answers and line.answers[-1].one("connection") != b"close":
        yield "closed without having said so"


def _own_answer_faults(answer: Message) -> Iterator[str]:
    """An answer of the gateway's own says what it is, in words that do not depend on the request."""
    if answer.status == 200:
        return
    extra = {name.lower() for name, _ in answer.fields} - OURS
    if extra:
        yield f"fields in an answer of ours: {extra}"
    if answer.status == 401 and not answer.one("www-authenticate"):
        yield "401 without a challenge"
    if answer.status == 405 and answer.one("allow") is None:
        yield "405 without Allow"
    if answer.one("date") is None:
        yield "no Date"
    if answer.framing == "length" and answer.body and json.loads(answer.body)["error"]["code"] != answer.status:
        yield f"a body of another status: {answer.body!r}"


# --- what reached the agent ----------------------------------------------------------------------------------------


def _quiet(session: Session) -> bool:
    """No exchange is under way, and the agent has heard of every end."""
    live = session.reactor.live()
    return not live["exchanges"] and live["upstreams"] == sum(not peer.ended for peer in session.peers)


def canonical(message: Message) -> tuple[object, ...]:
    """What must be the same however the request came: all but the places of chunk boundaries."""
    return message.start, message.fields, message.body, message.framing


def _upstream_faults(session: Session, marks: list[int], case: Request, lines: list[Line]) -> Iterator[str]:
    """Read what this batch has sent to the agent: exactly the requests that the row says, once for each feed."""
    came: list[Message] = []
    for index, peer in enumerate(session.peers):
        messages, rest, fault = requests_in(still(peer.received[marks[index] if index < len(marks) else 0 :]))
        if fault:
            yield f"the agent got {fault}"
        came += messages
        if rest and not peer.ended:
            yield f"the agent was left with {rest[:80]!r}"
    around = Counter(message.start[1] for message in came if message.start[1] in {b"/good", b"/probe"})
    wanted = Counter(
        {
            b"/good": sum(line.feed.before + (0 if case.closed else line.feed.after) for line in lines),
            b"/probe": 0 if case.closed else sum(line.feed.probe for line in lines),
        }
    )
    if around - wanted:
        yield f"good requests that nobody sent: {around - wanted}"
    yield from _seen_faults([message for message in came if message.start[1] not in wanted], case, len(lines))


def _seen_faults(came: list[Message], case: Request, times: int) -> Iterator[str]:
    kinds = Counter(canonical(message) for message in came)
    if len(came) != times * len(case.seen) or any(count % times for count in kinds.values()):
        yield f"the agent got {len(came)} requests in {times} feeds: {[(n, kind) for kind, n in kinds.items()][:4]}"
    left = list(case.seen)
    for message in {canonical(message): message for message in came}.values():
        misfits = [list(_misfits(message, seen)) for seen in left]
        if [] in misfits:
            left.pop(misfits.index([]))
        else:
            yield f"the agent got {message.start} {message.fields} {message.body[:80]!r}: {misfits[:1]}"


def _misfits(message: Message, seen: Seen) -> Iterator[str]:
    """In what a request is not the one that the row says."""
    method, target, _ = message.start
    parts = (
        ("target", target, seen.target),
        ("method", method, seen.method),
        ("host", message.one("host"), seen.host),
        ("body", message.body, seen.body),
        ("framing", message.framing, seen.framing),
    )
    yield from differences(parts, message, seen.has, seen.lacks)


def differences(
    parts: Iterable[tuple[str, object, object]],
    message: Message,
    has: Iterable[tuple[str, bytes]],
    lacks: Iterable[str],
) -> Iterator[str]:
    """In what a message is not what is wanted. parts: what, as it is, as it is wanted (None: whatever it is)."""
    for what, is_, wanted in parts:
        if wanted is not None and is_ != wanted:
            yield f"{what} is {is_!r}, not {wanted!r}"
    for name, value in has:
        if message.all(name) != [value]:
            yield f"{name} is {message.all(name)}, not {value!r}"
    for name in lacks:
        if message.all(name):
            yield f"{name} is there: {message.all(name)}"
