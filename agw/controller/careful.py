"""Translation that one object cannot stop.

Why: translation never raises for what a user wrote; but a fault in it would, and an object that meets that fault would
take a whole cluster's configuration with it, again at every start. Here such an object is found and left as it was.

Rules: the plain case costs nothing. After a fault everything is translated from what was good, and the changes one by
one; those that fail stay as they were until they change again. But a policy or a Backend that fails is closed
(`agw.resources.strict.stand_in`): left out, its targets would be open.

Must not: hide a fault; each one is handed back with its object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agw.controller.world import Identity
from agw.resources import strict
from agw.resources.agentgateway import Backend, TrafficPolicy
from agw.resources.meta import Object
from agw.resources.objects import Resource, ResourceSet
from agw.translate import Translation, Translator
from agw.translate.hosts import CLUSTER_LOCAL


@dataclass(frozen=True, slots=True)
class Outcome:
    """whole: `changed` and `restated` of the translation do not tell all.

    failed: objects that cannot be translated; they stay as they were, but for those `closed`, which have a stand-in.
    """

    translation: Translation
    whole: bool = False
    failed: dict[Identity, Exception] = field(default_factory=dict)
    closed: frozenset[Identity] = frozenset()


class CarefulTranslator:
    """Translates one set after another, and knows the last one that was good."""

    def __init__(self, domain: str = CLUSTER_LOCAL) -> None:
        """Start with no objects. domain: of the cluster's own DNS names."""
        self._domain = domain
        self._translator = Translator(in_cluster=True, domain=domain)
        self._good = ResourceSet()

    def update(self, resources: ResourceSet, changed: Iterable[Identity]) -> Outcome:
        """Translate the next set. changed: all identities that may differ from the last one."""
        changed = tuple(changed)
        # What failed before and did not change since is not among them, so that it stays as it is in the good set.
        candidate = self._good.replacing({identity: resources.get(*identity) for identity in changed})
        try:
            translation = self._translator.update(candidate, changed)
        except Exception:  # noqa: BLE001 - whatever the fault is, it is looked for below
            return self._one_by_one(resources, changed)
        self._good = candidate
        return Outcome(translation)

    def _one_by_one(self, resources: ResourceSet, changed: tuple[Identity, ...]) -> Outcome:
        translation = self._begin_again()
        failed: dict[Identity, Exception] = {}
        closed: set[Identity] = set()
        for identity in changed:
            resource = resources.get(*identity)
            try:
                translation = self._try(identity, resource)
            except Exception as error:  # noqa: BLE001 - it is handed back
                failed[identity] = error
                translation = self._begin_again()
                closed_one = _closed(resource, error)
                if closed_one is None:
                    continue
                try:
                    translation = self._try(identity, closed_one)
                    closed.add(identity)
                except Exception:  # noqa: BLE001 - then it stays as it was
                    translation = self._begin_again()
        return Outcome(translation, whole=True, failed=failed, closed=frozenset(closed))

    def _try(self, identity: Identity, resource: Resource[Object] | None) -> Translation:
        candidate = self._good.replacing({identity: resource})
        translation = self._translator.update(candidate, (identity,))
        self._good = candidate
        return translation

    def _begin_again(self) -> Translation:
        self._translator = Translator(in_cluster=True, domain=self._domain)
        return self._translator.update(self._good)


def _closed(resource: Resource[Object] | None, error: Exception) -> Resource[Object] | None:
    """Return the stand-in of what is better closed than left out."""
    if resource is None or not isinstance(resource.value, Backend | TrafficPolicy):
        return None
    return Resource(strict.stand_in(resource.value, f"translation failed: {type(error).__name__}: {error}"))
