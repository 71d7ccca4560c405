"""Active checks: a GET to each endpoint whose Backend asks for it, and what is held to be true of them.

Rules: one check per endpoint, however many Backends and routes lead to it; where they differ, the one with the shortest
interval decides, then the first by key. An endpoint counts as up until its checks have failed often enough, so a gateway
that starts serves at once. Checks of many endpoints are spread over their interval, by the endpoint's name. Where all
endpoints of a Backend are down, workers use them all: that is said here, and done there.

Must not: see a request, or decide where one goes. The supervisor runs this; it never reads more than a head.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeGuard

import agw
from agw.dataplane.logs import Log
from agw.settings import Address
from agw.snapshot.model import Backend, Endpoint, Entry

_AT_ONCE = 64  # checks under way
_MAX_HEAD = 65_536  # bytes, interim answers with it
_MAX_INTERIM = 16
_GATHER = 0.02  # seconds: endpoints that go down together are told together
_STATUS = 3  # digits

Where: TypeAlias = tuple[str, int]
"""Address (an IP literal) and port."""


@dataclass(frozen=True, slots=True)
class Spec:
    """How one endpoint is checked. Times are seconds. host: for the Host field. good, bad: in a row, to change a verdict."""

    where: Where
    host: str
    path: str
    interval: float
    timeout: float
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is held to be true. against: checks in a row that say otherwise."""

    down: bool = False
    against: int = 0


def judge(verdict: Verdict, spec: Spec, *, good: bool) -> Verdict:
    """Take one more check into account."""
    if good is not verdict.down:
        return replace(verdict, against=0)
    if verdict.against + 1 < (spec.good if verdict.down else spec.bad):
        return replace(verdict, against=verdict.against + 1)
    return Verdict(down=not verdict.down)


def specs(entries: Mapping[str, Entry]) -> dict[Where, Spec]:
    """Give each endpoint that is to be checked its one check."""
    found: dict[Where, Spec] = {}
    for _, entry in sorted((key, entry) for key, entry in entries.items() if _is_checked(entry)):
        for target in entry.targets:
            host = str(Address(target.host, target.port))
            for endpoint in target.endpoints:
                spec = _spec(entry, endpoint, host)
                before = found.get(spec.where)
                if before is None or spec.interval < before.interval:
                    found[spec.where] = spec
    return found


def _is_checked(entry: Entry | None) -> TypeGuard[Backend]:
    return isinstance(entry, Backend) and entry.health is not None


def _spec(backend: Backend, endpoint: Endpoint, host: str) -> Spec:
    check = backend.health
    if check is None:
        raise ValueError(backend.ref)
    return Spec(
        (endpoint.address, endpoint.port),
        host,
        check.path,
        check.interval_ms / 1000,
        check.timeout_ms / 1000,
        check.healthy,
        check.unhealthy,
    )


def open_backends(entries: Mapping[str, Entry], down: frozenset[Where]) -> frozenset[str]:
    """Name the Backends all of whose endpoints are down, so that all are used."""
    if not down:
        return frozenset()
    return frozenset(
        entry.ref
        for entry in entries.values()
        if isinstance(entry, Backend)
        and (places := [(place.address, place.port) for target in entry.targets for place in target.endpoints])
        and down.issuperset(places)
    )


async def probe(spec: Spec) -> str:
    """Check once; return what is wrong, "" where the answer has a status from 200 to 399."""
    try:
        async with asyncio.timeout(spec.timeout):
            return status_trouble(await _ask(spec))
    except TimeoutError:
        return f"no answer within {spec.timeout:g} s"
    except asyncio.IncompleteReadError:
        return "closed without an answer"
    except asyncio.LimitOverrunError:
        return "the head of the answer is too large"
    except OSError as error:
        return error.strerror or str(error)
    except UnicodeError:
        return "the host is no ASCII name, so that nothing can be asked"


