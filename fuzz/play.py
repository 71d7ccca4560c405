"""Playing a script against the reactor: clients and agents that send, read and end when it is their turn.

Whose turn it is, and whether the reactor runs between two turns, is drawn from the script's seed. Nothing is judged
here but what an agent receives, which it must understand to answer: see verdict.py for the rest.
"""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from random import Random

from fuzz.script import STRAY, Client, Plan, Request, Script
from fuzz.world import SILENCE_MS, World, close
from tests.oracles.strict_http1 import Message, check_forwarded, read_request

QUIET = 2  # rounds in which nothing moved, before a conversation counts as at rest


class Caller:
    """A client's end of its connection. ended: "" while open, then how: "fin", "rst", or "own" where it left itself.

    "lost": sending failed, after which the kernel no longer tells a reset from an end.
    """

    def __init__(self, world: World, client: Client) -> None:
        self.client = client
        self.sock = world.connect()
        self.waiting = list(client.pieces)
        self.received = bytearray()
        self.ended = ""
        self.done = False  # all is sent that ever will be
        self.lost = False

    def act(self) -> bool:
        """Send the next piece, or what the kernel takes of it; False where there is nothing to do."""
        if self.done:
            return False
        if not self.waiting:
            self.done = True
            if self.client.end:
                self._end()
            return True
        try:
            sent = self.sock.send(self.waiting[0])
        except BlockingIOError:
            return False
        except OSError:
            self.waiting, self.done, self.lost = [], True, True
            return True
        rest = self.waiting[0][sent:]
        self.waiting[:1] = [rest] if rest else []
        return True

    def _end(self) -> None:
        if self.client.end == "fin":
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.lost = True
            return
        self.close()

    def read(self) -> bool:
        """Take what has come; False where nothing has."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            self.ended = "rst"
            return True
        self.received += data
        if not data:
            self.ended = "lost" if self.lost else "fin"
        return True

    def close(self) -> None:
        """Leave, whatever has come."""
        if self.sock.fileno() >= 0:
            close(self.sock, "rst")
        self.ended, self.done = self.ended or "own", True


class Agent:
    """An agent's end of one connection: it answers each request by its plan."""

    def __init__(self, play: Play, sock: socket.socket) -> None:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.play = play
        self.sock = sock
        self.received = bytearray()
        self.at = 0  # up to where requests have been read
        self.nonces: list[bytes] = []  # of the requests that began here
        self.completed = 0
        self.answered = 0
        self.waiting: list[tuple[bytes, str]] = []  # pieces, and how the connection ends behind one
        self.ended = False
        self.peer_ended = False

    def act(self) -> bool:
        """Send the next piece, or end; False where there is nothing to do."""
        if self.ended or not self.waiting:
            return False
        piece, end = self.waiting[0]
        if piece is STRAY:
            return self._stray()
        if end:
            self.close(end)
            return True
        try:
            sent = self.sock.send(piece)
        except BlockingIOError:
            return False
        except OSError:
            self.waiting = []
            return True
        self.waiting[:1] = [(piece[sent:], "")] if sent < len(piece) else []
        return True

    def _stray(self) -> bool:
        """Speak out of turn, while nobody is being served, and let the reactor see it before anything else happens.

        What comes once another request is there passes for its answer: no gateway can know better.
        """
        world = self.play.world
        if world.alive().get("exchanges"):
            return False
        del self.waiting[0]
        with suppress(OSError):
            self.sock.send(STRAY)
            select.select([world.loop.fd], [], [], 0.05)
        world.turn()
        return True

    def read(self) -> bool:
        """Take what has come, and begin the answers to it."""
        if self.ended or self.peer_ended:
            return False
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.peer_ended = True
            return True
        self.received += data
        self._understand()
        return True

    def _understand(self) -> None:
        """Read requests strictly; answer an early one from its head on."""
        while self.at < len(self.received):
            rest = bytes(self.received[self.at :])
            found = read_request(rest)
            if found is None:
                head = rest.find(b"\r\n\r\n")
                if head >= 0 and len(self.nonces) == self.completed:
                    self._begin(rest[:head].split(b" ", 2)[1])
                    if self.play.plan(self.nonces[-1]).early:
                        self._answer()
                return
            message, size = found
            self.at += size
            if len(self.nonces) == self.completed:
                self._begin(message.start[1])
            self.completed += 1
            self.play.arrived(message, self.nonces[-1])
            if self.answered < self.completed:
                self._answer()

    def _begin(self, target: bytes) -> None:
        self.nonces.append(target.rpartition(b"/")[2])
        self.waiting = [each for each in self.waiting if each[0] is not STRAY]
        self.play.begun(self.nonces[-1])

    def _answer(self) -> None:
        plan = self.play.plan(self.nonces[-1])
        self.answered += 1
        self.waiting += [(piece, "") for piece in plan.pieces]
        if plan.end:
            self.waiting.append((b"", plan.end))
        if not plan.tidy:
            self.play.disturbed = True

    def close(self, how: str) -> None:
        """End the connection."""
        if self.sock.fileno() >= 0:
            close(self.sock, how)
        self.ended, self.waiting = True, []


