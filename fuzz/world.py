"""The real reactor in this process, between sockets of ours, under a clock that we turn: no loop, no threads, no waiting.

The reactor needs little of an event loop (watch one descriptor, call later), so a script can decide when it runs, what
arrives between two of its turns, and what time it is. clock.c must be preloaded for that: see respawn().
"""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agw._fastpath import agents, record
from agw._fastpath.reactor import Reactor
from agw._fastpath.table import compile_table
from agw.snapshot.model import (
    Attachment,
    Backend,
    Cors,
    Endpoint,
    Entry,
    Filters,
    Header,
    HeaderEdit,
    Listener,
    Match,
    Mirror,
    PathEdit,
    PathMatch,
    Retry,
    Rewrite,
    Rule,
    Target,
    WeightedBackend,
)

ROOT = Path(__file__).resolve().parents[1]
RESET = struct.pack("ii", 1, 0)  # struct linger: closing sends RST
QUEUE = 1  # requests that wait in line at most: a third client is refused
EPOCH_NS = 1_000_000_000_000
AGENT, ROW = "backend/Backend/d/b", 7  # whose figures are where
KEEP_ALIVE_MS = 50  # silence after which a stream's client is sent a comment
SILENCE_MS = 200  # by when it surely is, as fine as the reactor's clock is
EXCEPTIONS = next(index for index, name, *_ in record.COUNTERS if name == "agw_exceptions_total")


def preload(source: Path, *links: str) -> Path:
    """Return a shared library made of one C file, made anew when the file is newer."""
    made = ROOT / "build" / "preload" / f"{source.stem}.so"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        made.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC", "cc")
        # Into a name of its own, then renamed: of two processes at once none loads half a file.
        fresh = made.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O1", "-g", "-shared", "-fPIC", "-o", str(fresh), str(source), *links], check=True)
        fresh.replace(made)
    return made


def respawn(*libraries: Path) -> None:
    """Start this program again with the libraries loaded before all others, unless they are."""
    loaded = os.environ.get("LD_PRELOAD", "").split(":")
    wanted = [str(each) for each in libraries if str(each) not in loaded]
    if not wanted:
        return
    # AddressSanitizer, where it is there, comes behind them, which it would refuse: calls must meet ours first.
    sanitiser = f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0".strip(":")
    preloaded = ":".join([*wanted, *filter(None, loaded)])
    environment = {**os.environ, "LD_PRELOAD": preloaded, "ASAN_OPTIONS": sanitiser}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


EDIT = HeaderEdit(set=(Header("X-Set", "s"),), add=(Header("X-A", "more"),), remove=("x-none",))
FILTERS = Filters(
    request_headers=EDIT,
    response_headers=EDIT,
    rewrite=Rewrite(hostname="b", path=PathEdit("/m/n", "/n")),
    mirrors=(Mirror("backend/Backend/d/m", 1, 2),),
    cors=Cors(origins=("*",)),
)
BACKEND_FILTERS = Filters(request_headers=EDIT, response_headers=EDIT)


class Clock:
    """CLOCK_MONOTONIC of this process."""

    def __init__(self) -> None:
        self._ns = ctypes.c_int64.in_dll(ctypes.CDLL(None), "agw_clock_ns")
        self._ns.value = EPOCH_NS

    @property
    def ms(self) -> int:
        """Now."""
        return self._ns.value // 1_000_000

    def turn(self, ms: int) -> None:
        """Let time pass."""
        self._ns.value += ms * 1_000_000


class Handle:
    """A call that is due later."""

    __slots__ = ("call", "due")

    def __init__(self, due: int, call: Callable[[], None]) -> None:
        self.due, self.call = due, call

    def cancel(self) -> None:
        """Forget it."""
        self.call = None


class Loop:
    """What the reactor asks of asyncio's loop."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.fd = -1
        self.ready: Callable[[], None] | None = None
        self.later: list[Handle] = []

    def add_reader(self, fd: int, call: Callable[[], None]) -> None:
        """Watch the reactor's epoll set."""
        self.fd, self.ready = fd, call

    def remove_reader(self, _fd: int) -> None:
        """Watch it no more."""
        self.fd, self.ready = -1, None

    def call_later(self, seconds: float, call: Callable[[], None]) -> Handle:
        """Call when the clock has been turned that far."""
        handle = Handle(self.clock.ms + int(seconds * 1000), call)
        self.later.append(handle)
        return handle

    def time(self) -> float:
        """Now, in seconds."""
        return self.clock.ms / 1000

    def run_due(self) -> None:
        """Call what is due."""
        now = self.clock.ms
        due = [handle for handle in self.later if handle.due <= now]
        self.later = [handle for handle in self.later if handle.due > now and handle.call is not None]
        for handle in due:
            if handle.call is not None:
                handle.call()


def entries(
    ports: list[tuple[str, int]], mirror: tuple[str, int] | None = None, *, speaks: str = "HTTP"
) -> dict[str, Entry]:
    """One listener, and one rule for /n to a backend with these endpoints.

    mirror: where copies of half of the requests go, for a rule that has all filters which change nothing that is judged.
    speaks: with A2A bodies are read both ways, streams are heard, and the agent has figures of its own.
    """
    endpoints = tuple(Endpoint(address, port) for address, port in ports)
    return {
        "listener/d/g/http": Listener(gateway="d/g", name="http", port=80),
        "rule/HTTPRoute/d/r/0": Rule(
            route="d/r",
            index=0,
            attachments=(Attachment("listener/d/g/http"),),
            matches=(Match(path=PathMatch(value="/n")),),
            backends=(WeightedBackend(AGENT, filters=BACKEND_FILTERS if mirror else None),),
            filters=FILTERS if mirror else None,
            retry=Retry(1) if mirror else None,
        ),
        AGENT: Backend(
            ref="d/b",
            protocol=speaks,
            targets=(Target("t", "h", 1, endpoints=endpoints),),
            keep_alive_ms=KEEP_ALIVE_MS if speaks == "A2A" else 0,
        ),
        "backend/Backend/d/m": Backend(
            ref="d/m", targets=(Target("t", "h", 1, endpoints=(Endpoint(*mirror),) if mirror else ()),)
        ),
    }


