"""Full garbage collections when nobody waits for one.

A full collection stops its process while it walks everything that lives: 160 ms in a controller with 5,000 routes, in
the middle of whatever change made the one object too many. Young generations are collected as always, which is cheap
and finds nearly all there is to find; a full one comes here alone, after work and in calm.

Rules: what is there after a collection is frozen, so that the next young one does not carry it along; nothing is frozen
for good, since each full collection begins by looking at everything again. Where calm never comes, one comes anyway.

Must not: know what the work is.
"""

from __future__ import annotations

import asyncio
import gc

CALM = 2.0
"""Seconds without work before a full collection."""

AT_LATEST = 60.0
"""Seconds after the first work since the last one."""

ENOUGH = 200
"""Pieces of work that are worth one."""

_NEVER = 1 << 30  # collections of the generation before


class Collector:
    """The process's full collections; there is one at most, in one loop."""

    def __init__(self, calm: float = CALM, at_latest: float = AT_LATEST, enough: int = ENOUGH) -> None:
        """Leave everything as it is, until `rest`."""
        self._calm, self._at_latest, self._enough = calm, at_latest, enough
        self._found: tuple[int, int, int] | None = None  # thresholds, before they were ours
        self._work = 0
        self._first = self._last = 0.0  # times of the first and the last piece of work
        self._due: asyncio.TimerHandle | None = None

    def rest(self) -> None:
        """Collect now, and from now on only in calm: what there is now is there to stay."""
        if self._found is None:
            self._found = gc.get_threshold()
        young, middle, _ = self._found
        gc.set_threshold(young, middle, _NEVER)
        self._collect()

    def worked(self) -> None:
        """Count a piece of work: a change that was applied."""
        if self._found is None:
            return
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        self._work += 1
        if self._work == 1:
            self._first = self._last
        if self._work >= self._enough and self._due is None:
            self._due = loop.call_later(self._calm, self._look)

    def close(self) -> None:
        """Give the collector back as it was found."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._found is not None:
            gc.set_threshold(*self._found)
            gc.unfreeze()
            self._found = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        due = min(self._last + self._calm, self._first + self._at_latest)
        if loop.time() < due:
            self._due = loop.call_at(due, self._look)
            return
        self._due = None
        self._collect()

    def _collect(self) -> None:
        self._work = 0
        gc.unfreeze()
        gc.collect()
        gc.freeze()
