"""A data plane in this process between raw clients and a scripted agent: nothing tidies bytes on either side.

Rules: waits are for conditions, with a limit that only a fault reaches; every session ends by proving that nothing of
it is alive in the reactor.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from agw import listening
from agw._fastpath import agents, record
from agw._fastpath.reactor import Reactor
from agw._fastpath.table import compile_table
from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    Backend,
    Credential,
    CredentialSet,
    Endpoint,
    Entry,
    Listener,
    Match,
    PathMatch,
    Policy,
    Rule,
    Target,
    WeightedBackend,
)
from tests.oracles.strict_http1 import Message, read_request, read_requests, read_response

LIMIT = 10
RESET = struct.pack("ii", 1, 0)  # struct linger: closing drops what is unsent and sends RST
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def until(condition: Callable[[], object], what: str = "condition") -> None:
    """Let the loop turn until the condition holds."""
    end = asyncio.get_running_loop().time() + LIMIT
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"never came: {what}"
        await asyncio.sleep(0.001)


class Peer:
    """The agent's end of one connection. received: every byte that came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.received = b""
        self.at = 0
        self.ended = False

    async def more(self) -> bool:
        """Wait for bytes; False at the end of the connection, however it ended."""
        try:
            data = await self.reader.read(65536)
        except ConnectionError:
            data = b""
        self.received += data
        self.ended = not data
        return bool(data)

    async def request(self) -> Message | None:
        """The next whole request, None at the end."""
        while (found := read_request(self.received[self.at :])) is None:
            if not await self.more():
                return None
        self.at += found[1]
        return found[0]

    async def send(self, data: bytes) -> None:
        """Send now."""
        self.writer.write(data)
        await self.writer.drain()

    def cut(self, *, reset: bool = False) -> None:
        """End the connection, with FIN or RST."""
        if reset:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.writer.transport.abort()
        else:
            self.writer.close()


Script = Callable[[Peer], Awaitable[None]]


def replies(*answers: bytes) -> Script:
    """Answer the requests on each connection with these, the last one again and again."""

    async def script(peer: Peer) -> None:
        count = 0
        while await peer.request() is not None:
            await peer.send(answers[min(count, len(answers) - 1)])
            count += 1

    return script


