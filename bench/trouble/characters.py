"""The people of a long run: clients of every kind, good and bad, each doing what it does again and again.

A character is one coroutine over a `Town`: where the gateway is, which key is valid now, what has been seen. It does one
thing and returns; who calls it decides how often. What must never happen whatever one does (another's answer, a
status that nobody asked for) is counted in the town's `Book`; what may happen (a POST that met a dying agent) as well, apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.trouble.clients import HOST, POST, Ask, FailedError, Wire, new_nonce

ECHO = "/a/echo"
KEYED = "/k/echo"
CARD = "/a/.well-known/agent-card.json"
AGENT_TROUBLE = {"502", "503", "504", "closed", "reset", "cut"}
BODY = b"x" * 70_000  # more than one read, more than is kept for a retry


@dataclass(slots=True)
class Book:
    """What was seen. done: by character. allowed: failures that such a day explains. wrong: those that nothing does."""

    done: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    mixed: int = 0


@dataclass(slots=True)
class Town:
    """Where the characters live.

    hidden: the part of agents' addresses that no card may show. key: valid now; settled: it has been for long enough that
    nobody may refuse it.
    """

    port: int
    hidden: str
    book: Book = field(default_factory=Book)
    key: str = "none-yet"
    old_key: str = "never-was"
    settled: bool = False
    rng: random.Random = field(default_factory=lambda: random.Random(4))


Character = Callable[[Town], Awaitable[None]]


async def exchange(town: Town, wire: Wire, ask: Ask) -> None:
    """One exchange whose answer must be this request's; FailedError where it failed."""
    nonce = new_nonce()
    answer = await wire.exchange(ask, nonce)
    if answer.status != ask.status:
        raise FailedError(str(answer.status))
    if answer.status == 200 and answer.body != nonce.encode():
        town.book.mixed += 1
        raise FailedError("another's answer")
    if answer.last:
        raise FailedError("last")


@contextlib.asynccontextmanager
async def wire_to(town: Town) -> contextlib.AbstractAsyncContextManager[Wire]:  # type: ignore[misc]
    """A connection for a while."""
    wire = await Wire.open(town.port)
    try:
        yield wire
    finally:
        wire.close()


async def talk(town: Town, ask: Ask, times: int) -> None:
    """Some exchanges on one connection; a failure of the agent's kind is allowed, any other is not."""
    async with wire_to(town) as wire:
        for _ in range(times):
            settled, key = town.settled, town.key
            try:
                await exchange(town, wire, ask)
            except FailedError as error:
                if str(error) == "last":
                    return
                agents = str(error) in AGENT_TROUBLE
                changing = str(error) == "401" and not (settled and town.settled and key == town.key)
                book = town.book.allowed if agents or changing else town.book.wrong
                book[f"{ask.method} {ask.path.partition('?')[0]} {error}"] += 1
                return


async def talker(town: Town) -> None:
    """GET and POST, small and large."""
    body = town.rng.choice((b"", b"{}", b"x" * 300, BODY))
    ask = Ask("POST", ECHO, body) if body else Ask(town.rng.choice(("GET", "PUT", "DELETE", "OPTIONS")), ECHO)
    await talk(town, ask, town.rng.randint(1, 20))


async def member(town: Town) -> None:
    """Requests with the key that is valid now."""
    field = town.rng.choice((f"X-API-Key: {town.key}\r\n", f"Authorization: Bearer {town.key}\r\n"))
    await talk(town, Ask("POST", KEYED, b"{}", field), town.rng.randint(1, 5))


async def intruder(town: Town) -> None:
    """No key, an old one, two of them, one that never was: refused, whatever is being changed."""
    fields = town.rng.choice(
        (
            "",
            "X-API-Key: wrong\r\n",
            "Authorization: Bearer \r\n",
            f"X-API-Key: {town.key}\r\nX-API-Key: {town.key}\r\n",
        )
        + ((f"X-API-Key: {town.old_key}\r\n",) if town.settled else ())
    )
    await talk(town, Ask("GET", KEYED, fields=fields, status=401), 1)


async def listener(town: Town) -> None:
    """An event stream, to its end or until one has had enough."""
    events, bored = town.rng.randint(1, 40), town.rng.random() < 0.3
    async with wire_to(town) as wire:
        wire.send(Ask("GET", f"/a/stream?events={events}&ms={town.rng.randint(1, 100)}"), new_nonce())
        if bored:
            await wire.reader.read(town.rng.randint(1, 300))
            return
        try:
            status, _ = await wire.head()
            body = await wire.chunks() if status == 200 else b""
        except (ConnectionError, asyncio.IncompleteReadError):
            town.book.allowed["stream cut"] += 1
            return
        if status != 200:
            town.book.allowed[f"stream {status}"] += 1
        elif body.count(b"data: ") != events:
            town.book.wrong["stream ended clean and short"] += 1


async def reader_of_cards(town: Town) -> None:
    """Agent cards go through Python: the one path that does."""
    async with wire_to(town) as wire:
        wire.send(Ask("GET", CARD), new_nonce())
        answer = await wire.answer()
        if answer.status != 200:
            town.book.allowed[f"card {answer.status}"] += 1
        elif town.hidden.encode() in answer.body:
            town.book.wrong["card with the agent's own address"] += 1


