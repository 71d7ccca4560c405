"""Publishing: what the controller hands over, and the server that data planes subscribe at.

    publisher = Publisher(authenticate, account_of, log, callbacks)
    publisher.use(context)                              TLS; again whenever the certificate is renewed
    serving = create_task(publisher.serve(listening_socket("", 9443)))
    publisher.publish("default/gw", entries, changed)   as soon as a Gateway is translated; again at each change
    publisher.lead()                                    this replica is the leader and has published every Gateway
    publisher.retire()                                  it is not any more: data planes go and look for another

Rules: only a leader publishes; others say so, so that a data plane tries the next address at once. A data plane gets
what belongs to the Gateway whose own ServiceAccount its token is of, and nothing else. Everything here runs in one
loop: callbacks are called in it, and must not block.

Must not: know Kubernetes (tokens are looked at by `authenticate`), or write a token anywhere.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from agw import __version__
from agw.controller.publish.doorman import Doorman, Limits
from agw.controller.publish.identity import Authenticate, Identity, NotAuthenticated, Parted, Plane
from agw.controller.publish.ledger import Ledger
from agw.controller.publish.session import AT_ONCE, Published, Session
from agw.listening import EVERYWHERE, address_of, everywhere
from agw.snapshot.codec import FORMAT
from agw.snapshot.delta import changes
from agw.snapshot.link import Link
from agw.snapshot.model import Entry
from agw.snapshot.stream import PROTOCOL, Goodbye, Hello, Parting, Receiver, StreamError, ToController, frame

_REVIEWS_AT_ONCE = 16
_BACKLOG = 1024
_SEND_BUFFER = 1 << 18  # bytes; the kernel would keep megabytes for each data plane that is slow
_ACCEPT_AGAIN = 0.1  # seconds, where the process has no descriptors left
_STOP_PATIENCE = 2.0  # seconds to say goodbye to all
_LONGEST_NAME = 253


class Log(Protocol):
    """Where events go: a short fixed sentence, and what varies as fields."""

    def debug(self, event: str, **fields: object) -> None:
        """For someone who looks for a fault."""

    def info(self, event: str, **fields: object) -> None:
        """As it should be."""

    def warning(self, event: str, **fields: object) -> None:
        """To look at."""

    def error(self, event: str, **fields: object) -> None:
        """Does not work."""


def _ignore(_: Plane) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the controller is told; each is called in the loop with the data plane as it is now.

    connected: it subscribed; what it has in force is told by `acknowledged`, soon after.
    acknowledged: `Plane.version` is in force in all of its workers.
    refused: it cannot use version `Plane.refused`, for `Plane.reason`, and goes on with what it had. It is told again
    when it connects again.
    gone: the connection ended. The data plane may well serve on, and come back.
    """

    connected: Callable[[Plane], None] = _ignore
    acknowledged: Callable[[Plane], None] = _ignore
    refused: Callable[[Plane], None] = _ignore
    gone: Callable[[Plane], None] = _ignore


