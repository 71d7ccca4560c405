"""A worker process: uvloop, the compiled reactor, and the channel to the supervisor.

Rules: it serves what it is told to and decides nothing. A snapshot that cannot be compiled is refused with the reason,
and the last good table stays; the entries are kept all the same, so that the next delta can mend them. It ends when
the supervisor says so or is gone. Signals are the supervisor's: a terminal and systemd send them to every process of
the group, so they are ignored here.

Must not: import what it does not need (click, yaml, the translator): each worker pays for it in memory.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping

import uvloop

from agw._fastpath.access_log import AccessLog
from agw._fastpath.agents import AGENT_SLOTS, CARDS_UNREAD
from agw._fastpath.forwarding import Forwarding
from agw._fastpath.owners import Owners
from agw._fastpath.process import prctl
from agw._fastpath.reactor import Reactor
from agw._fastpath.seats import Seats
from agw._fastpath.table import Table, compile_table
from agw.dataplane.agents import name_of
from agw.dataplane.cards import Answer, CardRequest, Cards
from agw.dataplane.frames import (
    Agents,
    Applied,
    Behind,
    Change,
    Channel,
    Down,
    Drain,
    Full,
    Listen,
    Logging,
    Message,
    Ping,
    Pong,
    Refused,
    Start,
    Stop,
    Unlisten,
    Unlistened,
)
from agw.dataplane.harden import harden
from agw.dataplane.lag import LagWatch
from agw.dataplane.logs import Log, capture_standard_logging
from agw.dataplane.seldom import Seldom
from agw.dataplane.shared import PodMemory, SharedMemory
from agw.dataplane.verbosity import open_access_log
from agw.settings import Address, Settings
from agw.snapshot.codec import decode_delta, decode_snapshot
from agw.snapshot.delta import VersionGap, apply
from agw.snapshot.model import Snapshot

_PR_SET_PDEATHSIG = 1
_FLUSH = 0.25  # seconds for answers that are complete but not yet taken by the client
_FLUSH_STEP = 0.01


class Tables:
    """The snapshot as received, and the last table that could be made of it. Knows no socket."""

    def __init__(self) -> None:
        """Begin at version 0, which is empty."""
        self.snapshot = Snapshot()
        self.table: Table | None = None
        self._changed: frozenset[str] = frozenset()

    def replace(self, data: bytes) -> Table:
        """Take a whole snapshot and compile it."""
        self.snapshot = decode_snapshot(data)
        self.table = compile_table(self.snapshot.entries, self.snapshot.version)
        self._changed = frozenset()
        return self.table

    def change(self, data: bytes) -> Table:
        """Take a delta and compile what it changes, and what earlier refused ones had changed."""
        delta = decode_delta(data)
        self.snapshot = apply(self.snapshot, delta)
        self._changed |= delta.set.keys() | set(delta.removed)
        if self.table is None:
            self.table = compile_table(self.snapshot.entries, self.snapshot.version)
        else:
            self.table = compile_table(self.snapshot.entries, self.snapshot.version, self.table, self._changed)
        self._changed = frozenset()
        return self.table


class Worker:
    """Serves by what the channel says."""

    def __init__(self, loop: uvloop.Loop, sock: socket.socket) -> None:
        """Wait for the supervisor's first message."""
        self._loop = loop
        self._log = Log(process="worker")
        self._channel = Channel(loop, sock, self._receive, self._orphaned)
        self._tables = Tables()
        self._cards = Cards(self._card_unread)
        self._seldom = Seldom()
        self._rows: Mapping[str, int] = {}
        self._listening: dict[tuple[int, int], int] = {}  # port, place -> descriptor, owned
        self._reactor: Reactor | None = None
        self._memory: SharedMemory | None = None
        self._pod: PodMemory | None = None
        self._settings: Settings | None = None
        self._access_log: AccessLog | None = None
        self._lag_watch: LagWatch | None = None
        self.exit_code = 0

    def _receive(self, message: Message, fds: tuple[int, ...]) -> None:
        match message:
            case Start():
                self._begin(message, fds)
            case Full() | Change() | Down() | Agents() | Listen() | Unlisten():
                self._serve(message, fds)
            case Ping():
                self._channel.send(Pong())
            case Logging(level, access_log):
                self._log.set_level(level)
                self._log_access(on=access_log)
            case Drain():
                self._started().drain()
            case Stop():
                self._started().cut()
                self._stop_by(time.monotonic() + _FLUSH)
            case _:
                self._log.error("message that no worker expects", message=type(message).__name__)

    def _serve(self, message: Full | Change | Down | Agents | Listen | Unlisten, fds: tuple[int, ...]) -> None:
        """Serve what this says from now on."""
        match message:
            case Full(data):
                self._take(self._tables.replace, data)
            case Change(data):
                self._take(self._tables.change, data)
            case Down(endpoints):
                self._started().mark_down(endpoints)
            case Agents(rows):
                self._rows = rows
                self._started().number_agents(rows)
            case Listen(port, address, place):
                self._listen(port, address, place, fds[0])
            case Unlisten(port, place):
                self._unlisten(port, place)

    def _started(self) -> Reactor:
        if self._reactor is None:
            raise RuntimeError("the supervisor's first message must be Start")
        return self._reactor

    def _begin(self, message: Start, fds: tuple[int, ...]) -> None:
        """Start, or end this process: without a reactor there is nothing to serve with."""
        try:
            self._start(message, fds)
        except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor sees the exit and tries again
            self._log.error("the worker cannot start", error=f"{type(error).__name__}: {error}")
            self.exit_code = 1
            self._loop.stop()

    def _start(self, message: Start, fds: tuple[int, ...]) -> None:
        settings = message.settings
        harden(core_dumps=settings.core_dumps)  # before the first snapshot, and so before the first digest of a key
        self._log = Log(settings.log_level, settings.log_format, process=f"worker {message.index}")
        capture_standard_logging(self._log)
        self._settings = settings
        self._memory = SharedMemory.attach(*fds[: SharedMemory.FDS])
        self._pod = PodMemory.attach(*fds[SharedMemory.FDS :])
        self._reactor = Reactor(
            self._loop,
            counters=memoryview(self._memory.counters.memory),
            records=memoryview(self._memory.records.memory),
            limits=memoryview(self._pod.limits.memory),
            shared_limits=memoryview(self._pod.shared_limits.memory),
            seats=Seats(memoryview(self._pod.seats.memory), message.column),
            owners=Owners(memoryview(self._pod.owners.memory)),
            agents=memoryview(self._memory.agents.memory),
            rewrite_card=self._rewrite_card,
            forwarding=forwarding(settings, message.pseudonym),
            proxies=settings.proxy_protocol,
            **reactor_settings(settings),
        )
        self._reactor.start(alone=True)

    def _log_access(self, *, on: bool) -> None:
        if self._settings is None or self._memory is None or on == (self._access_log is not None):
            return
        log, self._access_log = self._access_log, None
        if on:
            try:
                self._access_log = open_access_log(self._settings, memoryview(self._memory.counters.memory))
            except OSError as error:
                self._log.error("the access log cannot be opened", path=self._settings.access_log, error=error.strerror)
        self._started().log_access(self._access_log)
        if log is not None:
            # Its reader may be stalled, and requests are not to wait for that.
            threading.Thread(target=log.close, daemon=True).start()

    def _watch_lag(self) -> None:
        """From the first table on: before, nobody waits for the loop."""
        if self._settings is None or self._memory is None or not self._settings.loop_lag:
            return
        counters = memoryview(self._memory.counters.memory)
        self._lag_watch = LagWatch(self._loop, self._settings.loop_lag, counters, self._held_up)

    def _held_up(self, milliseconds: int, stack: str) -> None:
        self._log.warning("the loop was held up", lag=f"{milliseconds}ms", stack=stack)

    def end(self) -> None:
        """Write what waits to be written, and leave no thread behind."""
        if self._lag_watch is not None:
            self._lag_watch.close()
        if self._access_log is not None:
            self._access_log.close()

    def _take(self, make: Callable[[bytes], Table], data: bytes) -> None:
        first = self._tables.table is None
        try:
            table = make(data)
        except VersionGap:
            self._channel.send(Behind(self._tables.snapshot.version))
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a snapshot, the last good table serves
            self._channel.send(Refused(self._tables.snapshot.version, f"{type(error).__name__}: {error}"))
            return
        self._started().swap(table)
        self._cards.use(self._tables.snapshot.entries)
        if first:
            # Modules, settings and the first table stay for good: no collection has to walk them again.
            gc.collect()
            gc.freeze()
            self._watch_lag()
        self._channel.send(Applied(table.version))

    def _listen(self, port: int, address: Address, place: int, fd: int) -> None:
        self._drop(port, place)
        self._listening[port, place] = fd
        self._cards.serve(port, address)
        self._started().listen(fd, port)

    def _unlisten(self, port: int, place: int) -> None:
        self._drop(port, place)
        if not any(served == port for served, _ in self._listening):
            self._cards.serve(port, None)
        self._channel.send(Unlistened(port, place))

    def _drop(self, port: int, place: int) -> None:
        fd = self._listening.pop((port, place), None)
        if fd is not None:
            self._started().unlisten(fd)
            os.close(fd)

    def _rewrite_card(self, rule_key: str, body: bytes, context: dict[str, str]) -> Answer | None:
        answer = self._cards.answer(rule_key, body, CardRequest.of(context))
        if answer is not None and answer[0] >= 500 and (times := self._seldom.tell(rule_key, time.monotonic())):
            self._log.warning("agent card refused", rule=rule_key, answer=answer[1].decode().strip(), times=times)
        return answer

    def _card_unread(self, backend: str, reason: str) -> None:
        if self._memory is not None:
            self._memory.count(self._rows.get(backend, AGENT_SLOTS), CARDS_UNREAD)
        if times := self._seldom.tell(backend, time.monotonic()):
            said = "an agent card passes unread, and its clients may go past the gateway"
            self._log.warning(said, agent=name_of(backend), reason=reason, times=times)

    def _stop_by(self, deadline: float) -> None:
        """End once clients have taken what they were sent, at the deadline at the latest."""
        reactor = self._started()
        if reactor.live()["connections"] and time.monotonic() < deadline:
            self._loop.call_later(_FLUSH_STEP, self._stop_by, deadline)
            return
        reactor.close()
        self._channel.close()
        self._loop.stop()

    def _orphaned(self) -> None:
        self._log.error("the supervisor is gone")
        self.exit_code = 1
        self._loop.stop()


