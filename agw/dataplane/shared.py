"""Memory that processes share: each worker's counters, figures by agent and request records, and what all of a pod write.

A worker's memory belongs to one process and ends with it: two processes of one place, as in a rolling restart, never write to the same
memory. What must outlive a process is added up by its place. Its layout is agw._fastpath.record's.

A pod's memory is the supervisor's, and lasts as long: a worker that dies loses none of it, and old and new ones of a
rolling restart use it beside each other. All of it changes by single atomic words.

An anonymous file (memfd) travels to the worker as a descriptor.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import ClassVar

from agw._fastpath.agents import AGENT_SLOTS, AGENT_WORDS, AGENTS_SIZE
from agw._fastpath.limits import LIMITS_SIZE, SHARED_LIMITS_SIZE, prepare
from agw._fastpath.owners import owners_size, prepare_owners
from agw._fastpath.record import COUNTERS, COUNTERS_SIZE, RECORDS_SIZE, read_records
from agw._fastpath.seats import prepare_seats, seats_size, unlock, vacate

NOTHING = (0,) * (COUNTERS_SIZE // 8)
"""Counters of nobody."""

_COLUMNS = 8  # of the seats, for each worker: those that come and leave beside the one in charge
_GAUGES = frozenset(index for index, _, _, kind, _ in COUNTERS if kind == "gauge")
_PEAKS = tuple(index for index, _, _, kind, _ in COUNTERS if kind == "peak")
EXCHANGES_ACTIVE = next(index for index, metric, *_ in COUNTERS if metric == "agw_exchanges")


@dataclass(frozen=True, slots=True)
class Region:
    """One anonymous file, mapped. fd: owned."""

    fd: int
    memory: mmap.mmap

    @classmethod
    def create(cls, name: str, size: int) -> Region:
        """Make a region of zeros, of a size that nobody changes any more.

        A worker that could shrink it would end the supervisor, which reads it, by SIGBUS.
        """
        fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(fd, size)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            return cls.attach(fd, size)
        except OSError:
            os.close(fd)
            raise

    @classmethod
    def attach(cls, fd: int, size: int) -> Region:
        """Map a region that another process made."""
        return cls(fd, mmap.mmap(fd, size))

    def close(self) -> None:
        """Unmap and close."""
        self.memory.close()
        os.close(self.fd)


@dataclass(frozen=True, slots=True)
class SharedMemory:
    """What one worker process has."""

    FDS: ClassVar[int] = 3
    counters: Region
    records: Region
    agents: Region

    @classmethod
    def create(cls, index: int) -> SharedMemory:
        """Make the memory of a process; all of it or, with an OSError, none."""
        sizes = {"counters": COUNTERS_SIZE, "records": RECORDS_SIZE, "agents": AGENTS_SIZE}
        with ExitStack() as undo:
            regions = [
                undo.enter_context(closing(Region.create(f"agw-{name}-{index}", size))) for name, size in sizes.items()
            ]
            undo.pop_all()
        return cls(*regions)

    @classmethod
    def attach(cls, counters: int, records: int, agents: int) -> SharedMemory:
        """Map what the supervisor sent."""
        return cls(
            Region.attach(counters, COUNTERS_SIZE),
            Region.attach(records, RECORDS_SIZE),
            Region.attach(agents, AGENTS_SIZE),
        )

    @property
    def fds(self) -> tuple[int, ...]:
        """Descriptors in the order of `attach`."""
        return (self.counters.fd, self.records.fd, self.agents.fd)

    def agent(self, number: int) -> tuple[int, ...]:
        """Read a row of the figures by agent."""
        size = AGENT_WORDS * 8
        with memoryview(self.agents.memory)[number * size : (number + 1) * size] as view, view.cast("Q") as numbers:
            return tuple(numbers)

    def count(self, number: int, word: int) -> None:
        """Raise a figure of an agent by one: for the process whose memory it is, on the thread that serves."""
        at = (number * AGENT_WORDS + word) * 8
        figure = int.from_bytes(self.agents.memory[at : at + 8], sys.byteorder) + 1
        self.agents.memory[at : at + 8] = figure.to_bytes(8, sys.byteorder)

    def all_agents(self) -> dict[int, tuple[int, ...]]:
        """Read all rows in which there is anything."""
        rows = ((number, self.agent(number)) for number in range(AGENT_SLOTS + 1))
        return {number: row for number, row in rows if any(row)}

    def values(self) -> tuple[int, ...]:
        """Read all counters."""
        with memoryview(self.counters.memory) as view, view.cast("Q") as numbers:
            return tuple(numbers)

    def last_requests(self, most: int) -> tuple[str, ...]:
        """Say what the last exchanges were that ended here, the newest last: method, path without query, status."""
        with memoryview(self.records.memory) as view:
            ended = [record for record in read_records(view) if record.kind == "end"]
        return tuple(f"{record.method} {record.path} {record.status}" for record in ended[-most:])

    def close(self) -> None:
        """Unmap and close all."""
        self.counters.close()
        self.records.close()
        self.agents.close()


@dataclass(frozen=True, slots=True)
class PodMemory:
    """What all worker processes of a pod have in common.

    limits, shared_limits: buckets of rate limits of the pod, and over pods; see agw._fastpath.limits.
    owners: of tasks and contexts, see agw._fastpath.owners.
    seats: of event streams, see agw._fastpath.seats.
    """

    FDS: ClassVar[int] = 4
    limits: Region
    shared_limits: Region
    owners: Region
    seats: Region

    @classmethod
    def create(cls, ids: int, processes: int) -> PodMemory:
        """Make the memory of a pod.

        ids: of tasks and contexts, whose owners are remembered. processes: of workers, that may live at the same time.
        """
        pod = cls(
            Region.create("agw-limits", LIMITS_SIZE),
            Region.create("agw-shared-limits", SHARED_LIMITS_SIZE),
            Region.create("agw-owners", owners_size(ids)),
            Region.create("agw-seats", seats_size(processes)),
        )
        prepare(pod.limits.memory)
        prepare(pod.shared_limits.memory)
        prepare_owners(memoryview(pod.owners.memory))
        prepare_seats(memoryview(pod.seats.memory), processes)
        return pod

    @classmethod
    def attach(cls, limits: int, shared_limits: int, owners: int, seats: int) -> PodMemory:
        """Map what the supervisor sent."""
        return cls(
            Region.attach(limits, LIMITS_SIZE),
            Region.attach(shared_limits, SHARED_LIMITS_SIZE),
            Region.attach(owners, os.fstat(owners).st_size),
            Region.attach(seats, os.fstat(seats).st_size),
        )

    @property
    def fds(self) -> tuple[int, ...]:
        """Descriptors in the order of `attach`."""
        return (self.limits.fd, self.shared_limits.fd, self.owners.fd, self.seats.fd)

    def close(self) -> None:
        """Unmap and close all."""
        self.limits.close()
        self.shared_limits.close()
        self.owners.close()
        self.seats.close()


class Pod:
    """A pod's memory as the supervisor has it, and which column of its seats each worker process has."""

    def __init__(self, ids: int, workers: int) -> None:
        """Make it. ids: see PodMemory. workers: places, in each of which a few processes may live at the same time."""
        self._users = [0] * (_COLUMNS * workers)
        self.memory = PodMemory.create(ids, len(self._users))

    def take_column(self) -> int:
        """Give a process a column: one of its own, or that of fewest where there are more than anybody expected."""
        column = min(range(len(self._users)), key=self._users.__getitem__)
        self._users[column] += 1
        return column

    def give_back(self, column: int, pid: int) -> None:
        """The process has ended, however it did: what it had taken is free."""
        self._users[column] -= 1
        with memoryview(self.memory.seats.memory) as view:
            unlock(view, pid)
            if not self._users[column]:
                vacate(view, column)


def total(parts: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Add counters up, each part all of them; of what is a greatest value the greatest stays."""
    rows = tuple(parts)
    sums = [sum(column) for column in zip(*rows, strict=True)]
    for index in _PEAKS:
        sums[index] = max(row[index] for row in rows)
    return tuple(sums)


def settled(values: Sequence[int]) -> tuple[int, ...]:
    """Give what is left of counters when their process has ended: all but the gauges."""
    return tuple(0 if index in _GAUGES else value for index, value in enumerate(values))
