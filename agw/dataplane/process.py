"""One worker process as the supervisor sees it: the channel to it, its memory, and what it was told to accept on.

It is started when it is made, and from then on tells two things by callbacks: its messages, and its end, once. Its
memory is its own and ends with it; what of that must outlive it, a place keeps (agw.dataplane.place).

Must not: decide what a process is told, or start another one.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass

import msgspec

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
from agw.dataplane.interpreters import take
from agw.dataplane.ports import OpenPort
from agw.dataplane.shared import Pod, SharedMemory
from agw.dataplane.turns import shorten_turns


def exit_cause(code: int) -> str:
    """Name why a process ended, as metrics and log show it: `SIGKILL`, or `exit 1`."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@dataclass(frozen=True, slots=True)
class Reports:
    """Who is told. message: what the process says. ended: its exit code, once, when all that it had is still there."""

    message: Callable[[WorkerProcess, ToSupervisor], None]
    ended: Callable[[WorkerProcess, int], None]


class WorkerProcess:
    """A process, from its start to its end."""

    def __init__(self, start: Start, pod: Pod, reports: Reports) -> None:
        """Start it; there must be a running loop. pod: stays the caller's. OSError where it cannot be started."""
        self.index = start.index
        self.applied = 0  # version in service, 0 before the first
        self._reports = reports
        self._served: set[tuple[int, int]] = set()  # listener port, place whose socket it is
        self._leaving: set[tuple[int, int]] = set()
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()  # of the last sign of life
        with ExitStack() as undo:
            self.memory = undo.enter_context(closing(SharedMemory.create(start.index)))
            self._process, ours = take()
            undo.callback(ours.close)
            undo.callback(self._process.wait)
            undo.callback(self._process.kill)
            self._pidfd = os.pidfd_open(self._process.pid)
            undo.pop_all()
        shorten_turns(self._process.pid)
        self._loop.add_reader(self._pidfd, self._on_end)
        self._channel = Channel(self._loop, ours, self._receive, lambda: None)
        self.ended = asyncio.Event()
        self._pod = pod
        self._column = pod.take_column()
        told = msgspec.structs.replace(start, column=self._column)
        self.send(told, (*self.memory.fds, *pod.memory.fds))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def served(self) -> frozenset[tuple[int, int]]:
        """The sockets that it accepts on: listener port, and the place whose socket it is."""
        return frozenset(self._served)

    @property
    def listens(self) -> bool:
        """Whether it may still accept on some socket."""
        return bool(self._served or self._leaving)

    def serves(self, port: int) -> bool:
        """Whether it may still accept on a socket of this listener port."""
        return any(served == port for served, _ in (*self._served, *self._leaving))

    def send(self, message: ToWorker, fds: tuple[int, ...] = ()) -> None:
        """Tell it something; nothing happens once it has ended."""
        self._channel.send(message, fds)

    def listen(self, port: OpenPort, place: int) -> None:
        """Let it accept on a place's socket of this listener port: its own, or one whose process is away."""
        self._served.add((port.port, place))
        self._leaving.discard((port.port, place))
        self.send(Listen(port.port, port.address, place), (port.sockets[place].fileno(),))

    def unlisten(self, *, port: int | None = None, place: int | None = None) -> None:
        """Let it stop on all sockets of a port, or of a place, or (without either) on all."""
        everything = port is None and place is None
        for served in [one for one in self._served if everything or one[0] == port or one[1] == place]:
            self._served.discard(served)
            self._leaving.add(served)
            self.send(Unlisten(*served))

    def ask(self, now: float) -> float:
        """Ask for a sign of life; return how many seconds there was none. now: loop time."""
        if not self.applied:
            self._heard = now  # it has not started yet
        self.send(Ping())
        return now - self._heard

    def show_where(self) -> None:
        """Let it write to the log where it is."""
        self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def _receive(self, message: Message, _fds: tuple[int, ...]) -> None:
        self._heard = self._loop.time()
        if isinstance(message, Applied):
            self.applied = message.version
        elif isinstance(message, Unlistened):
            self._leaving.discard((message.port, message.place))
        if isinstance(message, Applied | Refused | Behind | Unlistened):
            self._reports.message(self, message)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self._channel.close()
        self._pod.give_back(self._column, self.pid)
        self._served.clear()
        self._leaving.clear()
        self.applied = 0
        try:
            self._reports.ended(self, code)
        finally:
            self.memory.close()
            self.ended.set()