def reactor_settings(settings: Settings) -> dict[str, int]:
    """Give the settings that the reactor takes, by its names."""
    return {
        "header_deadline_ms": settings.header_deadline,
        "body_idle_ms": settings.body_idle,
        "keepalive_idle_ms": settings.keepalive_idle,
        "write_stall_ms": settings.write_stall,
        "min_rate": settings.min_rate,
        "connection_requests": settings.connection_requests,
        "connect_timeout_ms": settings.connect_timeout,
        "response_header_timeout_ms": settings.response_header_timeout,
        "upstream_idle_ms": settings.upstream_idle,
        "max_body": settings.max_body,
        "max_head": settings.max_head,
        "max_line": settings.max_line,
        "max_fields": settings.max_fields,
        "max_connections": settings.max_connections,
        "endpoint_inflight": settings.endpoint_inflight,
        "queue_size": settings.queue_size,
        "queue_timeout_ms": settings.queue_timeout,
    }


def forwarding(settings: Settings, pseudonym: str) -> Forwarding:
    """Give the rules of what is believed of clients and told to agents."""
    return Forwarding(
        settings.trusted_peers,
        settings.trusted_hops,
        forwarded=settings.forwarded == "write",
        pseudonym=pseudonym if settings.via else "",
    )


def main() -> None:
    """Run a worker on the socket whose descriptor is the first argument."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(ignored, signal.SIG_IGN)
    # A worker that does not answer is asked by its supervisor to say where it is, before it is replaced.
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    # Even a worker that hangs in native code ends with its supervisor.
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    loop = uvloop.new_event_loop()
    worker = Worker(loop, socket.socket(fileno=int(sys.argv[1])))
    loop.run_forever()
    worker.end()
    sys.exit(worker.exit_code)
