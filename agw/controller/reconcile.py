"""The leader's work: from changes in the cluster to snapshots, statuses and data planes.

    watches --> World --> Translator --> publish(gateway, entries, changed keys)
                                     +-> statuses to write    --> queue
                                     +-> data planes to make  --> queue

Rules: changes that come while a batch is worked on are the next batch, so that a burst costs a few translations and a
single change waits for nobody. Nothing is translated before every watch has told its beginning: a route must not lose
its Secret for the second in which a controller starts. An object that names a Secret or ConfigMap that is not known
yet keeps its former value until it is. Publishing comes first, since traffic waits for it; statuses follow what is
published. Everything is level-triggered: what is written follows from what is, and is written where it differs.

One object's failure is its own: its queue tries again with a back-off, and the others go on.

Must not: know how a snapshot travels, or decide anything about an object.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from agw.collector import Collector
from agw.controller import events, references, refusals, statuses
from agw.controller.careful import CarefulTranslator
from agw.controller.decode import Held, reader, written
from agw.controller.kinds import WHOLE, Discovered
from agw.controller.log import Log
from agw.controller.metrics import Gauges, Metrics
from agw.controller.named import NamedWatches
from agw.controller.ownership import only_served
from agw.controller.planes import Refusals
from agw.controller.provision import Installation
from agw.controller.provisioner import Provisioner
from agw.controller.queue import WorkQueue
from agw.controller.references import Grants, Name, References
from agw.controller.world import Identity, World
from agw.kube import Batch, Client, Key, NotFound, Resource, Watcher
from agw.resources import model
from agw.resources.meta import Object
from agw.snapshot.model import Entry
from agw.translate import CONTROLLER, ObjectKey, Translation
from agw.translate.hosts import CLUSTER_LOCAL
from agw.translate.status import FALSE, Condition, GatewayStatus, Status

_STATUS_PAUSE = 1.0  # seconds between two writes of one object's status
_SEEN_FIRST = frozenset({"GatewayClass", "Gateway"})  # few, and what people look at when something is wrong
_STATUSES_AT_ONCE = 16  # fewer than requests may be, since data planes' tokens are looked at meanwhile
_STATED: Mapping[type[Object], str] = {
    model.GatewayClass: "GatewayClass",
    model.Gateway: "Gateway",
    model.HTTPRoute: "HTTPRoute",
    model.Backend: "Backend",
    model.TrafficPolicy: "TrafficPolicy",
}
_TYPES = {name: kind for kind, name in _STATED.items()}


class Publisher(Protocol):
    """Takes what data planes are to serve."""

    def publish(self, gateway: str, entries: Mapping[str, Entry], changed: Iterable[str] | None = None) -> int:
        """Publish a Gateway's entries; `changed` are the keys that may differ. Returns the version."""

    def remove(self, gateway: str) -> None:
        """Forget a Gateway."""

    def lead(self) -> None:
        """Every Gateway is published: let data planes in."""

    def count(self) -> int:
        """Count the data planes that are connected."""

    def connected(self, gateway: str, pod: str) -> bool:
        """Say whether a pod of a Gateway is connected."""


class Recorder(Protocol):
    """Tells people, at the object concerned."""

    def record(self, event: events.Happened) -> None:
        """Take an event; it is sent when there is time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the reconciler works with. installation: as it is now. serves: whether a GatewayClass may be looked at.

    domain: of the cluster's own DNS names.
    """

    client: Client
    publisher: Publisher
    recorder: Recorder
    installation: Callable[[], Installation]
    log: Log
    serves: Callable[[Held[model.GatewayClass]], bool]
    domain: str = CLUSTER_LOCAL


