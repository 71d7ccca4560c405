"""One controller replica: everything put together, from the credentials to the last goodbye.

    always      certificates, the publishing port (which sends data planes away while another leads), the health port
    leading     discovery (again and again), watches, translation, statuses, provisioning: a `Reconciler` for as long as no
                other installation has the GatewayClass

Rules: readiness says that this replica could lead, not that it does, or a rollout would wait for ever for the one that
stands by; a leader that has to stand aside for another installation is not ready, so that installing it fails. A term
that fails ends as a term: its Lease is released, and the next one begins with nothing. SIGTERM ends the term first, so
that another replica takes over at once.

Must not: decide anything about an object.
"""

from __future__ import annotations

import asyncio
import random
import signal
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from agw.controller import events, health, names
from agw.controller.decode import Held, reader
from agw.controller.kinds import NEEDED, Discovered, discover, succeeding
from agw.controller.log import Log
from agw.controller.ownership import Ownership
from agw.controller.provision import Installation
from agw.controller.publish.identity import Identity, NotAuthenticated, Plane
from agw.controller.publish.keeper import Keeper
from agw.controller.publish.publisher import Callbacks, Publisher, listening_socket
from agw.controller.reconcile import Reconciler, Surroundings
from agw.kube import (
    AlreadyExists,
    Client,
    Conflict,
    Key,
    KubeError,
    NotFound,
    Resource,
)
from agw.kube.events import Recorder, Reference
from agw.kube.lease import Election, Timing
from agw.kube.token_review import review_token
from agw.resources import model
from agw.settings import Address
from agw.translate import CONTROLLER, ObjectKey
from agw.translate.hosts import CLUSTER_LOCAL

