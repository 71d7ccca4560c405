"""A worker's place: the process that fills it, and all that outlives that process.

A place keeps the shared memory and knows what its process was told; a process that dies leaves the place, and the next
one is told everything again. When to start the next one is `Backoff`'s to say; what to tell it is the supervisor's.

Must not: decide what configuration is in force, or know other places.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import agw
from agw.dataplane.frames import (
    Applied,
    Behind,
    Channel,
    Listen,
    Message,
    Ping,
    Refused,
    Start,
    ToSupervisor,
    ToWorker,
    Unlisten,
    Unlistened,
)
from agw.dataplane.ports import OpenPort
from agw.dataplane.shared import SharedMemory
from agw.dataplane.state import WorkerState
from agw.settings import Settings

STEADY = 30.0
"""Seconds after which a worker's death is a new story, and its successor starts at once."""

_LONGEST = 30.0


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: not at all, then 1, 2, 4 .. 30 s while they die young."""

    failures: int = 0

    def after(self, lived: float) -> float:
        """Count a death after `lived` seconds; return the seconds to wait."""
        self.failures = 1 if lived >= STEADY else self.failures + 1
        return 0.0 if self.failures == 1 else min(_LONGEST, 2.0 ** (self.failures - 2))


def _finish(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def exit_cause(code: int) -> str:
    """Name why a process ended, as metrics and log show it: `SIGKILL`, or `exit 1`."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


class Place:
    """One worker's place."""

    def __init__(
        self, index: int, settings: Settings, pseudonym: str, on_message: Callable[[Place, ToSupervisor], None]
    ) -> None:
        """Make the place and its memory, without a process yet. pseudonym: see Start."""
        self.index = index
        self.memory = SharedMemory.create(index)
        self.restarts = 0
        self.applied = 0  # version in service, 0 before the first
        self._settings = settings
        self._pseudonym = pseudonym
        self._on_message = on_message
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._served: set[tuple[int, int]] = set()  # listener port, place whose socket it is
        self._leaving: set[tuple[int, int]] = set()
        self._heard = 0.0  # loop time of the last sign of life

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def state(self) -> WorkerState:
        """Describe it."""
        return WorkerState(self.index, self._process.pid if self._process else 0, self.applied, self.restarts)

    def serves(self, port: int) -> bool:
        """Whether the process may still accept on a socket of this listener port."""
        return any(served == port for served, _ in (*self._served, *self._leaving))

    async def run(self, ready: Callable[[Place], None]) -> int:
        """Start a process, call `ready` so that it is told what it needs, and wait for its end; return its code."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = process = _spawn(theirs)
        pidfd = os.pidfd_open(process.pid)
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(pidfd, _finish, ended)
        self._channel = Channel(loop, ours, self._receive, lambda: None)
        try:
            start = Start(self.index, self._settings, self._pseudonym)
            self.send(start, (self.memory.counters.fd, self.memory.records.fd))
            ready(self)
            await ended
        except BaseException:
            process.kill()
            raise
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            code = process.wait()
            self._vacate()
        return code

    def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        """Tell the process something; nothing happens where there is none."""
        if self._channel is not None:
            self._channel.send(message, fds)

    def listen(self, port: OpenPort, place: int) -> None:
        """Let the process accept on a place's socket of this listener port: its own, or one whose process is away."""
        if self.alive:
            self._served.add((port.port, place))
            self._leaving.discard((port.port, place))
            self.send(Listen(port.port, port.address, place), (port.sockets[place].fileno(),))

    def unlisten(self, *, port: int | None = None, place: int | None = None) -> None:
        """Let it stop on all sockets of a port, or of a place; `serves` turns false when it has."""
        for served in [one for one in self._served if one[0] == port or one[1] == place]:
            self._served.discard(served)
            self._leaving.add(served)
            self.send(Unlisten(*served))

    def ask(self, now: float) -> float:
        """Ask for a sign of life; return how many seconds there was none. now: loop time."""
        if self._process is None or not self.applied:
            self._heard = now  # it has not started yet
        self.send(Ping())
        return now - self._heard

    def show_where(self) -> None:
        """Let the process write to the log where it is."""
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def _receive(self, message: Message, _fds: tuple[int, ...]) -> None:
        self._heard = asyncio.get_running_loop().time()
        if isinstance(message, Applied):
            self.applied = message.version
        elif isinstance(message, Unlistened):
            self._leaving.discard((message.port, message.place))
        if isinstance(message, Applied | Refused | Behind | Unlistened):
            self._on_message(self, message)

    def _vacate(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel = self._process = None
        self._served.clear()
        self._leaving.clear()
        self.applied = 0
        self.memory.clear_gauges()


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a fresh interpreter: nothing of the supervisor's memory, loop or descriptors is inherited."""
    environment = dict(os.environ)
    root = Path(agw.__file__).resolve().parent.parent
    if root.name not in ("site-packages", "dist-packages"):
        # Run from a source tree: the worker imports the same one.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH", ""))))
    # -P: a file named like a module in the current directory must not become part of the gateway.
    command = (sys.executable, "-P", "-m", "agw.dataplane.worker", str(theirs.fileno()))
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment
    )
