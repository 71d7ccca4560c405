"""A publisher on loopback and data planes that subscribe to it, in one loop; and the entries that travel."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agw.controller.publish.authority import due
from agw.controller.publish.identity import Identity, NotAuthenticated, Plane
from agw.controller.publish.keeper import Keeper
from agw.controller.publish.publisher import Callbacks, Publisher, listening_socket
from agw.dataplane.dial import Where
from agw.dataplane.logs import Log
from agw.dataplane.state import ConfigUpdate, State
from agw.dataplane.subscription import Subscriber, Subscription
from agw.errors import Problem
from agw.settings import Address
from agw.snapshot.model import Attachment, Backend, Endpoint, Listener, Match, PathMatch, Rule, Target, WeightedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from agw.controller.publish.doorman import Limits
    from agw.snapshot.model import Entry

PATIENCE = 60.0
GATEWAY = "default/gw"
ACCOUNT = "default/made"
TOKEN = "a-token-that-nobody-may-see"


def route(number: int, path: str = "", *, port: int = 9) -> dict[str, Entry]:
    """A route with a backend of its own."""
    target = Target(name="t", host="10.0.0.1", port=port, endpoints=(Endpoint("127.0.0.1", port),))
    backend = f"backend/Backend/default/b{number}"
    rule = Rule(
        route=f"default/r{number}",
        index=0,
        attachments=(Attachment("listener/default/gw/web"),),
        matches=(Match(path=PathMatch(value=path or f"/{number}")),),
        backends=(WeightedBackend(backend),),
    )
    return {f"rule/HTTPRoute/default/r{number}/0": rule, backend: Backend(ref=f"default/b{number}", targets=(target,))}


def routes(*numbers: int, port: int = 9) -> dict[str, Entry]:
    """A configuration of these routes."""
    entries: dict[str, Entry] = {"listener/default/gw/web": Listener(gateway=GATEWAY, name="web", port=80)}
    for number in numbers:
        entries |= route(number, port=port)
    return entries


class Memory:
    """A store of certificates that counts its writes."""

    def __init__(self) -> None:
        self.data: Mapping[str, bytes] | None = None
        self.writes = 0

    async def read(self) -> Mapping[str, bytes] | None:
        return self.data

    async def write(self, data: Mapping[str, bytes]) -> bool:
        self.data = dict(data)
        self.writes += 1
        return True


@dataclass
class Stage:
    """One replica of a controller. heard: callbacks in order. tokens: what authenticate knows."""

    folder: Path
    publisher: Publisher
    port: int
    keeper: Keeper
    tokens: dict[str, Identity | Exception]
    heard: list[tuple[str, Plane]] = field(default_factory=list)
    reviews: int = 0

    def where(self, port: int = 0, host: str = "localhost") -> Where:
        return Where(Address(host, port or self.port), self.folder / "token", self.folder / "ca.crt")

    def names(self, what: str) -> list[str]:
        return [plane.pod for kind, plane in self.heard if kind == what]


@asynccontextmanager
async def stage(
    folder: Path, log: Log, limits: Limits | None = None, keeper: Keeper | None = None
) -> AsyncIterator[Stage]:
    """Run a replica for as long as the context lasts. It does not lead yet."""
    if keeper is None:
        keeper = Keeper(Memory(), ("localhost", "127.0.0.1"), log)
        await keeper.refresh()
    (folder / "ca.crt").write_bytes(keeper.bundle)
    (folder / "token").write_text(TOKEN)
    tokens: dict[str, Identity | Exception] = {TOKEN: Identity(ACCOUNT)}

    async def authenticate(token: str) -> Identity:
        running.reviews += 1
        known = tokens.get(token, NotAuthenticated("the token is not known"))
        if isinstance(known, Exception):
            raise known
        return known

    def hear(what: str) -> Callable[[Plane], None]:
        return lambda plane: running.heard.append((what, plane))

    callbacks = Callbacks(hear("connected"), hear("acknowledged"), hear("refused"), hear("gone"))
    publisher = Publisher(authenticate, lambda gateway: f"{gateway.partition('/')[0]}/made", log, callbacks, limits)
    publisher.use(keeper.context())
    listening = listening_socket("127.0.0.1", 0)
    running = Stage(folder, publisher, listening.getsockname()[1], keeper, tokens)
    serving = asyncio.ensure_future(publisher.serve(listening))
    try:
        yield running
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class DataPlane:
    """Stands for the supervisor: takes updates, and says what is in force when it is told to, or at once."""

    def __init__(self, subscription: Subscription, *, at_once: bool = True) -> None:
        self.subscription = subscription
        self.at_once = at_once
        self.updates: list[ConfigUpdate] = []
        self.entries: Mapping[str, Entry] = {}
        self._iterator = subscription.__aiter__()
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        async for update in self._iterator:
            assert update.entries is not None
            if update.changed is not None:
                differing = {
                    key for key in {*self.entries, *update.entries} if self.entries.get(key) != update.entries.get(key)
                }
                assert differing <= update.changed
            self.updates.append(update)
            self.entries = update.entries
            if self.at_once:
                self.accept()

    def accept(self) -> None:
        self.subscription.look(State(ready=True, generation=self.updates[-1].generation))

    def refuse(self, reason: str, in_force: int | None = None) -> None:
        if in_force is None:
            in_force = max((update.generation for update in self.updates[:-1]), default=0)
        problem = Problem("AGW3004", reason)
        self.subscription.look(
            State(generation=in_force, refused=(problem,), refused_generation=self.updates[-1].generation)
        )

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._iterator.aclose()


@asynccontextmanager
async def data_plane(
    front: Stage,
    log: Log,
    *,
    pod: str = "pod-0",
    gateway: str = GATEWAY,
    where: Where | None = None,
    at_once: bool = True,
) -> AsyncIterator[DataPlane]:
    """Run a data plane for as long as the context lasts; its copy is kept in a folder of the pod's name."""
    subscriber = Subscriber(gateway, pod, front.folder / pod)
    plane = DataPlane(Subscription(where or front.where(), subscriber, log), at_once=at_once)
    try:
        yield plane
    finally:
        await plane.end()


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}"
        await asyncio.sleep(0.005)


def authority(names: tuple[str, ...] = ("localhost",)):
    """Make certificates now."""
    return due(None, names, datetime.now(UTC))


class Relay:
    """A TCP relay in front of a replica that counts bytes: down to data planes, up to the controller."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.down = self.up = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer, up=True), self._pump(far_reader, writer, up=False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                self.up += len(data) if up else 0
                self.down += 0 if up else len(data)
                writer.write(data)
                await writer.drain()
        self._open.discard(writer)
        writer.close()

    def cut(self) -> None:
        """End all connections."""
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        self.cut()
        self._server.close()
        await self._server.wait_closed()
