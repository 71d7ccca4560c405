"""Record Events (events.k8s.io/v1), so that `kubectl describe` shows what a person should notice.

`Record` is called from anywhere and never waits; `run` sends. What repeats is one Event with a series whose count goes
up, written seldom. Each object has a budget, as client-go's spam filter gives it, and the queue is bounded: Events are
for people, and no flood of them may cost the API server what it is there for. An Event that the server refuses, or
that cannot be sent for minutes, is dropped. One whose answer got lost is sent again by the name that it had: a server
that times out may have kept it all the same.

Must not: hold up its caller, or raise anything at it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from agw.kube.client import Client
from agw.kube.errors import AlreadyExists, KubeError, NotFound
from agw.kube.resource import Key, Resource

LOG = logging.getLogger("agw.kube")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")

NOTE = 1024  # bytes, the API's limit
SERIES_SECONDS = 60.0  # between two writes of one series
RETRY_SECONDS = 10.0  # after a failure of the server's, or of the way to it
FORGET_SECONDS = 360.0  # a series that has been quiet for so long is over, as in client-go
BURST = 25  # new Events of one object at once
REFILL_SECONDS = 300.0  # until it may have one more
REMEMBERED = 4096  # series, and objects with a budget


@dataclass(frozen=True, slots=True)
class Reference:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What happened. reason: why, in CamelCase. action: what was done or tried. note: for people."""

    regarding: Reference
    reason: str
    action: str
    note: str
    warning: bool = False


@dataclass(slots=True)
class _Series:
    """One Event. name: "" before it was sent. count: times it happened; written: times the server knows of."""

    name: str = ""
    count: int = 0
    written: int = 0
    last: float = 0.0
    last_wall: str = ""
    due: float = 0.0


class Book:
    """What was told and what of it is to be sent when. Values and times in, values out; seconds of any clock."""

    def __init__(self) -> None:
        """Nothing was told."""
        self._series: OrderedDict[Told, _Series] = OrderedDict()
        self._budgets: OrderedDict[Reference, tuple[float, float]] = OrderedDict()

    def tell(self, told: Told, now: float, wall: str) -> bool:
        """Note that it happened. False where it is dropped: the object has had its share."""
        series = self._series.get(told)
        if series is not None and series.written and now - series.last > FORGET_SECONDS:
            del self._series[told]
            series = None
        if series is None:
            if not self._spend(told.regarding, now):
                return False
            series = self._series[told] = _Series(due=now)
            _trim(self._series)
        series.count += 1
        series.last, series.last_wall = now, wall
        return True

    def due(self, now: float) -> tuple[Told, _Series] | None:
        """Return one that is to be sent now."""
        for told, series in self._series.items():
            if series.count > series.written and series.due <= now:
                return told, series
        return None

    def wait(self, now: float) -> float | None:
        """Return seconds until something is due, None where nothing will be."""
        times = [series.due for series in self._series.values() if series.count > series.written]
        return max(0.0, min(times) - now) if times else None

    def drop(self, told: Told) -> None:
        """Forget a series."""
        self._series.pop(told, None)

    def _spend(self, regarding: Reference, now: float) -> bool:
        left, since = self._budgets.pop(regarding, (float(BURST), now))
        left = min(float(BURST), left + (now - since) / REFILL_SECONDS)
        allowed = left >= 1
        self._budgets[regarding] = (left - allowed, now)
        _trim(self._budgets)
        return allowed


class Recorder:
    """Records Events in the name of one controller. instance: of it, the pod's name."""

    def __init__(self, client: Client, controller: str, instance: str) -> None:
        """Nothing is sent before `run`."""
        self._client = client
        self._controller = controller
        self._instance = instance
        self._book = Book()
        self._news = asyncio.Event()
        self._made = 0

    def record(self, regarding: Reference, *, reason: str, action: str, note: str, warning: bool = False) -> None:
        """Record that something happened to an object."""
        told = Told(regarding, reason, action, _shortened(note), warning)
        if self._book.tell(told, asyncio.get_running_loop().time(), _wall()):
            self._news.set()

    async def run(self) -> None:
        """Send what was recorded, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            self._news.clear()
            while (due := self._book.due(clock())) is not None:
                await self._send(*due)
            wait = self._book.wait(clock())
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _send(self, told: Told, series: _Series) -> None:
        count = series.count
        now = asyncio.get_running_loop().time()
        try:
            if not series.written:
                await self._create(told, series)
                count = 1
            else:
                await self._count(told, series, count)
        except NotFound:
            self._book.drop(told)  # the Event, or its namespace, has gone
        except KubeError as error:
            if error.retry and now - series.last < FORGET_SECONDS:
                series.due = now + RETRY_SECONDS
                return
            LOG.info("an Event was not recorded: %s", error)
            self._book.drop(told)
        series.written = count
        series.due = now + SERIES_SECONDS

    async def _create(self, told: Told, series: _Series) -> None:
        regarding = told.regarding
        series.name = series.name or self._name(regarding)
        body = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": series.name, "namespace": _namespace(regarding)},
            "eventTime": series.last_wall,
            "reportingController": self._controller,
            "reportingInstance": self._instance[:128],
            "action": told.action,
            "reason": told.reason,
            "type": "Warning" if told.warning else "Normal",
            "note": told.note,
            "regarding": _reference(regarding),
        }
        with suppress(AlreadyExists):  # an earlier try came through, and its answer did not
            await self._client.create(EVENTS, body, namespace=_namespace(regarding))

    def _name(self, regarding: Reference) -> str:
        """Make a name of at most 253 characters that no other instance makes at the same microsecond."""
        self._made += 1
        tail = f".{int(datetime.now(UTC).timestamp() * 1e6):x}{self._made & 0xFFFF:04x}"
        return regarding.name[: 253 - len(tail)].rstrip(".-") + tail

    async def _count(self, told: Told, series: _Series, count: int) -> None:
        body = {"series": {"count": count, "lastObservedTime": series.last_wall}}
        await self._client.patch(EVENTS, Key(_namespace(told.regarding), series.name), body)


def _namespace(regarding: Reference) -> str:
    """Events about cluster-scoped objects live in `default`."""
    return regarding.namespace or "default"


def _reference(regarding: Reference) -> dict[str, str]:
    fields = {
        "apiVersion": regarding.api_version,
        "kind": regarding.kind,
        "namespace": regarding.namespace,
        "name": regarding.name,
        "uid": regarding.uid,
    }
    return {name: value for name, value in fields.items() if value}


def _shortened(note: str) -> str:
    data = note.encode()
    return note if len(data) <= NOTE else data[: NOTE - 3].decode(errors="ignore") + "..."


def _trim(kept: OrderedDict[Told, _Series] | OrderedDict[Reference, tuple[float, float]]) -> None:
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)


def _wall() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
