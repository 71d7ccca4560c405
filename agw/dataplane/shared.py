"""Memory that a worker writes and the supervisor reads: counters and the ring of request records.

It belongs to a worker's place, not to its process: a new worker goes on with the same memory, so that no counter ever
goes back. An anonymous file (memfd) travels to the worker as a descriptor. Its layout is agw._fastpath.record's.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass

from agw._fastpath.record import COUNTERS, COUNTERS_SIZE, RECORDS_SIZE

_GAUGES = tuple(index for index, _, _, kind, _ in COUNTERS if kind == "gauge")
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
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return cls.attach(fd, size)

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
    """What one worker's place has."""

    counters: Region
    records: Region

    @classmethod
    def create(cls, index: int) -> SharedMemory:
        """Make the memory of one worker's place."""
        return cls(
            Region.create(f"agw-counters-{index}", COUNTERS_SIZE),
            Region.create(f"agw-records-{index}", RECORDS_SIZE),
        )

    @classmethod
    def attach(cls, counters: int, records: int) -> SharedMemory:
        """Map what the supervisor sent."""
        return cls(Region.attach(counters, COUNTERS_SIZE), Region.attach(records, RECORDS_SIZE))

    def values(self) -> tuple[int, ...]:
        """Read all counters."""
        with memoryview(self.counters.memory) as view, view.cast("Q") as numbers:
            return tuple(numbers)

    def exchanges(self) -> int:
        """Read how many exchanges are in progress."""
        return self.values()[EXCHANGES_ACTIVE]

    def clear_gauges(self) -> None:
        """Set what tells of a dead process to zero."""
        with memoryview(self.counters.memory) as view, view.cast("Q") as numbers:
            for index in _GAUGES:
                numbers[index] = 0

    def close(self) -> None:
        """Unmap and close both."""
        self.counters.close()
        self.records.close()