class World:
    """Listening sockets that outlive conversations, and one reactor for each."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.agents = [self._listen(f"127.0.0.{number}") for number in (2, 3)]
        self.gateway = self._listen("127.0.0.1")
        self.where = self.gateway.getsockname()
        self.mirror = self._listen("127.0.0.4")
        self.copies: list[socket.socket] = []
        self.accepted = 0
        places, copies = [each.getsockname() for each in self.agents], self.mirror.getsockname()
        self.entries = {
            (filtered, speaks): entries(places, copies if filtered else None, speaks=speaks)
            for filtered in (False, True)
            for speaks in ("HTTP", "A2A")
        }
        self.records = memoryview(bytearray(record.RECORDS_SIZE))
        self.reactor: Reactor | None = None
        self.loop: Loop | None = None

    def _listen(self, address: str) -> socket.socket:
        listener = socket.create_server((address, 0), backlog=256)
        listener.settimeout(0)
        # Accepted sockets inherit it, as those of a worker do.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    def begin(self, slots: int = 0, *, filtered: bool = False, speaks: str = "HTTP") -> None:
        """Make a new reactor; slots: see script.Script. filtered: its rule has filters, a mirror and a retry."""
        self.accepted = 0
        self.left = 0  # buffers that a conversation before this one left behind, which was its fault
        self.counters = memoryview(bytearray(record.COUNTERS_SIZE))
        self.loop = Loop(self.clock)
        self.figures = memoryview(bytearray(agents.AGENTS_SIZE))
        self.reactor = Reactor(
            self.loop,
            counters=self.counters,
            records=self.records,
            agents=self.figures,
            endpoint_inflight=slots,
            queue_size=QUEUE,
        )
        self.reactor.number_agents({AGENT: ROW})
        self.reactor.start()
        self.reactor.listen(self.gateway.fileno(), 80)
        # A table belongs to one reactor: its endpoints keep that one's idle connections.
        self.reactor.swap(compile_table(self.entries[filtered, speaks], 1))
        self.left = self.reactor.live()["buffers"]

    def end(self) -> None:
        """Close the reactor, let go of it, and take what nobody accepted out of the agents' backlogs."""
        self.reactor.close()
        self.reactor, self.loop = None, None
        while self.copies:
            close(self.copies.pop(), "rst")
        for listener in (*self.agents, self.mirror):
            with suppress(BlockingIOError):
                while True:
                    close(listener.accept()[0], "rst")

    def turn(self) -> None:
        """Let the reactor run once, and then the mirror."""
        if self.loop.ready is not None:
            self.run_reactor()
            self._run_mirror()

    def run_reactor(self) -> None:
        """Let the reactor run once."""
        self.loop.ready()

    def _run_mirror(self) -> None:
        """Of three connections reset one, and leave one alone; answer on the third as soon as anything comes."""
        with suppress(BlockingIOError):
            sock, _ = self.mirror.accept()
            self.accepted += 1
            sock.settimeout(0)
            if self.accepted % 3 == 1:
                close(sock, "rst")
            else:
                self.copies.append(sock)
        for sock in self.copies[1::2]:
            with suppress(OSError):
                if sock.recv(65536):
                    sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def wait(self, ms: int) -> None:
        """Let time pass, as far as deadlines are concerned."""
        self.clock.turn(ms)
        self.loop.run_due()

    def connect(self) -> socket.socket:
        """Return a client's socket."""
        sock = socket.socket()
        sock.connect(self.where)
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def alive(self) -> dict[str, int]:
        """Return what of the reactor is alive, without what is not."""
        counts = self.reactor.live()
        counts["buffers"] -= self.left
        return {name: count for name, count in counts.items() if count}

    def row(self) -> tuple[int, ...]:
        """Return the agent's figures; those of all others are nothing."""
        words = tuple(self.figures.cast("B").cast("Q"))
        first, last = ROW * agents.AGENT_WORDS, (ROW + 1) * agents.AGENT_WORDS
        assert not any(words[:first]), "an agent that is not there was counted"
        assert not any(words[last:]), "an agent that is not there was counted"
        return words[first:last]

    def exceptions(self) -> int:
        """Return how many exceptions reached the reactor: each is a bug."""
        return self.counters.cast("B").cast("Q")[EXCEPTIONS]


def objects() -> dict[str, int]:
    """Return how many connections and exchanges are left as objects, whatever the reactor counts: none, after its end."""
    gc.collect()
    left = (type(each).__name__ for each in gc.get_objects() if str(type(each).__module__).startswith("agw._fastpath"))
    return dict(Counter(name for name in left if name in {"Http1Downstream", "Http1Upstream", "Exchange", "Endpoint"}))


def close(sock: socket.socket, how: str) -> None:
    """End a connection with FIN or RST."""
    if how == "rst":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()
