"""Which snapshot is in force, which one is on its way, and what a worker has to be told.

    in_force   every worker has acknowledged it; a new worker can always serve it
    latest     sent; it becomes in_force when all have it, and never if one refuses it

Pure bookkeeping: no socket, no loop. Versions count snapshots (a changed address is one too); generations count what
the configuration source yields.
"""

from __future__ import annotations

from collections.abc import Mapping

from agw.dataplane.frames import Change, Full
from agw.errors import Problem
from agw.snapshot.codec import encode
from agw.snapshot.delta import diff
from agw.snapshot.model import Delta, Entry, Snapshot


class Publication:
    """The two snapshots, and how earlier attempts ended."""

    def __init__(self) -> None:
        """Begin with version 0, which is empty and which nobody serves."""
        self.in_force = Snapshot()
        self.latest = Snapshot()
        self.generation = 0  # of in_force
        self.latest_generation = 0
        self.refused: tuple[Problem, ...] = ()
        self.refused_generation = 0
        self.results = {"applied": 0, "refused": 0}
        self._unusable = False  # some worker refused `latest`
        self._unsettled: set[str] | None = None  # keys in which `latest` may differ from `in_force`; None: any

    @property
    def unsettled(self) -> bool:
        """Whether `latest` is not yet in force."""
        return self.latest.version != self.in_force.version

    def take(self, entries: dict[str, Entry], generation: int, changed: frozenset[str] | None = None) -> Change | None:
        """Make entries the latest snapshot and return what to send; None where they are the latest already.

        changed: the keys that may differ from the latest; None compares all. The map must not be changed afterwards.
        """
        self.latest_generation = generation
        latest = Snapshot(version=self.latest.version + 1, entries=entries)
        delta = diff(self.latest, latest, changed)
        if self.latest.version and not delta.set and not delta.removed:
            if self._unusable:
                self.refused_generation = generation  # it is what was refused before
            return None
        self.latest = latest
        self._unusable = False
        if changed is None:
            self._unsettled = None
        elif self._unsettled is not None:
            self._unsettled |= changed
        return Change(encode(delta))

    def reject(self, problems: tuple[Problem, ...], generation: int) -> None:
        """Note that the source's attempt of this generation cannot be used."""
        self.refused_generation = generation
        self.refused = problems or (Problem("AGW3007", "the configuration cannot be used"),)
        self.results["refused"] += 1

    def refuse(self, problems: tuple[Problem, ...]) -> None:
        """Note that a worker cannot use `latest`."""
        if not self._unusable:
            self._unusable = True
            self.reject(problems, self.latest_generation)

    def settle(self) -> str:
        """Put `latest` in force; return what that changed, as `+added ~changed -removed`."""
        delta = diff(self.in_force, self.latest, self._unsettled)
        self._unsettled = set()
        change = summary(self.in_force.entries, delta)
        if self.latest_generation != self.generation:
            self.results["applied"] += 1
        self.in_force, self.generation, self.refused = self.latest, self.latest_generation, ()
        return change

    def briefing(self) -> tuple[Full | Change, ...]:
        """Return what a new worker is told: what it can serve for certain, then what is on its way."""
        if not self.latest.version:
            return ()
        if not self._unusable:
            return (Full(encode(self.latest)),)
        return (Full(encode(self.in_force)), Change(encode(diff(self.in_force, self.latest))))


def summary(before: Mapping[str, Entry], delta: Delta) -> str:
    """Count what a delta does to entries: `+2 ~1 -0`."""
    changed = sum(1 for key in delta.set if key in before)
    return f"+{len(delta.set) - changed} ~{changed} -{len(delta.removed)}"
