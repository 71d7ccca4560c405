"""Processes under measurement: start them on a core, find their workers, read what the kernel says that they cost.

CPU time is read from /proc/PID/task/*/schedstat: nanoseconds on a CPU, kernel work on its behalf included, and the
nanoseconds that it waited for the CPU while others had it. /proc/PID/stat would give the same in steps of 10 ms.
Memory is /proc/PID/smaps_rollup. Every process that is started here is ended here, by its own handle.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import ROOT, RigError

PROC = Path("/proc")
LOG_TAIL = 2000
SPARE = 500  # descriptors of a proxy, and of the rig, that belong to no connection


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time of some processes so far, in ns: running, and runnable but waiting for the CPU."""

    ran: int
    waited: int

    def since(self, before: Usage) -> Usage:
        """What was used after `before`."""
        return Usage(self.ran - before.ran, self.waited - before.waited)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process in bytes; pss counts a page shared by n processes as one n-th."""

    rss: int
    pss: int


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def parse_schedstat(text: str) -> Usage:
    """`/proc/PID/schedstat`: time on the CPU, time waiting on a run queue, number of timeslices."""
    ran, waited, _slices = text.split()
    return Usage(int(ran), int(waited))


def parse_rollup(text: str) -> Memory:
    """`/proc/PID/smaps_rollup`: lines of `Name:  N kB` under one line that names the range."""
    sizes = {}
    for line in text.splitlines()[1:]:
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) * 1024
    return Memory(sizes["Rss"], sizes["Pss"])


def parse_parent(text: str) -> int:
    """The parent in `/proc/PID/stat`; the command in parentheses may hold anything, so it is read from behind."""
    return int(text.rpartition(")")[2].split()[1])


def usage(pids: Sequence[int]) -> Usage:
    """CPU time of all threads of these processes."""
    stats = [
        parse_schedstat((task / "schedstat").read_text())
        for pid in pids
        for task in (PROC / str(pid) / "task").iterdir()
    ]
    return Usage(sum(one.ran for one in stats), sum(one.waited for one in stats))


def memory(pid: int) -> Memory:
    """Resident memory of one process."""
    return parse_rollup((PROC / str(pid) / "smaps_rollup").read_text())


def descendants(pid: int) -> list[int]:
    """All processes under one, oldest first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked
                children.setdefault(parse_parent((entry / "stat").read_text()), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        mine = sorted(children.get(queue.pop(0), []))
        found += mine
        queue += mine
    return found


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Look until it holds; RigError says what did not happen in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"{what}: not within {seconds:.0f} s"
            raise RigError(message)
        time.sleep(0.02)


def raise_file_limit(wanted: int = 65_536) -> int:
    """Allow this process and its children many sockets; returns the limit reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((wanted, max(wanted, hard)), (min(wanted, hard), hard)):
        if limit[0] <= soft:
            return soft
        with contextlib.suppress(ValueError, OSError):  # raising the hard limit needs a privilege
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return limit[0]
    return soft


def connections_within(limit: int, wanted: int) -> int:
    """As many connections as a proxy with that many descriptors may take: each may need one to its agent too."""
    return min(wanted, (limit - SPARE) // 2)


def inherited() -> dict[str, str]:
    """This environment, where Python may keep what it compiled: an installed program has been compiled as well."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Process:
    """A child process on given cores (None: any), with its output in a file."""

    def __init__(self, name: str, argv: Sequence[str], cores: Sequence[int] | None, log: Path) -> None:
        """Start it; its own children inherit the cores."""
        self.name = name
        self.cores = tuple(sorted(os.sched_getaffinity(0)) if cores is None else cores)
        self.log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, self.cores)), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**inherited(), "PYTHONPATH": str(ROOT)},
            )

    @property
    def pid(self) -> int:
        """The program's own: taskset replaces itself by it."""
        return self.child.pid

    def workers(self) -> list[int]:
        """The processes that serve: all below the one that was started, or that one where it has none below."""
        return descendants(self.pid) or [self.pid]

    def pin(self) -> None:
        """Put every thread back on its cores: a proxy may have chosen others for its workers."""
        for pid in {self.pid, *self.workers()}:
            for task in (PROC / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(task.name), self.cores)

    def check(self) -> None:
        """RigError with the end of its output when it is no longer running."""
        if self.child.poll() is not None:
            message = f"{self.name} ended with {self.child.returncode}:\n{self.tail()}"
            raise RigError(message)

    def tail(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:]

    def stop(self) -> None:
        """End it politely, then not."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                orphans = descendants(self.pid)
                self.child.kill()
                for pid in orphans:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 9)
        self.child.wait()


@contextlib.contextmanager
def started(name: str, argv: Sequence[str], cores: Sequence[int] | None, log: Path) -> Iterator[Process]:
    """A process for the length of a block."""
    process = Process(name, argv, cores, log)
    try:
        yield process
    finally:
        process.stop()