class Reconciler:
    """One leader's term. Make a new one for each."""

    def __init__(self, around: Surroundings, discovered: Discovered) -> None:
        """Know nothing yet."""
        self._around = around
        self._client, self._publisher, self._log = around.client, around.publisher, around.log
        self._resources = dict(discovered.resources)
        self._served = discovered.resources
        self._watches: dict[type[Object], tuple[Resource, asyncio.Task[None]]] = {}
        self.metrics = Metrics(self._gauges)
        self._world = World()
        self._translator = CarefulTranslator(around.domain)
        self._translation = Translation()
        self._references = References()
        self._grants = Grants()
        self._held: dict[Identity, None] = {}
        self._unsaid: set[ObjectKey] = set()
        self._refused: dict[str, str] = {}  # Gateway -> why its data planes cannot use what was published
        self.refusals = Refusals(self._refused_otherwise, self._publisher.connected)
        self._faults: dict[Identity, str] = {}  # objects that translation stumbled over, until they change
        self._collector = Collector()
        self._wake = asyncio.Event()
        self._synced: set[type[Object]] = set()
        self.leading = asyncio.Event()
        """Set once everything is published."""
        self._named = NamedWatches(self._client, self._resources, self._named_batch, self._world.forget, self._wake.set)
        self.provisioner = Provisioner(
            self._client, around.installation, self._gateway_stands_otherwise, self._theirs, self._log, self.metrics
        )
        self.statuses: WorkQueue[ObjectKey] = WorkQueue(
            self._write_status,
            self._status_failed,
            first=lambda key: key.kind in _SEEN_FIRST,
            at_once=_STATUSES_AT_ONCE,
            pause=_STATUS_PAUSE,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._watch_kinds(group)
                group.create_task(self.provisioner.run(self.leading))
                group.create_task(self._turns(group))
                await self.leading.wait()
                group.create_task(self.statuses.run())
        finally:
            self.refusals.close()
            self._collector.close()

    def use(self, discovered: Discovered) -> None:
        """Go by these kinds from now on."""
        self._served = discovered.resources
        self._wake.set()

    def _refused_otherwise(self, gateway: str, said: str, news: str) -> None:
        """Take who cannot use what was published: "" where all can again."""
        if said:
            self._refused[gateway] = said
        else:
            self._refused.pop(gateway, None)
        if news:
            self._record(ObjectKey("Gateway", *gateway.split("/", 1)), events.REFUSED, said, warning=True)
        self._gateway_stands_otherwise(gateway)

    # Changes

    def _watch_kinds(self, group: asyncio.TaskGroup) -> None:
        """Watch the kinds that are served, each in the version that is; objects of one that is not are gone."""
        for kind in WHOLE:
            served = self._served.get(kind)
            watched, task = self._watches.get(kind, (None, None))
            if served == watched:
                continue
            if task is not None:
                task.cancel()
                del self._watches[kind]
            if served is not None:
                self._resources[kind] = served
                self._watches[kind] = (served, group.create_task(self._follow(kind)))
            else:
                self._resources.pop(kind, None)
                self._world.apply(kind, Batch(restart=True, applied={}, deleted=frozenset(), failed={}))

    async def _follow(self, kind: type[Object]) -> None:
        resource = self._resources[kind]
        watcher: Watcher[Held[Any]] = Watcher(self._client, resource, reader(kind, resource.api_version))
        async with aclosing(aiter(watcher)) as batches:
            async for batch in batches:
                if kind is model.GatewayClass:
                    batch = only_served(batch, self._around.serves)  # noqa: PLW2901 - the part of it that is ours to see
                self._world.apply(kind, batch)
                self._synced.add(kind)
                self._wake.set()

    def _named_batch(self, kind: type[Object], batch: Batch[Held[Any]], keys: frozenset[Key]) -> None:
        self._world.apply(kind, batch, scope=keys)

    def _begun(self) -> bool:
        """Say whether all there was at the beginning is known, what is named too."""
        if not self._synced.issuperset(kind for kind in WHOLE if kind in self._resources):
            return False
        return self._settled(self._references.names)

    async def _turns(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._watch_kinds(group)
            self._follow_names(group)
            if not self.leading.is_set():
                if not self._begun():
                    continue
                self._turn()
                self._publisher.lead()
                self.leading.set()
                self._collector.rest()
            else:
                self._turn()
            self._tell_unreadable()

    def _follow_names(self, group: asyncio.TaskGroup) -> None:
        """Watch what is named by what changed; hold back what names what is not known yet."""
        for identity in [*self._held]:
            del self._held[identity]
            self._world.resume(identity)
        changed = False
        pending = self._world.pending
        kinds = {kind for kind, _, _ in pending}
        if model.ReferenceGrant in kinds:
            self._grants = Grants(self._world.all(model.ReferenceGrant))
        for identity, resource in pending.items():
            if identity[0] in {model.TrafficPolicy, model.Gateway, model.GatewayClass}:
                value = resource.value if resource is not None else None
                changed |= self._references.put(identity, self._names(value))
        if kinds & {model.GatewayClass, model.ReferenceGrant}:
            for gateway in self._world.all(model.Gateway):
                metadata = gateway.metadata
                identity = (model.Gateway, metadata.namespace, metadata.name)
                changed |= self._references.put(identity, self._names(gateway))
        if changed:
            self._named.want(self._references.names, self._references.over, group)
        for identity, resource in [*pending.items()]:
            if resource is not None and self.leading.is_set() and self._must_wait(identity, resource.value):
                self._world.hold(identity)
                self._held[identity] = None

    def _must_wait(self, identity: Identity, value: Object) -> bool:
        """Say whether an object is to be as it was for now, because it names what is not known yet.

        A new policy does not wait: refused for a moment is better than open for one.
        """
        if isinstance(value, model.TrafficPolicy) and self._world.resources.get(*identity) is None:
            return False
        names = self._names(value)
        if isinstance(value, model.GatewayClass):
            gateways = self._world.all(model.Gateway)
            of_class = [each for each in gateways if each.spec.gateway_class_name == value.metadata.name]
            names = names.union(*(self._names(gateway) for gateway in of_class))
        return not self._settled(names)

    def _settled(self, names: Iterable[Name]) -> bool:
        return all(self._named.settled(name) for name in names)

    def _names(self, value: Object | None) -> frozenset[Name]:
        if value is None or (isinstance(value, model.Gateway) and not self._ours(value.spec.gateway_class_name)):
            return frozenset()
        if isinstance(value, model.GatewayClass) and value.spec.controller_name != CONTROLLER:
            return frozenset()
        return references.of(value, self._grants)

    def _ours(self, class_name: str) -> bool:
        held = self._world.held(model.GatewayClass, "", class_name)
        return held is not None and held.value.spec.controller_name == CONTROLLER

    def _turn(self) -> None:
        changed = self._world.take()
        if changed:
            self._translate(changed)
            self._collector.worked()
        for kind, namespace, name in self._world.stated():
            if kind in _STATED:
                self.statuses.add(ObjectKey(_STATED[kind], namespace, name))
        self._retell()
        unsaid, self._unsaid = self._unsaid, set()
        self.statuses.add_all(unsaid)

    def _retell(self) -> None:
        """Say at the objects that name something what has come to be known of its watch."""
        retold = self._named.retold()
        for name, why in retold.items():
            if why:
                self._log.warning("what is named is not watched", object=str(name), error=why)
        if retold:
            for kind, namespace, found in self._references.naming(frozenset(retold)):
                self.statuses.add(ObjectKey(_STATED[kind], namespace, found))

    def _translate(self, changed: tuple[Identity, ...]) -> None:
        began = time.perf_counter()
        outcome = self._translator.update(self._world.resources, changed)
        translation, before = outcome.translation, self._translation
        self._translation = translation
        self.metrics.count("agw_controller_translations_total")
        self.metrics.count("agw_controller_translation_seconds_total", time.perf_counter() - began)
        for kind, _, _ in changed:
            self.metrics.count("agw_controller_changes_total", kind=kind.__name__)
        gateways: Iterable[str] = translation.changed
        restated: Iterable[ObjectKey] = translation.restated
        if outcome.whole:
            gateways = before.snapshots.keys() | translation.snapshots.keys()
            restated = before.statuses.keys() | translation.statuses.keys()
        for gateway in gateways:
            keys = None if outcome.whole else translation.changed[gateway]
            self._publish(gateway, translation.snapshots.get(gateway), keys)
        self._provision(translation, changed)
        self.statuses.add_all(restated)
        for identity in changed:
            self._faults.pop(identity, None)
        for identity, error in outcome.failed.items():
            self._stumbled(identity, f"{type(error).__name__}: {error}", closed=identity in outcome.closed)

    def _stumbled(self, identity: Identity, why: str, *, closed: bool) -> None:
        key = ObjectKey(identity[0].__name__, *identity[1:])
        if not closed:
            self._faults[identity] = f"translation failed: {why}"
            if key.kind in _TYPES:
                self.statuses.add(key)
        self._tell_unusable(key, why, closed=closed)

    def _publish(self, gateway: str, entries: Mapping[str, Entry] | None, changed: frozenset[str] | None) -> None:
        if entries is None:
            self._publisher.remove(gateway)
            self.refusals.forget(gateway)
            self._refused.pop(gateway, None)
        else:
            self._publisher.publish(gateway, entries, changed)
            self.metrics.count("agw_controller_published_total")

    def _provision(self, translation: Translation, changed: tuple[Identity, ...]) -> None:
        """Have data planes made; and have those looked at that may be another controller's by what has changed.

        A class may come long after the Gateways that name it.
        """
        self.provisioner.want(translation.infrastructure)
        if any(kind is model.GatewayClass for kind, _, _ in changed):
            self.provisioner.look(self.provisioner.gateways())
        else:
            self.provisioner.look(f"{space}/{name}" for kind, space, name in changed if kind is model.Gateway)

    def _theirs(self, ref: str) -> bool:
        """Say whether a Gateway exists still and is another controller's.

        A class that is gone says nothing about whose the Gateway is: its data plane serves on, as without a controller.
        """
        namespace, _, name = ref.partition("/")
        gateway = self._world.held(model.Gateway, namespace, name)
        if gateway is None:
            return False
        of_class = self._world.held(model.GatewayClass, "", gateway.value.spec.gateway_class_name)
        return of_class is not None and of_class.value.spec.controller_name != CONTROLLER

    def _tell_unreadable(self) -> None:
        for kind, namespace, name in self._world.newly_unreadable():
            why = self._world.unreadable.get((kind, namespace, name))
            if why is not None:
                held = self._world.held(kind, namespace, name)
                closed = held is not None and bool(held.refusal)
                self._tell_unusable(ObjectKey(kind.__name__, namespace, name), why, closed=closed)

    def _tell_unusable(self, key: ObjectKey, why: str, *, closed: bool) -> None:
        consequence = "requests that it is about are refused" if closed else "it stays as it was before"
        self._log.error(f"an object cannot be used: {consequence}", object=str(key), error=why)
        self._record(key, events.UNREADABLE, why, warning=True)

    # Statuses

    def _gateway_stands_otherwise(self, ref: str) -> None:
        namespace, _, name = ref.partition("/")
        self.statuses.add(ObjectKey("Gateway", namespace, name))

    async def _write_status(self, key: ObjectKey) -> None:
        kind = _TYPES[key.kind]
        held = self._known(key)
        if held is None:
            self.statuses.forget(key)
            return
        if not held.blank and not self._settled(self._names(held.value)):
            self._unsaid.add(key)  # what could be said now would be taken back at once
            return
        desired = self._desired(key, held)
        write = statuses.plan(key.kind, desired, held.status, _now())
        if write is None:
            return
        resource, where = self._resources[kind], Key(key.namespace, key.name)
        try:
            if write.apply:
                body = {"metadata": {"uid": held.value.metadata.uid}, "status": write.status}
                answer = await self._client.apply(resource, where, body, subresource="status")
            else:
                body = {"metadata": {"resourceVersion": held.version}, "status": write.status}
                answer = await self._client.patch(resource, where, body, subresource="status")
        except NotFound:
            return  # gone meanwhile: the watch will say so
        self.metrics.count("agw_controller_status_writes_total", kind=key.kind, result="ok")
        for happened in events.of_write(key, held, write.status):
            self._around.recorder.record(happened)
        if not write.apply:
            self._world.written(kind, where, held, written(answer, held))
            return
        new = reader(kind, resource.api_version)(answer)
        if (new.value, new.refusal) == (held.value, held.refusal):
            self._world.written(kind, where, held, written(answer, held))
        elif self._known(key) is held:
            # What the write answers is newer than what is known; without it the next look would write again.
            self._world.apply(kind, Batch(restart=False, applied={where: new}, deleted=frozenset(), failed={}))
            self._wake.set()

    def _status_failed(self, key: ObjectKey, error: Exception) -> None:
        self.metrics.count("agw_controller_status_writes_total", kind=key.kind, result=type(error).__name__)
        tell = self._log.debug if getattr(error, "retry", False) else self._log.warning
        tell("a status cannot be written", object=str(key), error=str(error) or type(error).__name__)

    def _desired(self, key: ObjectKey, held: Held[Any]) -> Status | None:
        status = self._translation.statuses.get(key)
        if isinstance(status, GatewayStatus):
            status = self._completed(f"{key.namespace}/{key.name}", status, held.value.metadata.generation)
        if status is not None and not held.blank and (unwatched := self._named.unwatched):
            said = {str(name): unwatched[name] for name in self._names(held.value) if name in unwatched}
            status = refusals.explained(status, said) if said else status
        why = held.refusal if held.blank else self._faults.get((_TYPES[key.kind], key.namespace, key.name), "")
        return refusals.status(key.kind, held, status, why) if why else status

    def _known(self, key: ObjectKey) -> Held[Any] | None:
        """Return an object as the server has it, whether or not it can be used."""
        kind = model.KINDS[key.kind].type
        refused = self._world.refused(kind, key.namespace, key.name)
        return refused if refused is not None else self._world.held(kind, key.namespace, key.name)

    def _completed(self, ref: str, status: GatewayStatus, generation: int) -> GatewayStatus:
        """Add to a Gateway's status what only its data plane can tell."""
        standing = self.provisioner.standing(ref, generation)
        if standing is None:
            return replace(status, addresses=self.provisioner.addresses(ref))  # refused: what there is serves on
        programmed = standing.programmed
        if ref in self._refused:
            said = f"the configuration is not in force: {self._refused[ref]}"
            programmed = Condition("Programmed", FALSE, "Invalid", said, generation)
        conditions = tuple(programmed if item.type == "Programmed" else item for item in status.conditions)
        return replace(status, conditions=conditions, addresses=standing.addresses)

    def _record(self, key: ObjectKey, reason: str, said: str, *, warning: bool = False) -> None:
        uid = events.uid_of(self._known(key))
        self._around.recorder.record(events.Happened(key, uid, reason, said, warning))

    def _gauges(self) -> Gauges:
        return {
            "agw_controller_leader": {"": float(self.leading.is_set())},
            "agw_controller_data_planes": {"": float(self._publisher.count())},
            "agw_controller_objects": {kind.__name__: float(self._world.count(kind)) for kind in self._resources},
            "agw_controller_pending": {"status": len(self.statuses), "provision": len(self.provisioner.queue)},
            "agw_controller_unreadable": {"": float(len(self._world.unreadable))},
        }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