async def _ask(spec: Spec) -> bytes:
    """Send the GET and return the head of the final answer."""
    reader, writer = await asyncio.open_connection(*spec.where, limit=_MAX_HEAD)
    try:
        writer.write(
            f"GET {spec.path} HTTP/1.1\r\nHost: {spec.host}\r\nUser-Agent: agw/{agw.__version__}\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        head = b""
        for _ in range(_MAX_INTERIM + 1):
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 1"):
                break
        return head
    finally:
        writer.close()


def status_trouble(head: bytes) -> str:
    """Say what is wrong with the head of an answer (RFC 9112 4), "" where nothing is."""
    version, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    status = rest.partition(b" ")[0]
    if version not in {b"HTTP/1.1", b"HTTP/1.0"} or not status.isdigit() or len(status) != _STATUS:
        return "no answer of HTTP/1"
    return "" if b"200" <= status < b"400" else f"status {status.decode()}"


class Checks:
    """Runs the checks of a configuration."""

    def __init__(
        self,
        log: Log,
        on_change: Callable[[tuple[Where, ...]], None],
        check: Callable[[Spec], Awaitable[str]] = probe,
    ) -> None:
        """Nothing runs before `follow`. on_change: called in the loop with all endpoints that are down now."""
        self._log = log
        self._on_change = on_change
        self._check = check
        self._entries: Mapping[str, Entry] = {}
        self._specs: dict[Where, Spec] = {}
        self._tasks: dict[Where, asyncio.Task[None]] = {}
        self._verdicts: dict[Where, Verdict] = {}
        self._open: frozenset[str] = frozenset()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._telling: asyncio.TimerHandle | None = None
        self.results = {"good": 0, "bad": 0}

    @property
    def down(self) -> tuple[Where, ...]:
        """All endpoints that are down now."""
        return tuple(sorted(where for where, verdict in self._verdicts.items() if verdict.down))

    @property
    def failing_open(self) -> int:
        """How many Backends have all of their endpoints down."""
        return len(self._open)

    def follow(self, entries: Mapping[str, Entry], changed: frozenset[str] | None = None) -> None:
        """Check what these entries ask for; endpoints that stay keep their verdict.

        changed: the keys that may differ from the last entries; None: any.
        """
        if changed is not None and not any(
            _is_checked(entries.get(key)) or _is_checked(self._entries.get(key)) for key in changed
        ):
            self._entries = entries
            if self.down:
                self._tell_soon()  # a Backend that is checked elsewhere may have come or gone
            return
        before, self._specs, self._entries = self._specs, specs(entries), entries
        was_down = self.down
        for where, spec in before.items():
            if self._specs.get(where) != spec:
                self._tasks.pop(where).cancel()
        self._verdicts = {where: self._verdicts.get(where, Verdict()) for where in self._specs}
        for where, spec in self._specs.items():
            if where not in self._tasks:
                self._tasks[where] = asyncio.get_running_loop().create_task(self._run(spec))
        if was_down or self.down:
            self._tell_soon()

    async def close(self) -> None:
        """Stop all checks."""
        if self._telling is not None:
            self._telling.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, spec: Spec) -> None:
        phase = zlib.crc32(str(spec.where).encode()) / 2**32
        await asyncio.sleep(spec.interval * phase)
        while True:
            async with self._gate:
                trouble = await self._check(spec)
            self._take(spec, trouble)
            await asyncio.sleep(spec.interval)

    def _take(self, spec: Spec, trouble: str) -> None:
        self.results["bad" if trouble else "good"] += 1
        before = self._verdicts[spec.where]
        verdict = self._verdicts[spec.where] = judge(before, spec, good=not trouble)
        if verdict.down is before.down:
            return
        place = Address(*spec.where)
        if verdict.down:
            self._log.warning("endpoint is down", endpoint=place, path=spec.path, cause=trouble)
        else:
            self._log.info("endpoint is up again", endpoint=place, path=spec.path)
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_GATHER, self._tell)

    def _tell(self) -> None:
        self._telling = None
        down = self.down
        was_open, self._open = self._open, open_backends(self._entries, frozenset(down))
        for ref in sorted(self._open - was_open):
            self._log.warning("every endpoint of the backend is down, so all of them are used", backend=ref)
        for ref in sorted(was_open - self._open):
            self._log.info("the backend has endpoints that are up again", backend=ref)
        self._on_change(down)
