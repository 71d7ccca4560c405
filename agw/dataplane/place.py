"""A worker's place: the process that fills it, those that come and go beside it, and the counts that outlive them.

    coming --promote--> current --dismissed--> leaving --> gone
                          `--died--> lost(): the supervisor fills the place again

Each process has memory of its own. When one ends, its counters are added to the place's, in the same turn of the loop,
so that no counter ever goes back and none is counted twice; its gauges end with it.

When to start the next one is `Backoff`'s to say, what to tell it the supervisor's.

Must not: decide what configuration is in force, or know other places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agw.dataplane.agents import NO_ROW, Row, add, without_gauges
from agw.dataplane.frames import Start, ToSupervisor, ToWorker
from agw.dataplane.ports import OpenPort
from agw.dataplane.process import Reports, WorkerProcess
from agw.dataplane.shared import EXCHANGES_ACTIVE, NOTHING, Pod, settled, total
from agw.dataplane.state import WorkerState
from agw.settings import Settings

STEADY = 30.0
"""Seconds after which a worker's death is a new story, and its successor starts at once."""

_LONGEST = 30.0
_LAST_REQUESTS = 5


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: not at all, then 1, 2, 4 .. 30 s while they die young."""

    failures: int = 0

    def after(self, lived: float) -> float:
        """Count a death after `lived` seconds; return the seconds to wait."""
        self.failures = 1 if lived >= STEADY else self.failures + 1
        return 0.0 if self.failures == 1 else min(_LONGEST, 2.0 ** (self.failures - 2))


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a process was doing when it ended. requests: the last that it had answered, the newest last."""

    exchanges: int = 0
    requests: tuple[str, ...] = ()


class Place:
    """One worker's place."""

    def __init__(
        self,
        index: int,
        settings: Settings,
        pseudonym: str,
        pod: Pod,
        on_message: Callable[[WorkerProcess, ToSupervisor], None],
    ) -> None:
        """Make the place, without a process yet. pseudonym: see Start. pod: stays the caller's."""
        self.index = index
        self.restarts = 0
        self.current: WorkerProcess | None = None
        self.coming: WorkerProcess | None = None
        self.leaving: list[WorkerProcess] = []
        self._start = Start(index, settings, pseudonym)
        self._pod = pod
        self._reports = Reports(on_message, self._ended)
        self._retired = NOTHING  # counters of processes that have ended
        self._retired_agents: dict[int, Row] = {}  # and their figures by agent
        self._code = 0
        self._lost = asyncio.Event()
        self.left_behind = LeftBehind()

    @property
    def alive(self) -> bool:
        """Whether there is a process in charge."""
        return self.current is not None

    @property
    def applied(self) -> int:
        """Version that the process in charge serves, 0 without one."""
        return self.current.applied if self.current else 0

    def state(self) -> WorkerState:
        """Describe it."""
        pid = self.current.pid if self.current else 0
        return WorkerState(self.index, pid, self.applied, self.restarts, len(self.leaving))

    def serves(self, port: int) -> bool:
        """Whether any of its processes may still accept on a socket of this listener port."""
        return any(process.serves(port) for process in self._all())

    # Processes

    def fill(self) -> WorkerProcess:
        """Start the process in charge."""
        if self.coming is not None:
            self.coming.kill()  # its predecessor died meanwhile, and this one is told more
        self._lost.clear()
        self.current = WorkerProcess(self._start, self._pod, self._reports)
        return self.current

    async def lost(self) -> int:
        """Wait until the process in charge, whichever that is by then, has ended unasked; return its code."""
        await self._lost.wait()
        return self._code

    def succeed(self) -> WorkerProcess:
        """Start a successor to the process in charge."""
        self.coming = WorkerProcess(self._start, self._pod, self._reports)
        return self.coming

    def promote(self) -> WorkerProcess | None:
        """Put the successor in charge; return the process that was, which is to leave."""
        old, self.current, self.coming = self.current, self.coming, None
        if old is not None:
            self.leaving.append(old)
        return old

    async def empty(self) -> None:
        """Wait until no process is left."""
        for process in tuple(self._all()):
            await process.ended.wait()

    def kill(self) -> None:
        """End all at once."""
        for process in tuple(self._all()):
            process.kill()

    def _all(self) -> Iterator[WorkerProcess]:
        if self.current is not None:
            yield self.current
        if self.coming is not None:
            yield self.coming
        yield from self.leaving

    def _ended(self, process: WorkerProcess, code: int) -> None:
        values = process.memory.values()
        self._retired = total((self._retired, settled(values)))
        for number, row in process.memory.all_agents().items():
            self._retired_agents[number] = add((self._retired_agents.get(number, NO_ROW), without_gauges(row)))
        if process is self.current:
            self.left_behind = LeftBehind(values[EXCHANGES_ACTIVE], process.memory.last_requests(_LAST_REQUESTS))
            self.current = None
            self._code = code
            self._lost.set()
        elif process is self.coming:
            self.coming = None
        else:
            self.leaving.remove(process)

    # Telling

    def send(self, message: ToWorker) -> None:
        """Tell all processes something; nothing happens where there is none."""
        for process in self._all():
            process.send(message)

    def listen(self, port: OpenPort, place: int) -> None:
        """Let the process in charge accept on a place's socket of this listener port."""
        if self.current is not None:
            self.current.listen(port, place)

    def unlisten(self, *, port: int | None = None, place: int | None = None) -> None:
        """Let the process in charge stop on all sockets of a port, or of a place; `serves` turns false when it has."""
        if self.current is not None:
            self.current.unlisten(port=port, place=place)

    def ask(self, now: float) -> float:
        """Ask the process in charge for a sign of life; return how many seconds there was none. now: loop time."""
        return self.current.ask(now) if self.current is not None else 0.0

    def show_where(self) -> None:
        """Let the process in charge write to the log where it is."""
        if self.current is not None:
            self.current.show_where()

    # Counts

    def values(self) -> tuple[int, ...]:
        """All counters, over all processes that there were and are."""
        return total((self._retired, *(process.memory.values() for process in self._all())))

    def agent(self, number: int) -> Row:
        """A row of the figures by agent, over all processes that there were and are."""
        return add((self._retired_agents.get(number, NO_ROW), *(each.memory.agent(number) for each in self._all())))

    def exchanges(self) -> int:
        """Exchanges in progress, in all processes."""
        return self.values()[EXCHANGES_ACTIVE]
