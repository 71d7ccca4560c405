"""What a conversation is to be: the requests of its clients, and what agents do with each of them.

A pure function of a seed. Each request has a nonce of its own, in its path, its body and its answer, so that bytes
which reach the wrong place are seen wherever they end. A script says what must come of a request only where the rules
leave one outcome; where agents misbehave it says what may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import TypeVar

T = TypeVar("T")

METHODS = (b"GET", b"GET", b"GET", b"HEAD", b"POST", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS")
SIZES = (0, 1, 2, 17, 60, 400, 3000)
LARGE = 90_000  # bytes: more than what one read takes, and more than waits before the other side is not read
REFUSED = (
    b"GET  /n/%b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /n/%b HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    b"GET /n/%b HTTP/1.1\r\n\r\n",
    b"GET /n/%b HTTP/1.1\nHost: a\n\n",
    b"GET /n/%b HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"POST /n/%b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /n/%b HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
    b"POST /n/%b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"CONNECT /n/%b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /n/%b HTTP/2.0\r\nHost: a\r\n\r\n",
    b"GET /n/%b%%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /n/%b HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n",
)
# None of them can be made whole by what follows.
BROKEN_CHUNKS = (b"zz\r\n", b"2\r\nabc\r\n", b"-1\r\n", b"0\r\nbad trailer\r\n\r\n", b"11111111111111111\r\n")
BROKEN_HEADS = (
    b"HTTP/1.1 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"SSH-2.0-x\r\n",
    b"\0\1\2\3\r\n\r\n",
)
STRAY = b"HTTP/1.1 200 OK\r\nX-Nonce: stray\r\nContent-Length: 5\r\n\r\nstray"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an agent does with one request.

    pieces are sent one by one, then the connection ends with "fin", "rst" or not at all (""). early: from the head
    on, without waiting for the body. whole: they are a complete answer, with this status and body. tidy: after it the
    connection is in a state that both sides agree on. body: None where what is malformed may count as body for a while.
    stream: it is an event stream.
    """

    pieces: tuple[bytes, ...]
    end: str
    early: bool
    whole: bool
    tidy: bool
    status: int
    body: bytes | None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client. kind: good, refused (malformed), elsewhere (no rule takes it).

    broken: its body is, so that it never becomes complete.
    """

    nonce: bytes
    method: bytes
    data: bytes
    body: bytes
    kind: str
    broken: bool
    last: bool
    plan: Plan


@dataclass(frozen=True, slots=True)
class Client:
    """One client's connection: its requests, how their bytes are cut, how many are sent, and how it ends then."""

    requests: tuple[Request, ...]
    pieces: tuple[bytes, ...]
    cut: bool
    end: str
    slow: bool


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation. late_ms: how far the clock is turned on the way; 0: not before the end.

    deaf: of this many connections, agents close one at once. clock_first: at the end nobody closes, deadlines do.
    slots: requests that an endpoint takes at a time, the others wait in line; 0: as many as come.
    silences: how often everybody is silent for longer than a stream may be without a sign of life.
    """

    clients: tuple[Client, ...]
    late_ms: int
    deaf: int
    clock_first: bool
    slots: int
    silences: int = 0


class Draw(Random):
    """Random whose choices are cheap: a conversation takes a hundred of them. streams: some answers are event streams."""

    streams = False

    def choice(self, among: Sequence[T]) -> T:
        """Return one of these."""
        return among[int(self.random() * len(among))]

    def randrange(self, start: int, stop: int | None = None, _step: int = 1) -> int:
        """Return a number below stop."""
        if stop is None:
            start, stop = 0, start
        return start + int(self.random() * (stop - start))


def content(nonce: bytes, size: int) -> bytes:
    """Return a body that tells whose it is at every few bytes."""
    mark = nonce + b"."
    return (mark * (size // len(mark) + 1))[:size]


def cut_up(random: Random, data: bytes) -> tuple[bytes, ...]:
    """Return the data in pieces: whole, in a few, or in very small ones."""
    way = random.random()
    if way < 0.5 or len(data) < 2:
        return (data,)
    if way < 0.93 or len(data) > 120:
        places = sorted({random.randrange(1, len(data)) for _ in range(random.randrange(1, 4))})
    else:
        places = list(range(1, len(data), random.choice((1, 2, 5))))
    return tuple(data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True))


def chunked(random: Random, body: bytes) -> bytes:
    """Return the body in the chunked coding, in chunks of some sizes, with what is dropped on the way."""
    coded = []
    while body:
        size = random.choice((1, 7, 50, 4000, 40_000))
        chunk, body = body[:size], body[size:]
        extension = b";a=b" if random.random() < 0.1 else b""
        coded.append(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk))
    coded.append(b"0\r\n%b\r\n" % (b"X-T: v\r\n" if random.random() < 0.1 else b""))
    return b"".join(coded)


def size(random: Random) -> int:
    """Return the size of a body: mostly small."""
    return LARGE if random.random() < 0.01 else random.choice(SIZES)


def request(random: Random, nonce: bytes) -> Request:
    """Return one request with its plan."""
    method = random.choice(METHODS)
    way = random.random()
    if way < 0.04:
        data = random.choice(REFUSED) % nonce
        return Request(nonce, b"GET", data, b"", "refused", broken=False, last=True, plan=SILENCE)
    path, kind = (b"/else/", "elsewhere") if way < 0.08 else (b"/n/", "good")
    old = random.random() < 0.06
    close = old or random.random() < 0.05
    lines = [b"%b %b%b HTTP/1.%d" % (method, path, nonce, not old), b"Host: a"]
    if close and not old:
        lines.append(b"Connection: close")
    body, coded, broken = b"", b"", False
    shape = random.random() if method in {b"POST", b"PUT", b"PATCH"} else random.random() * 4
    if shape < 0.45:
        body = coded = content(nonce, size(random))
        lines.append(b"Content-Length: %d" % len(body))
    elif shape < 0.9 and not old:
        body = content(nonce, size(random))
        lines.append(b"Transfer-Encoding: chunked")
        coded = chunked(random, body)
        if random.random() < 0.04:
            broken = True
            coded = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + random.choice(BROKEN_CHUNKS)
    if body and not old and random.random() < 0.1:
        lines.append(b"Expect: 100-continue")
    lines += [b"X-A: %b" % nonce] * random.randrange(3)
    data = b"\r\n".join([*lines, b"", coded])
    return Request(nonce, method, data, body, kind, broken, close or broken, plan(random, nonce, method))


SILENCE = Plan((), "", early=False, whole=False, tidy=False, status=0, body=b"")


def plan(random: Random, nonce: bytes, method: bytes) -> Plan:
    """Return what an agent does: three of four times what it should."""
    way = random.random()
    early = random.random() < 0.08
    if way < 0.03:
        end = random.choice(("", "fin", "rst"))
        return Plan((), end, early=early, whole=False, tidy=False, status=0, body=b"")
    if way < 0.06:
        head = random.choice(BROKEN_HEADS)
        return Plan(cut_up(random, head), "", early=False, whole=False, tidy=False, status=0, body=b"")
    answer = _answer(random, nonce, method)
    return _spoilt(random, way, answer, early=early)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A good answer: its head with what goes before it, its body as it is coded and as it is meant."""

    head: bytes
    coded: bytes
    coding: str  # none, length, chunked or close
    end: str
    status: int
    body: bytes
    stream: bool


