"""Whose the GatewayClasses of our controllerName are: one installation of a cluster works, any other stands aside.

Why: a controllerName stands for one controller (Gateway API, GatewayClassSpec). Two installations would both provision
every Gateway, by the same names, and take each other's entries out of the statuses of routes, for ever. So each class
says by a label which installation it belongs to, named by the namespace that the controller runs in.

Rules: a class without the label is claimed: it gets ours, at the very version that was seen, so that of two who try one
is refused. It is nobody's until then. While any class is another installation's, this one does nothing at all but say
so, and wait for the watch. It takes no class away: a person moves one, by its label.

Must not: write anything else, or know what an installation does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing

from agw.controller.decode import Held, reader
from agw.controller.log import Log
from agw.controller.queue import WorkQueue
from agw.kube import Batch, Client, Conflict, Key, NotFound, Resource, Watcher
from agw.resources import model
from agw.translate import CONTROLLER

LABEL = "agentgateway.alibabacloud.com/installation"
"""On a GatewayClass, and on all that is made for Gateways: namespace of the installation's controller."""

HeldClass = Held[model.GatewayClass]


class Ownership:
    """Follows the GatewayClasses for the installation in `namespace`.

    told: called with a class of another installation, and what is wrong, once for each time that we begin to stand
    aside. ours: set while this installation may work, once all classes that there were are claimed. aside: set while
    it may not; `why` says the reason.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        namespace: str,
        told: Callable[[HeldClass, str], None],
        log: Log,
    ) -> None:
        """Watch nothing yet."""
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._told = told
        self._log = log
        self._group: asyncio.TaskGroup | None = None
        self._following: asyncio.Task[None] | None = None
        self._classes: dict[Key, HeldClass] = {}
        self._claims: WorkQueue[Key] = WorkQueue(self._claim, self._failed)
        self.ours = asyncio.Event()
        self.aside = asyncio.Event()
        self.why = ""

    async def run(self) -> None:
        """Follow the classes until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self._claims.run())
            self._following = self._group.create_task(self._follow())

    def use(self, resource: Resource) -> None:
        """Follow the classes in this version from now on."""
        if resource == self._resource:
            return
        self._resource = resource
        if self._group is not None and self._following is not None:
            self._following.cancel()
            self._following = self._group.create_task(self._follow())

    def serves(self, held: HeldClass) -> bool:
        """Say whether a class may be looked at: another controller's may, too, for its Gateways are known not to be ours.

        One of ours may once it is claimed; who else watches may have an older version of it than the claim.
        """
        if not _of_controller(held):
            return True
        owner = owner_of(held)
        if not owner:
            known = self._classes.get(Key("", held.value.metadata.name))
            owner = owner_of(known) if known is not None and _uid(known) == _uid(held) else ""
        return owner == self._namespace

    async def _follow(self) -> None:
        read = reader(model.GatewayClass, self._resource.api_version)
        watcher: Watcher[HeldClass] = Watcher(self._client, self._resource, read)
        async with aclosing(aiter(watcher)) as batches:
            async for batch in batches:
                if batch.restart:
                    self._classes.clear()
                for key in batch.deleted:
                    self._classes.pop(key, None)
                for key, held in batch.applied.items():
                    self._classes[key] = held
                self._decide()

    def _decide(self) -> None:
        others = foreign(self._classes, self._namespace)
        if others:
            self.ours.clear()
            held = others[0]
            why = (
                f"GatewayClass {held.value.metadata.name} belongs to the installation in the namespace"
                f" {owner_of(held)!r}: one installation works in a cluster, and this one, in {self._namespace!r},"
                f" does nothing. Uninstall one of them; the label {LABEL} of the class says whose it is"
            )
            if why != self.why:
                self._log.error("another installation works here: standing aside", error=why)
                self._told(held, why)
            self.why = why
            self.aside.set()
            return
        if self.why:
            self._log.info("no other installation has a GatewayClass any more")
        self.why = ""
        self.aside.clear()
        unclaimed = [key for key, held in self._classes.items() if _of_controller(held) and not owner_of(held)]
        self._claims.add_all(unclaimed)
        if not unclaimed:
            self.ours.set()

    async def _claim(self, key: Key) -> None:
        held = self._classes.get(key)
        if self.why or held is None or not _of_controller(held) or owner_of(held):
            return
        body = {"metadata": {"resourceVersion": held.version, "labels": {LABEL: self._namespace}}}
        try:
            answer = await self._client.patch(self._resource, key, body)
        except (Conflict, NotFound):
            return  # it has changed, or gone: the watch will say so, and then it is looked at again
        self._log.info("GatewayClass claimed", name=key.name, installation=self._namespace)
        if self._classes.get(key) is held:
            self._classes[key] = reader(model.GatewayClass, self._resource.api_version)(answer)
            self._decide()

    def _failed(self, key: Key, error: Exception) -> None:
        self._log.warning("a GatewayClass cannot be claimed", name=key.name, error=str(error) or type(error).__name__)


def foreign(classes: Mapping[Key, HeldClass], namespace: str) -> list[HeldClass]:
    """Return the classes of our controllerName that are another installation's, the oldest first."""
    found = [held for held in classes.values() if _of_controller(held) and owner_of(held) not in {"", namespace}]
    return sorted(found, key=lambda held: (held.value.metadata.creation_timestamp, held.value.metadata.name))


def only_served(batch: Batch[HeldClass], serves: Callable[[HeldClass], bool]) -> Batch[HeldClass]:
    """Return what a watch says without the classes that may not be looked at, which are as if they were gone."""
    hidden = {key for key, held in batch.applied.items() if not serves(held)}
    if not hidden:
        return batch
    applied = {key: held for key, held in batch.applied.items() if key not in hidden}
    return Batch(restart=batch.restart, applied=applied, deleted=batch.deleted | hidden, failed=batch.failed)


def owner_of(held: HeldClass) -> str:
    """Return the namespace of the installation that a class says it belongs to, "" where it says none."""
    return held.value.metadata.labels.get(LABEL, "")


def _of_controller(held: HeldClass) -> bool:
    """Say whether a class is one of ours; whose one is that cannot be read, nobody knows."""
    return not held.blank and held.value.spec.controller_name == CONTROLLER


def _uid(held: HeldClass) -> str:
    return held.value.metadata.uid
