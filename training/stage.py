"""The reactor in this process, clients and agents around it, each acting when it is its turn.

A round: every client does what it can, then the reactor, then every agent, then the reactor. Sockets are real and
never waited for; where nothing moves for a while, the loop is given a moment, for the kernel's sake.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from agw._fastpath import agents, limits, owners, record
from agw._fastpath.access_log import AccessLog
from agw._fastpath.forwarding import Forwarding
from agw._fastpath.reactor import Reactor
from agw._fastpath.seats import own_seats
from agw._fastpath.table import Table, compile_table
from training.answers import ANSWERS, END
from training.served import AFFINE, AGENT, Where, entries
from training.traffic import Ask

READ = 256 * 1024
LOOPBACK = "127.0.0.0/8"
# Version 2, TCP over IPv4: from, to, ports.
PROXY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((203, 0, 113, 7, 203, 0, 113, 8)) + b"\xc8\x22\0\x50"
PATIENCE = 20_000  # rounds in which nothing moved, before a conversation counts as stuck
ECHOED = b"\x81\x05hello" * 40
MARK = b"x-answer: "


@dataclass(frozen=True, slots=True)
class Act:
    """How one part of the training differs from the others.

    clients: at a time. logged: there is an access log. trusted: clients are a proxy that says who asked. proxied: they
    are a load balancer that speaks PROXY. alone: the reactor waits in the loop's place, as in a worker.
    """

    clients: int
    logged: bool = False
    trusted: bool = False
    proxied: bool = False
    alone: bool = False


class TrainingError(Exception):
    """The gateway did not answer, or not what it should have."""


def listening() -> socket.socket:
    """A socket that accepts on loopback, as a worker's do."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(0)
    return sock