EVENTS = (
    b"data: %b",
    b"data",
    b": %b",
    b"event: error",
    b"id: %b",
    b'data: {"jsonrpc":"2.0","id":1,"result":{"kind":"task","id":"%b","status":{"state":"working"}}}',
    b'data: {"task":{"id":"%b","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}}',
    b"",
    b"",
    b"",
)


def _events(random: Random, nonce: bytes) -> bytes:
    """Return an event stream, or something that is nearly one."""
    end = random.choice((b"\n", b"\r\n", b"\r"))
    lines = [random.choice(EVENTS).replace(b"%b", nonce) for _ in range(random.randrange(1, 14))]
    mark = random.choice((b"\xef\xbb\xbf", b"\xef\xbb", b"\xef")) if random.random() < 0.2 else b""
    return mark + end.join([*lines, random.choice((b"", b"", b"data: cut", b"d"))])


def _answer(random: Random, nonce: bytes, method: bytes) -> _Answer:
    status = random.choice((200, 200, 200, 200, 404, 500, 204, 304))
    body = b"" if status in {204, 304} else content(nonce, size(random))
    lines = [b"HTTP/1.1 %d %b" % (status, random.choice((b"OK", b""))), b"X-Nonce: " + nonce]
    stream = isinstance(random, Draw) and random.streams and status not in {204, 304} and random.random() < 0.5
    if stream:
        body = _events(random, nonce)
        lines.append(b"Content-Type: text/event-stream")
    coded, end, coding = b"", "", random.choices(("length", "chunked", "close"), (50, 35, 15))[0]
    if status in {204, 304} or method == b"HEAD":
        if status != 204 and coding == "length":
            lines.append(b"Content-Length: %d" % len(body))
        body, coding = b"", "none"
    elif coding == "length":
        lines.append(b"Content-Length: %d" % len(body))
        coded = body
    elif coding == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        coded = chunked(random, body)
    else:
        coded, end = body, "fin"
    if not end and random.random() < 0.1:
        lines.append(b"Connection: close")
        end = "fin"
    interim = b""
    if random.random() < 0.05:
        interim = random.choice(
            (b"HTTP/1.1 103 Early\r\nX-Nonce: %b\r\n\r\n" % nonce, b"HTTP/1.1 100 Continue\r\n\r\n")
        )
    return _Answer(interim + b"\r\n".join([*lines, b"", b""]), coded, coding, end, status, body, stream)