_SECRETS = Resource("", "v1", "secrets", "Secret")
_POD_NAME = "authentication.kubernetes.io/pod-name"
_LOOK_AGAIN = 5.0  # seconds between looks for CRDs, and for an API server that does not answer
_ACTION = "Reconcile"
_KINDS_AGAIN = 15.0  # seconds, more or less, between looks at what is served while leading


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. namespace, name: of this pod. lease, certificates: names of a Lease and a Secret there.

    hosts: names of the certificate, by which data planes reach it. domain: of the cluster's own DNS names.
    """

    namespace: str
    name: str
    lease: str
    certificates: str
    hosts: tuple[str, ...]
    publish: Address
    health: Address
    installation: Installation
    timing: Timing = field(default_factory=Timing)
    domain: str = CLUSTER_LOCAL


async def run(client: Client, options: Options, log: Log) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = Process(client, options, log)
    work = asyncio.create_task(process.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        log.info("stopping")
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        return 0
    await work
    return 1


class Process:
    """A replica."""

    def __init__(self, client: Client, options: Options, log: Log) -> None:
        """Start nothing yet."""
        self._client = client
        self._options = options
        self._log = log
        self._reconciler: Reconciler | None = None
        self._discovered = Discovered({})  # of this term
        self._ownership: Ownership | None = None
        self._serving = False
        self._publisher = Publisher(
            self._authenticate,
            _account_of,
            log,
            Callbacks(acknowledged=self._acknowledged, refused=self._refused, gone=self._gone),
        )
        self._keeper = Keeper(_SecretStore(client, Key(options.namespace, options.certificates)), options.hosts, log)
        self._election = Election(client, Key(options.namespace, options.lease), options.name, options.timing)

    async def run(self) -> None:
        """Run until cancelled."""
        where = self._options.health
        server = await health.serve(where.host, where.port, self._pages())
        try:
            await self._first_certificates()
            self._publisher.use(self._keeper.context())
            publish = self._options.publish
            # The publisher closes it, unless it is cancelled before it has begun.
            with listening_socket(publish.host, publish.port) as listening:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._publisher.serve(listening))
                    group.create_task(self._keeper.run(self._renewed))
                    self._serving = True
                    self._log.info("controller ready", name=self._options.name, publish=publish, health=where)
                    group.create_task(self._elect())
        finally:
            self._serving = False
            server.close()

    async def _elect(self) -> None:
        """Lead whenever it is our turn."""
        while True:
            try:
                await self._election.run(self._term, self._publisher.retire)
            except* Exception as failed:  # noqa: BLE001 - a fault of one term must not end the next
                for error in _flat(failed):
                    self._log.error("a term of leading failed", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(_LOOK_AGAIN)

    async def _term(self) -> None:
        """Lead, until cancelled."""
        try:
            self._log.info("leading", name=self._options.name)
            recorder = Recorder(self._client, CONTROLLER, self._options.name)
            discovered = self._discovered = await self._discover()
            told = _Told(recorder, discovered)
            ownership = self._ownership = self._own(discovered, told)
            around = Surroundings(
                self._client,
                self._publisher,
                told,
                self._installation,
                self._log,
                ownership.serves,
                self._options.domain,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(recorder.run())
                group.create_task(ownership.run())
                group.create_task(self._work_while_ours(ownership, around))
                group.create_task(self._look_at_kinds(ownership, told))
        finally:
            self._ownership = None

    def _own(self, discovered: Discovered, told: _Told) -> Ownership:
        def aside(held: Held[model.GatewayClass], why: str) -> None:
            key = ObjectKey("GatewayClass", "", held.value.metadata.name)
            told.record(events.Happened(key, events.uid_of(held), events.ANOTHER_INSTALLATION, why, warning=True))

        resource = discovered.resources[model.GatewayClass]
        return Ownership(self._client, resource, self._options.namespace, aside, self._log)

    async def _look_at_kinds(self, ownership: Ownership, told: _Told) -> None:
        """Follow what the API server serves: kinds that come or go, and versions that are dropped."""
        missed = self._discovered.missing
        while True:
            await asyncio.sleep(_KINDS_AGAIN * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, no secret
            try:
                found = await discover(self._client)
            except KubeError:
                continue  # what goes wrong with the API server, the watches tell
            now, before, missed = succeeding(self._discovered, found, missed), self._discovered, found.missing
            if now.resources == before.resources:
                continue
            self._log.info("what the API server serves has changed", **_differing(before, now))
            self._discovered = now
            told.use(now)
            ownership.use(now.resources[model.GatewayClass])
            if self._reconciler is not None:
                self._reconciler.use(now)

    async def _work_while_ours(self, ownership: Ownership, around: Surroundings) -> None:
        while True:
            await ownership.ours.wait()
            self._reconciler = Reconciler(around, self._discovered)
            work = asyncio.create_task(self._reconciler.run())
            aside = asyncio.create_task(ownership.aside.wait())
            try:
                await asyncio.wait({work, aside}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    await work
            finally:
                self._reconciler = None
                self._publisher.retire()
                work.cancel()
                aside.cancel()
                await asyncio.wait({work, aside})

    async def _discover(self) -> Discovered:
        """Wait until the kinds that cannot be done without are served."""
        told: tuple[str, ...] = ()
        while True:
            try:
                found = await discover(self._client)
            except KubeError as error:
                self._log.warning("the API server cannot be asked for its kinds", error=error)
            else:
                if found.missing and found.missing != told:
                    self._log.warning("CRDs are not installed", missing=", ".join(found.missing))
                    told = found.missing
                if found.resources.keys() >= NEEDED:
                    return found
            await asyncio.sleep(_LOOK_AGAIN)

    async def _first_certificates(self) -> None:
        while True:
            try:
                await self._keeper.refresh()
            except (KubeError, TimeoutError) as error:
                self._log.warning("the certificates cannot be read or written", error=error)
                await asyncio.sleep(_LOOK_AGAIN)
            else:
                return

    def _renewed(self, keeper: Keeper) -> None:
        self._publisher.use(keeper.context())
        if self._reconciler is not None:
            self._reconciler.provisioner.again()

    def _installation(self) -> Installation:
        return replace(self._options.installation, trust=self._keeper.bundle.decode())

    async def _authenticate(self, token: str) -> Identity:
        identity = await review_token(self._client, token, names.audience(self._options.namespace))
        account = identity.service_account if identity is not None else None
        if identity is None or account is None:
            raise NotAuthenticated("the token is not valid here, or for another audience")
        return Identity(f"{account.namespace}/{account.name}", next(iter(identity.extra.get(_POD_NAME, ())), ""))

    def _acknowledged(self, plane: Plane) -> None:
        if self._reconciler is not None:
            self._reconciler.refusals.acknowledge(plane.gateway, plane.name, plane.version)

    def _refused(self, plane: Plane) -> None:
        if self._reconciler is not None:
            self._reconciler.refusals.refuse(plane.gateway, plane.name, plane.refused, plane.reason)

    def _gone(self, plane: Plane) -> None:
        if self._reconciler is not None:
            self._reconciler.refusals.leave(plane.gateway, plane.name)

    def _pages(self) -> health.Pages:
        return {
            "/livez": lambda: health.Page(200, "ok\n"),
            "/readyz": self._readyz,
            "/metrics": lambda: health.Page(200, self._metrics(), health.METRICS),
        }

    def _readyz(self) -> health.Page:
        if not self._serving:
            return health.Page(503, "starting: the certificates are not there yet\n")
        if self._ownership is not None and self._ownership.why:
            return health.Page(503, f"standing aside: {self._ownership.why}\n")
        return health.Page(200, "leading\n" if self._election.leading else f"standby: {self._election.holder} leads\n")

    def _metrics(self) -> str:
        if self._reconciler is not None:
            return self._reconciler.metrics.text()
        return "# TYPE agw_controller_leader gauge\nagw_controller_leader 0\n"


def _differing(before: Discovered, now: Discovered) -> dict[str, str]:
    """Kinds that are served otherwise than before, by their plurals: in which version now, or not."""
    return {
        (now.resources.get(kind) or before.resources[kind]).plural: (
            now.resources[kind].version if kind in now.resources else "not served"
        )
        for kind in before.resources.keys() | now.resources.keys()
        if before.resources.get(kind) != now.resources.get(kind)
    }


def _account_of(gateway: str) -> str:
    namespace, _, name = gateway.partition("/")
    return f"{namespace}/{names.made(name)}"


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _flat(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


class _Told:
    """Events by the kinds as this cluster has them."""

    def __init__(self, recorder: Recorder, discovered: Discovered) -> None:
        self._recorder = recorder
        self.use(discovered)

    def use(self, discovered: Discovered) -> None:
        """Go by these kinds from now on."""
        self._versions = {kind.__name__: resource.api_version for kind, resource in discovered.resources.items()}

    def record(self, event: events.Happened) -> None:
        """Take an event."""
        key = event.object
        about = Reference(self._versions.get(key.kind, "v1"), key.kind, key.namespace, key.name, event.uid)
        self._recorder.record(about, reason=event.reason, action=_ACTION, note=event.message, warning=event.warning)


class _SecretStore:
    """The certificates in a Secret."""

    def __init__(self, client: Client, key: Key) -> None:
        self._client = client
        self._key = key
        self._version = ""
        self._names: frozenset[str] = frozenset()

    async def read(self) -> Mapping[str, bytes] | None:
        """Give the Secret's data."""
        try:
            held = await self._client.get(_SECRETS, self._key, reader(model.Secret, "v1"))
        except NotFound:
            self._version = ""
            return None
        self._version, self._names = held.version, frozenset(held.value.data)
        return {name: value.reveal() for name, value in held.value.data.items()}

    async def write(self, data: Mapping[str, bytes]) -> bool:
        """Write over what was read, or create it."""
        metadata = {"name": self._key.name, "namespace": self._key.namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
        values: dict[str, str | None] = {name: b64encode(value).decode() for name, value in data.items()}
        try:
            if not self._version:
                await self._client.create(_SECRETS, {**body, "data": values}, namespace=self._key.namespace)
            else:
                gone = dict.fromkeys(self._names - data.keys())  # null takes a key away (RFC 7386)
                known = {"metadata": {"resourceVersion": self._version}, "data": values | gone}
                await self._client.patch(_SECRETS, self._key, known)
        except (AlreadyExists, Conflict):
            return False
        return True