def size_of(data: bytes | bytearray, *, head: bool = False, ended: bool = False) -> int | None:
    """How long the message is that the data begin with; None while it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    fields = bytes(data[:end]).lower()
    end += 4
    if fields.startswith((b"http/1.1 204", b"http/1.1 304", b"http/1.1 10")) or head:
        return end
    if b"\r\ntransfer-encoding: chunked" in fields:
        last = data.find(b"0\r\n\r\n", end)
        while last > end and data[last - 2 : last] != b"\r\n":
            last = data.find(b"0\r\n\r\n", last + 1)
        return None if last < 0 else last + 5
    _, found, rest = fields.partition(b"\r\ncontent-length: ")
    if found:
        end += int(rest.partition(b"\r\n")[0])
        return end if len(data) >= end else None
    if fields.startswith(b"http/"):
        return len(data) if ended else None
    return end


class Line:
    """One end of a connection that never waits."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.out = bytearray()
        self.received = bytearray()
        self.ended = False

    def write(self) -> bool:
        """Send what the kernel takes; whether that was anything."""
        if not self.out:
            return False
        try:
            sent = self.sock.send(self.out)
        except BlockingIOError:
            return False
        except OSError:
            sent = len(self.out)
        del self.out[:sent]
        return True

    def read(self) -> bool:
        """Take what has come; whether anything has."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self.received += data
        self.ended = not data
        return True


class Client:
    """Asks one thing after the other, over connections that it keeps where it may."""

    def __init__(self, where: Where, draw: Callable[[], Ask | None], greeting: bytes = b"") -> None:
        self.where, self.draw, self.greeting = where, draw, greeting
        self.random = Random(0)
        self.line: Line | None = None
        self.ask: Ask | None = None
        self.later = b""  # of the request: sent in another round
        self.statuses: Counter[int] = Counter()
        self.done = False

    def act(self) -> bool:
        """Begin a request, or go on with it; whether anything happened."""
        if self.done:
            return False
        if self.ask is None:
            self.ask = self.draw()
            if self.ask is None:
                self.close()
                self.done = True
                return True
            self.begin(self.ask)
        line = self._line()
        if not line.out and self.later:
            line.out += self.later
            self.later = b""
        wrote = line.write()
        return (line.read() and self.heard(self.ask)) or wrote

    def _line(self) -> Line:
        if self.line is None:
            sock = socket.socket()
            sock.connect(self.where)
            self.line = Line(sock)
            self.line.out += self.greeting
        return self.line

    def begin(self, ask: Ask) -> None:
        """Send a request, one of ten in two pieces."""
        self.random = Random(ask.data)  # of the request and not of the clock
        cut = self.random.randrange(1, len(ask.data)) if self.random.random() < 0.1 else len(ask.data)
        self._line().out += ask.data[:cut]
        self.later = ask.data[cut:]

    def heard(self, ask: Ask) -> bool:
        """Look whether the answer is whole, and whether it is right."""
        line = self._line()
        while line.received.startswith(b"HTTP/1.1 100 "):
            del line.received[: line.received.index(b"\r\n\r\n") + 4]
        size = size_of(line.received, head=ask.head, ended=line.ended)
        if size is None and not line.ended:
            return True
        if not line.received:
            raise TrainingError(f"no answer to {ask.data[:300]!r}")
        status = int(line.received[9:12])
        if status not in ask.statuses:
            raise TrainingError(f"{status} to {ask.data[:300]!r}: {bytes(line.received[:600])!r}")
        if ask.tunnel and status == 101:
            if len(line.received) == size:
                line.out += ECHOED
                return True
            if len(line.received) - (size or 0) < len(ECHOED):
                return True
        self.statuses[status] += 1
        closing = b"\r\nconnection: close\r\n" in bytes(line.received[:size]).lower()
        self.ask, self.later = None, b""
        if size is not None:
            del line.received[:size]
        if ask.last or closing or line.ended or self.random.random() < 0.004:
            self.close()
        return True

    def close(self) -> None:
        """Leave."""
        if self.line is not None:
            self.line.sock.close()
            self.line = None


class Agent:
    """An agent's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.line = Line(sock)
        self.pieces: list[bytes] = []
        self.tunnel = False
        self.gone = False

    def act(self) -> bool:
        """Read, answer what is whole, send a piece; whether anything happened."""
        if self.gone:
            return False
        line = self.line
        moved = line.read()
        if self.tunnel:
            line.out += line.received
            line.received.clear()
        elif moved and (size := size_of(line.received)) is not None:
            self._answer(bytes(line.received[:size]))
            del line.received[:size]
        if not line.out and self.pieces:
            piece = self.pieces.pop(0)
            line.out += piece
            if piece == END:
                self.close()
                return True
        wrote = line.write()
        if line.ended and not line.out and not self.pieces:
            self.close()
        return moved or wrote

    def _answer(self, request: bytes) -> None:
        head = request.partition(b"\r\n\r\n")[0].lower()
        name, seed = head.partition(MARK)[2].partition(b"\r\n")[0].decode().split()
        if b"\r\nexpect: " in head:
            self.line.out += b"HTTP/1.1 100 Continue\r\n\r\n"
        self.tunnel = name == "switch"
        self.pieces += ANSWERS[name](Random(seed))
        if head.startswith(b"head "):
            self.pieces = [self.pieces[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"]

    def close(self) -> None:
        """End the connection."""
        self.line.sock.close()
        self.gone = True


class Stage:
    """A reactor with all that a worker gives it, two agents, and an address that nobody listens on."""

    def __init__(self, act: Act, log: Path) -> None:
        self.act = act
        self.listeners = [listening() for _ in range(2)]
        self.agents: list[Agent] = []
        self.clients: list[Client] = []
        self.gateway = listening()
        self.where = self.gateway.getsockname()
        with listening() as unused:
            self.dead = unused.getsockname()
        self.version = 0
        self.table: Table | None = None
        self.counters = memoryview(bytearray(record.COUNTERS_SIZE))
        self.log = AccessLog(str(log), -1, counters=self.counters)
        self.reactor = self._reactor()
        self.edit()

    def _reactor(self) -> Reactor:
        known = bytearray(owners.owners_size(4096))
        owners.prepare_owners(known)
        reactor = Reactor(
            asyncio.get_running_loop(),
            counters=self.counters,
            records=memoryview(bytearray(record.RECORDS_SIZE)),
            limits=memoryview(limits.own_memory()),
            seats=own_seats(),
            owners=owners.Owners(known),
            agents=memoryview(bytearray(agents.AGENTS_SIZE)),
            forwarding=Forwarding((LOOPBACK,), 1, forwarded=True) if self.act.trusted else Forwarding(),
            proxies=(LOOPBACK,) if self.act.proxied else (),
            rewrite_card=lambda _rule, body, _context: (200, body, '"card"'),
        )
        reactor.number_agents({AGENT: 0, AFFINE: 1})
        reactor.log_access(self.log if self.act.logged else None)
        reactor.start(alone=self.act.alone)
        reactor.listen(self.gateway.fileno(), 80)
        return reactor

    def edit(self) -> None:
        """Serve a version of the configuration in which one route has changed."""
        self.version += 1
        places = [each.getsockname() for each in self.listeners]
        everything = entries(places, self.dead, self.version)
        changed = frozenset({"rule/HTTPRoute/prod/edit/0"})
        if self.table is None:
            self.table = compile_table(everything, self.version)
        else:
            self.table = compile_table(everything, self.version, self.table, changed)
        self.reactor.swap(self.table)

    async def play(self, draw: Callable[[], Ask | None]) -> Counter[int]:
        """Let clients ask until there is nothing left to ask; returns how often each status came back."""
        greeting = PROXY if self.act.proxied else b""
        clients = self.clients = [Client(self.where, draw, greeting) for _ in range(self.act.clients)]
        still = 0
        while not all(each.done for each in clients):
            moved = sum(each.act() for each in clients)
            await self.turn()
            moved += sum(self._accept(each) for each in self.listeners) + sum(each.act() for each in self.agents)
            await self.turn()
            self.agents = [each for each in self.agents if not each.gone]
            still = 0 if moved else still + 1
            if still > 10:
                await asyncio.sleep(0.001)  # for the kernel's sake
            if still > PATIENCE:
                waiting = [each.ask.data[:200] for each in clients if each.ask is not None]
                raise TrainingError(f"nothing moves: {waiting}")
        return sum((each.statuses for each in clients), Counter())

    def _accept(self, listener: socket.socket) -> bool:
        with suppress(BlockingIOError):
            self.agents.append(Agent(listener.accept()[0]))
            return True
        return False

    async def turn(self) -> None:
        """Let the loop see what has come, and then call the reactor; one that waits must be given the time to."""
        if self.act.alone:
            await asyncio.sleep(0.001)
            return
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def end(self) -> None:
        """Close everything."""
        for client in self.clients:
            client.close()
        for agent in self.agents:
            agent.close()
        self.reactor.close()
        self.log.close()
        for listener in (*self.listeners, self.gateway):
            listener.close()