def _spoilt(random: Random, way: float, answer: _Answer, *, early: bool) -> Plan:
    """Return the answer as it is, or cut short, or malformed, or with what nobody asked for."""
    data, end = answer.head + answer.coded, answer.end
    whole = Plan((), end, early, whole=True, tidy=True, status=answer.status, body=answer.body, stream=answer.stream)
    if way < 0.12 and answer.coded and answer.coding != "close":
        data = data[: len(data) - random.randrange(1, len(answer.coded) + 1)]
        end = random.choice(("fin", "rst"))
        return replace(whole, pieces=cut_up(random, data), end=end, whole=False, tidy=False)
    if way < 0.15 and answer.coding == "chunked":
        data = answer.head + random.choice(BROKEN_CHUNKS)
        return replace(whole, pieces=cut_up(random, data), whole=False, tidy=False, body=None)
    pieces, tidy = cut_up(random, data), True
    if answer.stream and len(pieces) == 1:
        head, events = len(answer.head), sorted(random.randrange(len(data)) for _ in range(4))
        places = [0, head, *(place for place in events if place > head), len(data)]
        pieces = tuple(data[start:stop] for start, stop in pairwise(places) if stop > start)
    if way < 0.19 and answer.coding != "close" and len(data) < 4000:
        # In one segment with the end of the answer, or later on its own: see Agent.act().
        pieces = (*pieces[:-1], pieces[-1] + STRAY) if random.random() < 0.5 else (*pieces, STRAY)
        early, tidy, end = False, False, ""
    elif way < 0.22 and not end:
        tidy, end = False, random.choice(("fin", "rst"))
    return replace(whole, pieces=pieces, end=end, early=early, tidy=tidy)


def client(random: Random, number: int) -> Client:
    """Return one client."""
    requests = tuple(request(random, b"c%dr%d" % (number, at)) for at in range(random.choice((1, 1, 2, 2, 3, 4))))
    data = b"".join(each.data for each in requests)
    cut = random.random() < 0.06
    if cut:
        data = data[: random.randrange(len(data))]
    pieces: tuple[bytes, ...] = ()
    if random.random() < 0.6 and not cut:
        pieces = tuple(piece for each in requests for piece in cut_up(random, each.data))
    else:
        pieces = cut_up(random, data)
    end = random.choice(("fin", "rst", "")) if cut or random.random() < 0.05 else ""
    return Client(requests, pieces, cut, end, slow=random.random() < 0.1)


def script(seed: int, *, streams: bool = False) -> Script:
    """Return the conversation of a seed. streams: of agents that answer with event streams, and fall silent."""
    random = Draw(seed)
    random.streams = streams
    clients = tuple(client(random, number) for number in range(random.choice((1, 1, 1, 2, 3))))
    late = random.choice((150, 1_100, 4_500, 11_000, 31_000)) if random.random() < 0.08 else 0
    deaf = random.choice((2, 4)) if random.random() < 0.05 else 0
    clock_first = random.random() < 0.3
    slots = 1 if len(clients) > 1 and random.random() < 0.4 else 0
    return Script(clients, late, deaf, clock_first, slots, random.randrange(5) if streams else 0)