def listening_socket(host: str, port: int) -> socket.socket:
    """Open the socket that `serve` takes; host "" or "::" is every address, of both families where there are two."""
    if host in EVERYWHERE:
        return everywhere(port, _BACKLOG)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class Publisher:
    """All Gateways' publications, and all connected data planes."""

    def __init__(
        self,
        authenticate: Authenticate,
        account_of: Callable[[str], str],
        log: Log,
        callbacks: Callbacks | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Begin as no leader, with nothing published.

        authenticate: token to Identity. account_of: a Gateway, "namespace/name", to the ServiceAccount of its data
        planes, in the same form.
        """
        self._authenticate = authenticate
        self._account_of = account_of
        self._log = log
        self._callbacks = callbacks or Callbacks()
        self._limits = limits or Limits()
        self._doorman = Doorman(self._limits)
        self._reviews = asyncio.Semaphore(_REVIEWS_AT_ONCE)
        self._context: ssl.SSLContext | None = None
        self._leading = False
        self._ledgers: dict[str, Ledger] = {}
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._sessions: dict[str, set[Session]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # What the controller does

    def use(self, context: ssl.SSLContext) -> None:
        """Take the TLS context of connections from now on; those that there are keep theirs."""
        self._context = context

    def publish(self, gateway: str, entries: Mapping[str, Entry], changed: Iterable[str] | None = None) -> int:
        """Publish a Gateway's entries; return the version, the same as before where nothing is different.

        changed: the keys that may differ from the last time (set, new or gone); None compares all. The map and its
        values must not be changed afterwards.
        """
        ledger = self._ledgers.setdefault(gateway, Ledger())
        if changed is None or not ledger.version:
            to_set, gone = changes(ledger.entries, entries)
            changed = (*to_set, *gone)
        if ledger.publish(entries, changed):
            for session in self._sessions.get(gateway, ()):
                session.wake()
        return ledger.version

    def remove(self, gateway: str) -> None:
        """Forget a Gateway. Its data planes serve on until they are ended."""
        self._ledgers.pop(gateway, None)
        self._gates.pop(gateway, None)
        for session in tuple(self._sessions.get(gateway, ())):
            session.part(Parting.UNKNOWN_GATEWAY, f"Gateway {gateway} is gone")

    def lead(self) -> None:
        """Let data planes in from now on."""
        self._leading = True

    def retire(self) -> None:
        """Let nobody in any more, send everybody away, and forget everything."""
        self._leading = False
        self._ledgers.clear()
        self._gates.clear()
        self._part_all(Parting.NOT_LEADER, "this replica is not the leader any more")

    def version(self, gateway: str) -> int:
        """Give the latest version of a Gateway, 0 where nothing is published."""
        ledger = self._ledgers.get(gateway)
        return ledger.version if ledger is not None else 0

    def planes(self, gateway: str) -> tuple[Plane, ...]:
        """Give the data planes of a Gateway that are connected now, by pod name."""
        planes = (session.plane for session in self._sessions.get(gateway, ()))
        return tuple(sorted(planes, key=lambda plane: (plane.pod, plane.address)))

    def count(self) -> int:
        """Count the data planes that are connected."""
        return sum(map(len, self._sessions.values()))

    def connected(self, gateway: str, pod: str) -> bool:
        """Say whether a data plane of a Gateway with that `Plane.name` is connected."""
        return any(session.plane.name == pod for session in self._sessions.get(gateway, ()))

    # The server

    async def serve(self, listening: socket.socket) -> None:
        """Accept connections until cancelled; then say goodbye to all. Owns the socket."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)  # noqa: FBT003 - socket's own signature
        try:
            while True:
                try:
                    sock, address = await loop.sock_accept(listening)
                except OSError as error:  # no descriptors, or gone again before it was accepted
                    self._log.warning("a connection cannot be accepted", error=error.strerror)
                    await asyncio.sleep(_ACCEPT_AGAIN)
                    continue
                self._spawn(self._connection(sock, address_of(address)))
        finally:
            listening.close()
            self._part_all(Parting.LEAVING, "this replica stops")
            if self._tasks:
                _, late = await asyncio.wait(self._tasks, timeout=_STOP_PATIENCE)
                for task in late:
                    task.cancel()

    def _part_all(self, reason: Parting, message: str) -> None:
        for sessions in self._sessions.values():
            for session in sessions:
                session.part(reason, message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned_ended)

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log.error("a connection failed unexpectedly", error=f"{type(error).__name__}: {error}")

    async def _connection(self, sock: socket.socket, peer: str) -> None:
        """See one connection through."""
        if self._context is None or not self._doorman.admit(peer):
            self._log.debug("connection refused unseen", peer=peer)
            sock.close()
            return
        link: Link[ToController] | None = None
        proved, last = False, b""
        try:
            async with asyncio.timeout(self._limits.hello):
                link = await _handshake(sock, self._context)
                hello = await _hear_hello(link)
            identity = await self._examine(hello, peer)
            self._doorman.prove(peer)
            proved = True
            await self._attend(link, hello, identity, peer)
        except Parted as parted:
            last = frame(Goodbye(parted.reason.value, parted.message))
        except StreamError as error:
            last = frame(Goodbye(Parting.PROTOCOL.value, str(error)))
            self._log.warning("data plane does not keep to the protocol", peer=peer, error=error)
        except (OSError, EOFError, TimeoutError) as error:
            self._log.debug("connection ended", peer=peer, error=f"{type(error).__name__}: {error}")
        finally:
            self._doorman.leave(peer, proved=proved)
            if link is not None:
                await link.close(last)

    async def _examine(self, hello: Hello, peer: str) -> Identity:
        """Find out who it is and whether it may have what it asks for; raise Parted where not."""
        if not self._leading:
            raise Parted(Parting.NOT_LEADER, "this replica is not the leader")
        if (hello.protocol, hello.format) != (PROTOCOL, FORMAT):
            raise Parted(
                Parting.RELEASE,
                f"the controller ({__version__}) speaks protocol {PROTOCOL} and snapshot format {FORMAT}, the data plane "
                f"({hello.release[:32]!r}) {hello.protocol} and {hello.format}",
            )
        now = asyncio.get_running_loop().time()
        if self._doorman.waits(peer, now):
            raise Parted(Parting.BUSY, "too many refused connections from this address: wait a minute")
        try:
            identity = await self._identify(hello.token)
            self._authorize(hello.gateway, identity)
        except Parted as parted:
            if parted.reason in {Parting.UNAUTHENTICATED, Parting.FORBIDDEN, Parting.UNKNOWN_GATEWAY}:
                self._doorman.refuse(peer, now)
            self._log.warning("data plane refused", peer=peer, gateway=hello.gateway[:512], reason=parted.message)
            raise
        return identity

    async def _identify(self, token: str) -> Identity:
        try:
            async with asyncio.timeout(self._limits.review), self._reviews:
                return await self._authenticate(token)
        except NotAuthenticated as error:
            raise Parted(Parting.UNAUTHENTICATED, str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever keeps it from being found out, it is not the token's fault
            self._log.warning("a token cannot be looked at", error=f"{type(error).__name__}: {error}")
            raise Parted(Parting.UNAVAILABLE, "the token cannot be looked at now") from None

    def _authorize(self, gateway: str, identity: Identity) -> None:
        namespace, slash, name = gateway.partition("/")
        if not (namespace and slash and name) or "/" in name or max(len(namespace), len(name)) > _LONGEST_NAME:
            raise Parted(Parting.FORBIDDEN, "a Gateway is named as namespace/name")
        wanted = self._account_of(gateway)
        if identity.account != wanted:
            raise Parted(
                Parting.FORBIDDEN,
                f"the token is of ServiceAccount {identity.account}, and Gateway {gateway} is for {wanted} alone",
            )
        if not self._leading:
            raise Parted(Parting.NOT_LEADER, "this replica is not the leader any more")
        if gateway not in self._ledgers:
            raise Parted(Parting.UNKNOWN_GATEWAY, f"Gateway {gateway} is not published here")

    async def _attend(self, link: Link[ToController], hello: Hello, identity: Identity, peer: str) -> None:
        """Serve a data plane until its connection ends."""
        gateway = hello.gateway
        pod, release = hello.pod[:_LONGEST_NAME], hello.release[:32]
        plane = Plane(
            gateway,
            pod=identity.pod or (pod if pod.isprintable() else ""),
            address=peer,
            release=release if release.isprintable() else "",
        )

        async def verify(token: str) -> None:
            try:
                now = await self._identify(token)
            except Parted as parted:
                if parted.reason is Parting.UNAVAILABLE:
                    return  # an outage of the API server takes no configuration away
                raise
            if now != identity:
                raise Parted(Parting.FORBIDDEN, "the fresh token is of somebody else")

        others = self._sessions.setdefault(gateway, set())
        same = [other for other in others if identity.pod and other.plane.pod == identity.pod]
        if len(others) - len(same) >= self._limits.of_one_account:
            raise Parted(Parting.BUSY, f"too many connections of ServiceAccount {identity.account}")
        for other in same:
            other.part(Parting.REPLACED, "this pod has connected again")
        gate = self._gates.setdefault(gateway, asyncio.Semaphore(AT_ONCE))
        session = Session(link, plane, Published(self._ledgers[gateway], gate), verify, self._changed)
        others.add(session)
        self._log.info("data plane connected", gateway=gateway, pod=plane.pod, peer=peer, release=plane.release)
        self._tell(self._callbacks.connected, plane)
        try:
            await session.run(hello)
        finally:
            sessions = self._sessions[gateway]
            sessions.discard(session)
            if not sessions:
                del self._sessions[gateway]
            self._log.info("data plane gone", gateway=gateway, pod=plane.pod, peer=peer)
            self._tell(self._callbacks.gone, session.plane)

    def _changed(self, before: Plane, plane: Plane) -> None:
        if (plane.refused, plane.reason) != (before.refused, before.reason) and plane.refused:
            self._log.warning(
                "data plane refuses a version",
                gateway=plane.gateway,
                pod=plane.pod,
                version=plane.refused,
                reason=plane.reason,
            )
            self._tell(self._callbacks.refused, plane)
        else:
            self._tell(self._callbacks.acknowledged, plane)

    def _tell(self, callback: Callable[[Plane], None], plane: Plane) -> None:
        try:
            callback(plane)
        except Exception as error:  # noqa: BLE001 - a fault in what follows must not cost a data plane its connection
            self._log.error("a callback of publishing failed", error=f"{type(error).__name__}: {error}")


async def _handshake(sock: socket.socket, context: ssl.SSLContext) -> Link[ToController]:
    """Make a TLS connection of an accepted socket."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)  # noqa: FBT003 - socket's own signature
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    try:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
    except BaseException:
        sock.close()
        raise
    return Link(reader, asyncio.StreamWriter(transport, protocol, reader, loop), Receiver.of_controller())


async def _hear_hello(link: Link[ToController]) -> Hello:
    while not (messages := await link.receive()):
        pass
    match messages:
        case [Hello() as hello]:
            return hello
        case _:
            raise StreamError("a connection begins with one Hello")
