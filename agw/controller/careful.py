"""Translation that one object cannot stop.

Why: translation never raises for what a user wrote; but a fault in it would, and an object that meets that fault would
take a whole cluster's configuration with it, again at every start. Here such an object is found and left as it was.

Rules: the plain case costs nothing. After a fault everything is translated from what was good, and the changes one by
one; those that fail stay out until they change again.

Must not: hide a fault; each one is handed back with its object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agw.controller.world import Identity
from agw.resources.objects import ResourceSet
from agw.translate import Translation, Translator


@dataclass(frozen=True, slots=True)
class Outcome:
    """whole: `changed` and `restated` of the translation do not tell all. failed: objects that stay as they were."""

    translation: Translation
    whole: bool = False
    failed: dict[Identity, Exception] = field(default_factory=dict)


class CarefulTranslator:
    """Translates one set after another, and knows the last one that was good."""

    def __init__(self) -> None:
        """Start with no objects."""
        self._translator = Translator(in_cluster=True)
        self._good = ResourceSet()

    def update(self, resources: ResourceSet, changed: Iterable[Identity]) -> Outcome:
        """Translate the next set. changed: all identities that may differ from the last one."""
        changed = tuple(changed)
        now = {identity: resources.get(*identity) for identity in changed}
        try:
            translation = self._translator.update(resources, changed)
        except Exception:  # noqa: BLE001 - whatever the fault is, it is looked for below
            return self._one_by_one(resources, changed)
        self._good = self._good.replacing(now)
        return Outcome(translation)

    def _one_by_one(self, resources: ResourceSet, changed: tuple[Identity, ...]) -> Outcome:
        translation = self._begin_again()
        failed: dict[Identity, Exception] = {}
        for identity in changed:
            candidate = self._good.replacing({identity: resources.get(*identity)})
            try:
                translation = self._translator.update(candidate, (identity,))
                self._good = candidate
            except Exception as error:  # noqa: BLE001 - it is handed back
                failed[identity] = error
                translation = self._begin_again()
        return Outcome(translation, whole=True, failed=failed)

    def _begin_again(self) -> Translation:
        self._translator = Translator(in_cluster=True)
        return self._translator.update(self._good)