async def leaver(town: Town) -> None:
    """Go away in any phase of an exchange, by a close or by a reset."""
    head = f"POST {ECHO} HTTP/1.1\r\nHost: {HOST}\r\nX-Nonce: {new_nonce()}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    slow = f"GET /a/slow?ms=200 HTTP/1.1\r\nHost: {HOST}\r\nX-Nonce: n\r\n\r\n"
    big = f"GET /a/big?bytes=3000000 HTTP/1.1\r\nHost: {HOST}\r\nX-Nonce: n\r\n\r\n"
    whole = head.encode() + BODY
    said, heard = town.rng.choice(
        (
            (b"", 0),
            (head[: town.rng.randint(1, len(head) - 1)].encode(), 0),
            (head.encode(), 0),
            (whole[: town.rng.randint(len(head), len(whole))], 0),
            (whole, 0),
            (whole, 20),
            (slow.encode(), 0),
            (big.encode(), town.rng.randint(1, 500_000)),
        )
    )
    async with wire_to(town) as wire:
        wire.writer.write(said)
        if heard:
            await wire.reader.read(heard)
        else:
            await asyncio.sleep(town.rng.random() * 0.05)
        if town.rng.random() < 0.5:
            wire.writer.close()  # a FIN; otherwise the transport is aborted


BAD = (
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /a HTTP/1.1\nHost: a\n\n", 400),
    (b"GET /a HTTP/2.1\r\nHost: a\r\n\r\n", 505),
    (b"GET  /a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    (b"TRACE /a HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"POST /a/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST /a/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
    (b"POST /a/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"POST /a/echo HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", 417),
    (b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
)


async def offender(town: Town) -> None:
    """What is no request, or one that is refused."""
    message, status = town.rng.choice(BAD)
    async with wire_to(town) as wire:
        wire.writer.write(message)
        answer = await wire.answer()
        if answer.status != status:
            town.book.wrong[f"{answer.status} instead of {status}"] += 1


async def visitor_of_failures(town: Town) -> None:
    """Ask agents to fail: whatever they do, the answer is theirs or says that there is none."""
    path = town.rng.choice(("/a/close", "/a/cut", "/a/garbage", "/a/status/500", "/a/status/404", "/a/slow?ms=50"))
    async with wire_to(town) as wire:
        nonce = new_nonce()
        try:
            answer = await wire.exchange(Ask("GET", path), nonce)
        except FailedError as error:
            if path != "/a/cut":
                town.book.allowed[f"{path} {error}"] += 1
            return
        if path == "/a/cut" and answer.status == 200:
            town.book.wrong["half an answer looked whole"] += 1
        if answer.status < 502 and "/status/" in path and answer.body != nonce.encode():
            town.book.mixed += 1


async def slowcoach(town: Town) -> None:
    """Send a part of a head, or of a body, and nothing more, until the gateway has had enough."""
    head = f"POST {ECHO} HTTP/1.1\r\nHost: {HOST}\r\nX-Nonce: n\r\nContent-Length: 10\r\n\r\n"
    async with wire_to(town) as wire:
        wire.writer.write(head[: town.rng.choice((20, 60, len(head)))].encode())
        answer = await wire.answer()
        if answer.status != 408:
            book = town.book.allowed if str(answer.status) in AGENT_TROUBLE else town.book.wrong
            book[f"{answer.status} instead of 408"] += 1


async def pipeliner(town: Town) -> None:
    """Several requests at once: answered in order, or the connection is closed; never out of order."""
    async with wire_to(town) as wire:
        nonces = [new_nonce() for _ in range(town.rng.randint(2, 10))]
        for nonce in nonces:
            wire.send(POST if town.rng.random() < 0.3 else Ask("GET", ECHO), nonce)
        for nonce in nonces:
            answer = await wire.answer()
            if answer.status == 200 and answer.body != nonce.encode():
                town.book.mixed += 1
            if answer.last:
                return


CAST: dict[str, tuple[Character, int]] = {
    "talker": (talker, 6),
    "member": (member, 3),
    "intruder": (intruder, 1),
    "listener": (listener, 4),
    "card": (reader_of_cards, 1),
    "leaver": (leaver, 3),
    "offender": (offender, 2),
    "failures": (visitor_of_failures, 2),
    "slowcoach": (slowcoach, 2),
    "pipeliner": (pipeliner, 1),
}
"""Characters by name, and how many of each live at a time."""


async def live(town: Town, name: str, pause: float, going: Callable[[], bool]) -> None:
    """Be a character, again and again, with a random pause between."""
    act, _ = CAST[name]
    while going():
        try:
            await asyncio.wait_for(act(town), 60)
            town.book.done[name] += 1
        except (FailedError, ConnectionError, asyncio.IncompleteReadError) as error:
            kind = str(error) if isinstance(error, FailedError) else "closed"
            (town.book.wrong if kind == "refused" else town.book.allowed)[f"{name}: {kind}"] += 1
        except TimeoutError:
            town.book.wrong[f"{name}: stuck for a minute"] += 1
        except ValueError as error:
            town.book.wrong[f"{name}: no HTTP: {error}"] += 1
        await asyncio.sleep(town.rng.random() * 2 * pause)