class Client:
    """A raw client."""

    def __init__(self, port: int, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.port = port
        self.sock = socket.socket(family)
        self.sock.settimeout(0)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    async def send(self, *pieces: bytes) -> None:
        """Send each piece in a segment of its own; a gateway that has closed is no fault here."""
        loop = asyncio.get_running_loop()
        for piece in pieces:
            with suppress(BrokenPipeError, ConnectionResetError):
                await loop.sock_sendall(self.sock, piece)
            for _ in range(2 if len(pieces) > 1 else 0):
                await asyncio.sleep(0)

    async def more(self, size: int = 65536) -> bool:
        """Wait for bytes; False at the end."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LIMIT):
            try:
                data = await loop.sock_recv(self.sock, size)
            except ConnectionResetError:
                data = b""
        self.buffer += data
        return bool(data)

    async def heard(self, patience: float = 0.01) -> bool:
        """Whether anything has come, or comes while we are patient."""
        # Read at once: a read that is given up at the last moment may have taken the bytes with it.
        await asyncio.sleep(patience)
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        self.buffer += data
        return True

    async def response(self, *, head: bool = False) -> Message:
        """The next response, whole."""
        while (found := read_response(self.buffer, head=head)) is None or found[0].framing == "close":
            assert await self.more(), f"ended early: {self.buffer!r}"
        self.buffer = self.buffer[found[1] :]
        return found[0]

    async def rest(self) -> bytes:
        """All that comes until the end."""
        while await self.more():
            pass
        return self.buffer

    async def contains(self, text: bytes) -> None:
        """Wait until the bytes in hand contain the text."""
        while text not in self.buffer:
            assert await self.more(), f"ended early: {self.buffer!r}"

    def peek(self) -> bytes:
        """What has come and was not read."""
        try:
            return self.sock.recv(65536, socket.MSG_PEEK)
        except BlockingIOError:
            return b""

    async def more_or_reset(self) -> bool:
        """As `more`; a reset is raised."""
        data = await asyncio.get_running_loop().sock_recv(self.sock, 65536)
        self.buffer += data
        return bool(data)

    def end(self) -> None:
        """Say that this is all."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    def close(self) -> None:
        """Go away."""
        self.sock.close()


@dataclass
class Session:
    """A gateway, its agent and its clients."""

    reactor: Reactor
    port: int
    agent_port: int
    counters: memoryview
    figures: memoryview
    peers: list[Peer] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    version: int = 1

    async def client(self, data: bytes = b"", at: str = "127.0.0.1") -> Client:
        """A connected client that has sent this."""
        client = Client(self.port, socket.AF_INET6 if ":" in at else socket.AF_INET)
        self.clients.append(client)
        await asyncio.get_running_loop().sock_connect(client.sock, (at, self.port))
        if data:
            await client.send(data)
        return client

    def requests(self) -> list[Message]:
        """All that reached the agent, each connection strictly read to its last byte."""
        return [message for peer in self.peers for message in read_requests(peer.received)]

    def count(self, metric: str, labels: str = "") -> int:
        """The value of a counter with these labels, as `name="value"`."""
        [index] = [index for index, name, label, *_ in record.COUNTERS if (name, label) == (metric, labels)]
        return int.from_bytes(self.counters[index * 8 : index * 8 + 8], "little")

    def row(self, number: int = agents.AGENT_SLOTS) -> tuple[int, ...]:
        """The figures of an agent; without a number those of all that have none of their own."""
        return tuple(self.figures.cast("Q")[number * agents.AGENT_WORDS : (number + 1) * agents.AGENT_WORDS])

    def received(self) -> bytes:
        """All bytes that reached the agent."""
        return b"".join(peer.received for peer in self.peers)

    def serve(self, *places: int | tuple[str, int]) -> None:
        """Let the backend have these endpoints: ports here, or (address, port)."""
        self.swap(entries(*places))

    def swap(self, entries: dict[str, Entry]) -> None:
        """Serve other entries."""
        self.version += 1
        self.reactor.swap(compile_table(entries, self.version))


def entries(*places: int | tuple[str, int], path: str = "/", **rule: object) -> dict[str, Entry]:
    """One listener, one rule, one backend with these endpoints; /key wants the key "foo", /broken has no backend."""
    listener = (Attachment("listener/d/g/http"),)

    def at(value: str) -> tuple[Match, ...]:
        return (Match(path=PathMatch(value=value)),)

    backends = (WeightedBackend("backend/Backend/d/b"),)
    targets = tuple(
        Target(name, "h", 1, endpoints=tuple(Endpoint(*place) for place in group))
        for name, group in (("t", [place if isinstance(place, tuple) else ("127.0.0.1", place) for place in places]),)
    )
    return {
        "listener/d/g/http": Listener(gateway="d/g", name="http", port=80),
        "rule/HTTPRoute/d/r/0": Rule(
            route="d/r", index=0, attachments=listener, matches=at(path), **{"backends": backends, **rule}
        ),
        "rule/HTTPRoute/d/r/1": Rule(
            route="d/r", index=1, attachments=listener, matches=at("/key"), backends=backends, policy="policy/x"
        ),
        "rule/HTTPRoute/d/r/2": Rule(
            route="d/r",
            index=2,
            attachments=listener,
            matches=at("/broken"),
            backends=(WeightedBackend(error="no such backend"),),
        ),
        "rule/HTTPRoute/d/r/3": Rule(
            route="d/r",
            index=3,
            attachments=listener,
            matches=at("/empty"),
            backends=(WeightedBackend("backend/Backend/d/empty"),),
        ),
        "policy/x": Policy(api_key=ApiKeyAuth(credentials="credentials/d/s")),
        "credentials/d/s": CredentialSet(
            ref="d/s", credentials=(Credential("consumer", hashlib.sha256(b"foo").digest()),)
        ),
        "backend/Backend/d/b": Backend(ref="d/b", targets=targets),
        "backend/Backend/d/empty": Backend(ref="d/empty", targets=(Target("t", "h", 1),)),
    }


def closed_port() -> int:
    """A port where connecting is refused."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@dataclass
class Agent:
    """An agent and its connections so far."""

    port: int
    peers: list[Peer]

    def requests(self) -> list[Message]:
        """All that reached it, each connection strictly read to its last byte."""
        return [message for peer in self.peers for message in read_requests(peer.received)]


@asynccontextmanager
async def playing(script: Script) -> AsyncIterator[Agent]:
    """An agent that plays the script on each connection."""
    peers: list[Peer] = []

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        peers.append(peer)
        try:
            with suppress(ConnectionError):
                await script(peer)
        finally:
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield Agent(server.sockets[0].getsockname()[1], peers)
    finally:
        server.close()
        await until(lambda: all(peer.writer.is_closing() for peer in peers), "agents done")


@asynccontextmanager
async def serving(
    script: Script,
    *,
    path: str = "/",
    before: tuple[int, ...] = (),
    rule: dict[str, object] | None = None,
    more: dict[str, Entry] | None = None,
    everywhere: bool = False,
    **limits: int,
) -> AsyncIterator[Session]:
    """A gateway before an agent that plays the script on each connection.

    before: ports of other endpoints. more: entries beside, or in place of, those of `entries`. everywhere: it listens on
    every address of both families, not on one of loopback.
    """
    listener = listening.everywhere(0) if everywhere else socket.create_server(("127.0.0.1", 0), backlog=1024)
    async with playing(script) as agent, _gateway(agent, listener, limits) as session:
        session.swap({**entries(*before, agent.port, path=path, **(rule or {})), **(more or {})})
        yield session


@asynccontextmanager
async def _gateway(agent: Agent, listener: socket.socket, limits: dict[str, int]) -> AsyncIterator[Session]:
    counters = memoryview(bytearray(record.COUNTERS_SIZE))
    figures = memoryview(bytearray(agents.AGENTS_SIZE))
    reactor = Reactor(
        asyncio.get_running_loop(),
        counters=counters,
        records=memoryview(bytearray(record.RECORDS_SIZE)),
        agents=figures,
        **limits,
    )
    with listener:
        listener.settimeout(0)
        reactor.start()
        reactor.listen(listener.fileno(), 80)
        session = Session(reactor, listener.getsockname()[1], agent.port, counters, figures, agent.peers)
        try:
            yield session
            for client in session.clients:
                client.close()
            await until(
                lambda: not any(reactor.live()[name] for name in ("connections", "exchanges", "mirrors", "buffers")),
                f"nothing alive, but {reactor.live()}",
            )
            with figures.cast("Q") as numbers:
                for gauge in (agents.ACTIVE, agents.STREAMS_ACTIVE):
                    assert not any(numbers[gauge :: agents.AGENT_WORDS]), "an agent has something in progress for ever"
        finally:
            for client in session.clients:
                client.close()
            reactor.close()
