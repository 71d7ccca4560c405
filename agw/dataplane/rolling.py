"""A rolling restart: every worker is replaced by a fresh process, and no request notices.

    for each place    start a successor -> it serves the configuration -> it accepts on the place's sockets
                      -> the old process stops accepting -> it drains -> it ends

Rules: the sockets are the supervisor's, so that old and new accept on the same one for a moment, and what the kernel has
queued is taken by either. There are never fewer processes that accept than before. Old processes drain while the next
place is dealt with: until the last of them has ended there are up to twice as many. A successor that does not come to
serve ends the restart; whoever was to be replaced serves on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agw._fastpath.record import COUNTERS
from agw.dataplane.frames import Drain, Stop
from agw.dataplane.logs import Log
from agw.dataplane.place import Place
from agw.dataplane.ports import OpenPort
from agw.dataplane.process import WorkerProcess

START_PATIENCE = 30.0
"""Seconds for a successor to serve."""

_STOP_PATIENCE = 2.0  # for an old process to end after Stop
_LOOK = 0.02
_BUSY = tuple(index for index, metric, *_ in COUNTERS if metric in ("agw_exchanges", "agw_downstream_connections"))


@dataclass(frozen=True, slots=True)
class Steps:
    """What a restart needs of the supervisor. brief: tell a process all but its sockets. ports: those in service."""

    brief: Callable[[WorkerProcess], None]
    ports: Callable[[], Sequence[OpenPort]]
    changed: Callable[[], None]


class Rolling:
    """Replaces workers, one restart at a time."""

    def __init__(self, places: Sequence[Place], steps: Steps, drain_timeout: float, log: Log) -> None:
        """Know the places. drain_timeout: seconds that live exchanges of an old process may go on."""
        self.replaced = 0  # processes, ever
        self.active = False
        self._places = places
        self._steps = steps
        self._drain_timeout = drain_timeout
        self._log = log

    async def run(self) -> None:
        """Replace every process, and wait for the old ones to end. Only one at a time: see `active`."""
        self.active = True
        drains: list[asyncio.Task[None]] = []
        self._log.info("restarting workers", workers=len(self._places))
        try:
            for place in self._places:
                if not await self._replace(place, drains):
                    self._log.error("restart given up, the old workers serve on", worker=place.index)
                    break
            else:
                self._log.info("workers restarted", draining=sum(1 for drain in drains if not drain.done()))
            await asyncio.gather(*drains)
        finally:
            for drain in drains:
                drain.cancel()
            self.active = False

    async def _replace(self, place: Place, drains: list[asyncio.Task[None]]) -> bool:
        """Put a fresh process in charge of a place; False where none comes to serve."""
        old = place.current
        if old is None:
            return True  # it died, and whoever comes next is fresh
        try:
            successor = place.succeed()
        except OSError as error:
            self._log.error("worker cannot be started", worker=place.index, error=error)
            return False
        self._steps.brief(successor)
        if not await self._serves(successor, old):
            successor.kill()
            return place.current is not old  # the old one died meanwhile: the place is being filled anyway
        place.promote()
        open_ports = {port.port: port for port in self._steps.ports()}
        for number, whose in old.served:  # those of a place that has no process, too
            if number in open_ports:
                successor.listen(open_ports[number], whose)
        self.replaced += 1
        old.unlisten()
        self._steps.changed()
        drains.append(asyncio.get_running_loop().create_task(self._drain(old)))
        await self._until(lambda: not old.listens or old.ended.is_set(), START_PATIENCE)
        return True

    async def _serves(self, successor: WorkerProcess, old: WorkerProcess) -> bool:
        """Wait until it serves what its predecessor serves."""
        await self._until(
            lambda: 0 < successor.applied >= old.applied or successor.ended.is_set() or old.ended.is_set(),
            START_PATIENCE,
        )
        return 0 < successor.applied >= old.applied and not successor.ended.is_set() and not old.ended.is_set()

    async def _drain(self, old: WorkerProcess) -> None:
        """Let an old process come to its end."""
        await self._until(lambda: not old.listens or old.ended.is_set(), START_PATIENCE)
        old.send(Drain())
        await self._until(lambda: old.ended.is_set() or not _busy(old), self._drain_timeout)
        if not old.ended.is_set() and _busy(old):
            self._log.warning("drain ends with exchanges in progress", worker=old.index, pid=old.pid)
        old.send(Stop())
        await self._until(old.ended.is_set, _STOP_PATIENCE)
        if not old.ended.is_set():
            old.kill()
            await old.ended.wait()
        self._steps.changed()

    async def _until(self, condition: Callable[[], bool], patience: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while loop.time() < deadline:
            if condition():
                return
            await asyncio.sleep(_LOOK)


def _busy(process: WorkerProcess) -> bool:
    values = process.memory.values()
    return any(values[index] for index in _BUSY)