class Play:
    """One conversation being played."""

    def __init__(self, world: World, script: Script, seed: int) -> None:
        self.world, self.script = world, script
        self.random = Random(~seed)
        self.requests: dict[bytes, Request] = {each.nonce: each for one in script.clients for each in one.requests}
        self.callers = [Caller(world, each) for each in script.clients]
        self.agents: list[Agent] = []
        self.accepted = 0
        self.seen: dict[bytes, int] = {}  # how often a request began at an agent
        self.disturbed = False  # an agent did what may cost other requests their connection
        self.at_rest = False  # slow clients read now
        self.late = False  # deadlines may have passed
        self.silences = script.silences  # that are left
        self.faulty = False  # calls of the data plane itself are made to fail: any answer of its own will do

    def plan(self, nonce: bytes) -> Plan:
        """Return what to do with a request."""
        return self.requests[nonce].plan

    def begun(self, nonce: bytes) -> None:
        """Count a request that begins to arrive."""
        if nonce not in self.requests:
            raise AssertionError(f"an agent was asked for {nonce!r}, which nobody sent")
        self.seen[nonce] = self.seen.get(nonce, 0) + 1

    def arrived(self, message: Message, nonce: bytes) -> None:
        """Compare a complete request with what was sent."""
        check_forwarded(message)
        request = self.requests[nonce]
        assert request.kind == "good", f"{nonce!r} reached an agent: {request.data[:200]!r}"
        assert not request.broken, f"{nonce!r} was completed for an agent"
        assert message.start[0] == request.method, f"{nonce!r}: {message.start!r}"
        assert message.body == request.body, f"{nonce!r}: the body that arrived is another"

    # --- turns --------------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError):
            agent = Agent(self, listener.accept()[0])
            self.accepted += 1
            self.agents.append(agent)
            if self.script.deaf and self.accepted % self.script.deaf == 1:
                self.disturbed = True
                agent.close(self.random.choice(("fin", "rst")))

    def _ready(self, patience: float) -> set[int | socket.socket]:
        """Return what can be read: the reactor's descriptor, listeners, connections."""
        callers = [each.sock for each in self.callers if not each.ended and (self.at_rest or not each.client.slow)]
        agents = [each.sock for each in self.agents if not each.ended and not each.peer_ended]
        return set(select.select([self.world.loop.fd, *self.world.agents, *callers, *agents], [], [], patience)[0])

    def _round(self, patience: float) -> bool:
        """Everybody once, in some order; False where nothing moved at all."""
        if self.silences and any(each.waiting for each in self.agents) and self.random.random() < 0.5:
            self.silences -= 1
            self.world.turn()
            self.world.wait(SILENCE_MS)
        ready = self._ready(patience)
        for listener in self.world.agents:
            if listener in ready:
                self._accept(listener)
        actors: list[Caller | Agent] = [*self.callers, *self.agents]
        first = int(self.random.random() * len(actors))
        moved = False
        for actor in (*actors[first:], *actors[:first]):
            if actor.act():
                moved = True
                if self.random.random() < 0.6:
                    self.world.turn()
            if actor.sock in ready:
                actor.read()
        if moved or self.world.loop.fd in ready:
            self.world.turn()
        return moved or bool(ready)

    def settle(self, patience: float = 0) -> None:
        """Go on until nothing moves. patience: seconds that a round waits for the kernel."""
        quiet = 0
        while quiet < QUIET:
            if self._round(patience if quiet else 0):
                quiet = 0
                continue
            self.at_rest = True
            quiet += 1

    def run(self) -> None:
        """Play the script to where nobody has anything to say."""
        turned = not self.script.late_ms
        for _ in range(0 if turned else self.random.randrange(3, 12)):
            self._round(0)
        if not turned:
            self.late = self.script.late_ms > 1000
            self.world.wait(self.script.late_ms)
        self.settle()

    def finish(self) -> None:
        """Bring everything to its end: all close, or all deadlines pass, as the script says."""
        if self.script.clock_first:
            for _ in range(4):
                self.world.wait(5_000)
                self.settle()
        for caller in self.callers:
            caller.close()
        self.settle()
        for agent in self.agents:
            agent.close("fin")
        self.settle()
        for patience in (0, 0, 0.1, 0.5):
            if not self.world.alive():
                return
            self.world.wait(700_000)
            self.settle(patience)

    def end(self) -> None:
        """Close every socket that is still open."""
        for caller in self.callers:
            caller.close()
        for agent in self.agents:
            agent.close("rst")
