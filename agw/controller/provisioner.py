"""Makes data planes, keeps them as they should be, and takes them away where a Gateway is not ours any more.

Rules: what is wanted is applied as a whole, as often as it differs: a Gateway that changed, an object of ours that
somebody changed or deleted, or that failed before. Applying what is there already changes nothing, so that no memory of
what was done is needed. One object that cannot be written keeps no other from being written. What a write answers is
taken for what is there, so that our own writes are not mistaken for somebody's. A Gateway that is refused keeps what it
has. One that is being deleted is left to the garbage collector, as is everything in a namespace that ends.

A Gateway has one turn at a time, which looks at its beginning whether a data plane is to be made or to go: made and taken
away at once, half of one would stay. What is another controller's Gateway's goes whenever it is seen, whoever made it
and however late: a load balancer that nobody uses costs money all the same.

Must not: decide what a data plane is made of, or what its state means.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from typing import Any

import msgspec

from agw.controller import fleet, names
from agw.controller.log import Log
from agw.controller.metrics import Metrics
from agw.controller.ownership import LABEL
from agw.controller.provision import (
    DEPLOYMENTS,
    FREE,
    KINDS,
    SELECTOR,
    SERVICES,
    Installation,
    first_replicas,
    manifests,
    unwanted,
)
from agw.controller.queue import WorkQueue
from agw.controller.trouble import Failure, NotMadeError, Trouble, ending, judged
from agw.errors import AgwError
from agw.kube import Batch, Client, Conflict, Key, KubeError, NotFound, Resource, Scope, Watcher, decoder
from agw.kube.objects import Identified
from agw.translate.infrastructure import Infrastructure
from agw.translate.status import Address

Made = fleet.Deployment | fleet.Service | fleet.Thing
_TYPES: Mapping[Resource, type[Made]] = {DEPLOYMENTS: fleet.Deployment, SERVICES: fleet.Service}
_APPLY = "application/apply-patch+yaml"


class Provisioner:
    """All data planes. installation: as it is now. news: called with a Gateway whose data plane stands otherwise.

    theirs: says whether a Gateway is another controller's, so that what was made for it goes, where nothing is wanted.
    """

    def __init__(
        self,
        client: Client,
        installation: Callable[[], Installation],
        news: Callable[[str], None],
        theirs: Callable[[str], bool],
        log: Log,
        metrics: Metrics,
    ) -> None:
        """Make nothing yet."""
        self._client = client
        self._installation = installation
        self._news = news
        self._theirs = theirs
        self._log = log
        self._metrics = metrics
        self._made: dict[tuple[str, Key], Made] = {}
        self._wanted: Mapping[str, Infrastructure | None] = {}
        self._troubles: dict[str, Trouble] = {}
        self._failures: Counter[str] = Counter()  # in a row
        self._ending: dict[str, str] = {}  # uids of Gateways whose namespaces end
        self._synced: set[str] = set()
        self.synced = asyncio.Event()
        self.queue: WorkQueue[str] = WorkQueue(self._work, self._failed, at_once=4)

    async def run(self, ready: asyncio.Event) -> None:
        """Watch what is made, and make what is wanted once that is known; until cancelled."""
        async with asyncio.TaskGroup() as group:
            for resource in KINDS:
                group.create_task(self._follow(resource))
            await ready.wait()
            await self.synced.wait()
            group.create_task(self.queue.run())

    def want(self, wanted: Mapping[str, Infrastructure | None]) -> None:
        """Take what translation wants, by Gateway; a Gateway that is not in it is not ours."""
        before, self._wanted = self._wanted, wanted
        if before is wanted:
            return
        for ref in before.keys() ^ wanted.keys():
            self.queue.forget(ref)  # what failed was another thing to do: its back-off must not hold this one up
            self._recovered(ref)
            self._ending.pop(ref, None)
        for ref, infrastructure in wanted.items():
            if infrastructure is not None and before.get(ref) != infrastructure:
                self.queue.add(ref)
        self.look(before.keys())

    def again(self) -> None:
        """Look at every Gateway again: the installation has changed."""
        self.queue.add_all(ref for ref, infrastructure in self._wanted.items() if infrastructure is not None)

    def look(self, refs: Iterable[str]) -> None:
        """Look at those of these Gateways for which nothing is wanted: whose they are may have changed."""
        self.queue.add_all(ref for ref in refs if ref not in self._wanted)

    def gateways(self) -> frozenset[str]:
        """Return the Gateways that anything is made for."""
        return frozenset(filter(None, map(_owner, self._made.values())))

    def standing(self, ref: str, generation: int) -> fleet.Standing | None:
        """Say how a Gateway's data plane stands; None where none is wanted."""
        wanted = self._wanted.get(ref)
        if wanted is None:
            return None
        key = Key(wanted.namespace, names.made(wanted.name))
        deployment, service = self._made.get((DEPLOYMENTS.kind, key)), self._made.get((SERVICES.kind, key))
        return fleet.standing(
            wanted,
            deployment if isinstance(deployment, fleet.Deployment) else None,
            service if isinstance(service, fleet.Service) else None,
            generation,
            self._troubles.get(ref),
        )

    def addresses(self, ref: str) -> tuple[Address, ...]:
        """Return the addresses of what was made for a Gateway, wanted or not."""
        namespace, _, name = ref.partition("/")
        service = self._made.get((SERVICES.kind, Key(namespace, names.made(name))))
        return fleet.addresses(service) if isinstance(service, fleet.Service) else ()

    async def _follow(self, resource: Resource) -> None:
        decode = decoder(_TYPES.get(resource, fleet.Thing))
        watcher: Watcher[Made] = Watcher(self._client, resource, decode, Scope(labels=SELECTOR))
        async with aclosing(aiter(watcher)) as batches:
            async for batch in batches:
                self._take(resource, batch)
                self._synced.add(resource.kind)
                if len(self._synced) == len(KINDS):
                    self.synced.set()

    def _take(self, resource: Resource, batch: Batch[Made]) -> None:
        ours = self._installation().namespace
        others = {key for key, made in batch.applied.items() if _installation(made, ours) != ours}
        gone = batch.deleted | others
        if batch.restart:
            gone |= {key for kind, key in self._made if kind == resource.kind} - batch.applied.keys()
        for key in gone:
            old = self._made.pop((resource.kind, key), None)
            if old is not None:
                self._drifted(old)
        for key, new in batch.applied.items():
            if key in others:
                continue
            old = self._made.get((resource.kind, key))
            self._made[resource.kind, key] = new
            if old is None or _shape(old) != _shape(new):
                self._drifted(new)
            elif old != new:
                self._tell(new)

    def _drifted(self, made: Made) -> None:
        """Something of ours came, went, or is not as it was; it may be what should have gone."""
        ref = _owner(made)
        if ref:
            self.queue.add(ref)
        self._tell(made)

    def _tell(self, made: Made) -> None:
        ref = _owner(made)
        if ref and isinstance(made, fleet.Deployment | fleet.Service):
            self._news(ref)

    async def _work(self, ref: str) -> None:
        """Bring a Gateway's data plane to what is wanted by now."""
        if ref not in self._wanted:
            await self._release(ref)
            return
        wanted = self._wanted[ref]
        if wanted is None or self._ending.get(ref) == wanted.uid:
            return
        failures = await self._make(wanted)
        if any(ending(failure.error) for failure in failures):
            self._ending[ref] = wanted.uid
            self._recovered(ref)
            self._log.debug("a data plane is not made in a namespace that ends", gateway=ref)
            return
        if failures:
            raise NotMadeError(failures)
        if self._recovered(ref):
            self._log.info("data plane can be made again", gateway=ref)
        self._news(ref)

    async def _make(self, wanted: Infrastructure) -> list[Failure]:
        """Write everything that a data plane is made of, and take away what it has not any more; say what failed."""
        key = Key(wanted.namespace, names.made(wanted.name))
        failures: list[Failure] = []
        installation = self._installation()
        for resource, body in manifests(wanted, installation):
            made = await _tried(resource, key, self._apply(resource, key, body))
            if resource is DEPLOYMENTS and not made and "replicas" not in body["spec"]:
                made = await _tried(resource, key, self._begin_with(key, wanted, installation))
            failures += made
        for resource in unwanted(wanted):
            failures += await _tried(resource, key, self._remove(resource, key))
        return failures

    async def _apply(self, resource: Resource, key: Key, body: Mapping[str, Any]) -> None:
        if resource is DEPLOYMENTS and "replicas" not in body["spec"]:
            await self._let_go_of_replicas(key)
        known = self._made.get((resource.kind, key))
        answer = await self._client.apply(resource, key, body)
        self._metrics.count("agw_controller_provisioning_writes_total", kind=resource.kind, result="ok")
        # What the watch has said meanwhile is at least as new: the object may be gone again.
        if self._made.get((resource.kind, key)) is known:
            self._made[resource.kind, key] = decoder(_TYPES.get(resource, fleet.Thing))(answer)

    def _recovered(self, ref: str) -> bool:
        """Forget what was wrong; say whether that was something."""
        self._failures.pop(ref, None)
        return self._troubles.pop(ref, None) is not None

    async def _let_go_of_replicas(self, key: Key) -> None:
        """Before a manifest without a number of replicas is applied: keep the number that there is, as somebody else's.

        A field that its only manager stops applying falls back to its default, one replica. So another manager of ours
        applies the number at the very version that it was read at, and loses it to the next one who sets another.
        """
        known = self._made.get((DEPLOYMENTS.kind, key))
        if not isinstance(known, fleet.Deployment) or known.scalers != {(self._client.manager, "Apply")}:
            return
        try:
            data = await self._client.get(DEPLOYMENTS, key, bytes)
        except NotFound:
            return
        deployment, version = decoder(fleet.Deployment)(data), decoder(Identified)(data).metadata.resource_version
        if deployment.scalers == known.scalers:
            await self._scale(key, {"resourceVersion": version}, deployment.spec.replicas, force=True)

    async def _begin_with(self, key: Key, wanted: Infrastructure, installation: Installation) -> None:
        """Set the number of replicas of a Deployment for which nobody has, once.

        The managers alone do not tell: who scales from none to one by the scale subresource is not among them.
        """
        made = self._made.get((DEPLOYMENTS.kind, key))
        replicas = first_replicas(wanted, installation)
        if not isinstance(made, fleet.Deployment) or made.scalers or FREE.keys() <= made.metadata.annotations.keys():
            return
        # Conflict: somebody has scaled it meanwhile, or it is another one: then there is nothing to begin.
        with suppress(Conflict):
            await self._scale(key, {"uid": made.metadata.uid}, replicas, force=False)

    async def _scale(self, key: Key, metadata: Mapping[str, str], replicas: int, *, force: bool) -> None:
        """Set the number of replicas as the manager of ours that gives way to anybody."""
        body = {
            "apiVersion": DEPLOYMENTS.api_version,
            "kind": DEPLOYMENTS.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "annotations": FREE,
                **metadata,
            },
            "spec": {"replicas": replicas},
        }
        query = {"fieldManager": f"{self._client.manager}-replicas", "force": "true" if force else "false"}
        await self._client.request("PATCH", DEPLOYMENTS.object(key), query, body, content_type=_APPLY)

    async def _release(self, ref: str) -> None:
        """Take away what was made for a Gateway that exists and is another controller's."""
        namespace, _, name = ref.partition("/")
        key = Key(namespace, names.made(name))
        there = [resource for resource in KINDS if self._there(resource, key)] if self._theirs(ref) else []
        failures: list[Failure] = []
        for resource in there:
            failures += await _tried(resource, key, self._remove(resource, key))
        if failures:
            raise NotMadeError(failures)
        self._recovered(ref)
        self._ending.pop(ref, None)
        if there:
            self._log.info("data plane taken away: the Gateway is not ours any more", gateway=ref)

    def _there(self, resource: Resource, key: Key) -> bool:
        """Say whether there is something to take away: a load balancer that goes already takes a while."""
        made = self._made.get((resource.kind, key))
        return made is not None and not made.metadata.deletion_timestamp

    async def _remove(self, resource: Resource, key: Key) -> None:
        made = self._made.get((resource.kind, key))
        if made is None:
            return
        try:
            await self._client.delete(resource, key, uid=made.metadata.uid)
        except NotFound:
            return
        self._metrics.count("agw_controller_provisioning_writes_total", kind=resource.kind, result="deleted")

    def _failed(self, ref: str, error: Exception) -> None:
        self._metrics.count("agw_controller_provisioning_writes_total", kind="any", result="failed")
        self._failures[ref] += 1
        said = str(error) or type(error).__name__
        trouble = judged(error, self._failures[ref])
        if trouble is None:
            self._log.debug("a data plane cannot be made yet", gateway=ref, error=said)
            return
        if self._troubles.get(ref) != trouble:
            tell = self._log.warning if isinstance(error, AgwError) else self._log.error
            what = "made" if ref in self._wanted else "taken away"
            tell(f"a data plane cannot be {what}", gateway=ref, error=trouble.said)
        self._troubles[ref] = trouble
        self._news(ref)


async def _tried(resource: Resource, key: Key, write: Awaitable[None]) -> list[Failure]:
    try:
        await write
    except KubeError as error:
        return [Failure(resource, key, error)]
    return []


def _installation(made: Made, default: str) -> str:
    """Return the installation that an object is of; `default` for those from before installations were told apart."""
    return made.metadata.labels.get(LABEL, default)


def _owner(made: Made) -> str:
    """Return the Gateway that an object was made for, "namespace/name"; "" where it says none."""
    metadata = made.metadata
    for owner in metadata.owner_references:
        if owner.controller and owner.kind == "Gateway":
            return f"{metadata.namespace}/{owner.name}"
    return ""


def _shape(made: Made) -> Any:  # noqa: ANN401 - a part of any of them
    """Return what of an object can drift: everything but its status."""
    shape = made.metadata, getattr(made, "spec", None), getattr(made, "data", None)
    deployment = isinstance(made, fleet.Deployment)
    # A Deployment's generation counts its changes; its annotations carry the Deployment controller's own counter.
    return (
        (msgspec.structs.replace(made.metadata, annotations={}, managed_fields=()), None, None) if deployment else shape
    )
