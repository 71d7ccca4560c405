"""The cluster as translation sees it: a ResourceSet that follows the watches, and what the server has of statuses.

Rules: each set that is given is frozen, and the next one shares what did not change; an object whose value is equal to
the one that was known stays the same object, so that a write of its status concerns nobody; one of ours is not even
looked at again. Changes are gathered until they are taken. An object that cannot be read keeps the value that it had,
where it has no stand-in: a policy that became unreadable does not unlock its route. That it was refused is known until
the same object comes readable, or goes: what is said of it must not change with what else happens.

Must not: wait, or know how changes come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from agw.controller.decode import Held
from agw.kube import Batch, Key
from agw.resources.meta import Object
from agw.resources.objects import Resource, ResourceSet

T = TypeVar("T", bound=Object)
Identity: TypeAlias = tuple[type[Object], str, str]


@dataclass(slots=True)
class World:
    """All objects. unreadable: why, by identity; there is a stand-in, or the value is an older one, or none."""

    resources: ResourceSet = field(default_factory=ResourceSet)
    unreadable: dict[Identity, str] = field(default_factory=dict)
    _refused: dict[Identity, Held[Any]] = field(default_factory=dict)  # those without even a stand-in
    _held: dict[type[Object], dict[Key, Held[Any]]] = field(default_factory=dict)
    _changed: dict[Identity, Resource[Object] | None] = field(default_factory=dict)
    _stated: set[Identity] = field(default_factory=set)
    _news: list[Identity] = field(default_factory=list)

    def held(self, kind: type[Object], namespace: str, name: str) -> Held[Any] | None:
        """Return what the server has of an object, as far as is known."""
        return self._held.get(kind, {}).get(Key(namespace, name))

    def refused(self, kind: type[Object], namespace: str, name: str) -> Held[Any] | None:
        """Return what the server has of an object of which nothing can be used."""
        return self._refused.get((kind, namespace, name))

    def all(self, kind: type[T]) -> Iterator[T]:
        """Give all objects of a kind, as the server has them."""
        return (held.value for held in self._held.get(kind, {}).values())

    def count(self, kind: type[Object]) -> int:
        """Count the objects of a kind."""
        return len(self._held.get(kind, {}))

    def apply(self, kind: type[Object], batch: Batch[Held[Any]], *, scope: frozenset[Key] | None = None) -> None:
        """Take what a watch says. scope: the keys that its restarts speak of, None for the whole kind."""
        held = self._held.setdefault(kind, {})
        gone = set(batch.deleted)
        if batch.restart:
            unreadable = {Key(namespace, name) for of, namespace, name in self.unreadable if of is kind}
            known = held.keys() | unreadable
            gone |= (known if scope is None else known & scope) - batch.applied.keys() - batch.failed.keys()
        for key in gone:
            self._drop(kind, held, key)
        for key, why in batch.failed.items():
            self._tell(kind, key, why)
        for key, new in batch.applied.items():
            if new.blank:
                self._refuse(kind, key, new)
            else:
                self._put(kind, held, key, new)

    def _drop(self, kind: type[Object], held: dict[Key, Held[Any]], key: Key) -> None:
        self.unreadable.pop((kind, *key), None)
        self._refused.pop((kind, *key), None)
        if held.pop(key, None) is not None:
            self._changed[(kind, *key)] = None

    def _tell(self, kind: type[Object], key: Key, why: str) -> None:
        """Keep why an object is unreadable; it is news where it was not, or for another reason."""
        if self.unreadable.get((kind, *key)) != why:
            self._news.append((kind, *key))
        self.unreadable[(kind, *key)] = why

    def _refuse(self, kind: type[Object], key: Key, new: Held[Any]) -> None:
        old = self._refused.get((kind, *key))
        self._tell(kind, key, new.refusal)
        if old is None or (old.status, old.refusal, old.value) != (new.status, new.refusal, new.value):
            self._stated.add((kind, *key))
        self._refused[(kind, *key)] = new

    def _put(self, kind: type[Object], held: dict[Key, Held[Any]], key: Key, new: Held[Any]) -> None:
        if new.refusal:
            self._tell(kind, key, new.refusal)
        else:
            self.unreadable.pop((kind, *key), None)
        refused = self._refused.pop((kind, *key), None)
        old = held.get(key)
        if old is not None and old.value == new.value:
            new = Held(old.value, new.version, new.status, new.refusal)
        else:
            self._changed[(kind, *key)] = Resource(new.value)
        if old is None or refused is not None or old.status != new.status or old.value is not new.value:
            self._stated.add((kind, *key))
        held[key] = new

    def written(self, kind: type[Object], key: Key, before: Held[Any], after: Held[Any]) -> None:
        """Take what a write of ours has made of an object, unless a watch has told of it, or of more, already.

        It is what was wanted, so there is nothing to look at again: not now, and not when the watch tells the same.
        """
        held = self._held.get(kind, {})
        if held.get(key) is before:
            held[key] = after
        elif self._refused.get((kind, *key)) is before:
            self._refused[(kind, *key)] = after

    def forget(self, kind: type[Object], keys: frozenset[Key]) -> None:
        """Drop objects that nobody watches any more."""
        held = self._held.get(kind, {})
        for key in keys:
            self._drop(kind, held, key)

    @property
    def pending(self) -> Mapping[Identity, Resource[Object] | None]:
        """Changes that are gathered, and not in `resources` yet; None: gone."""
        return self._changed

    def hold(self, identity: Identity) -> Resource[Object] | None:
        """Take a change out of those that are gathered, for later."""
        return self._changed.pop(identity)

    def resume(self, identity: Identity) -> None:
        """Put an object among the changes again, as it is now."""
        kind, namespace, name = identity
        held = self.held(kind, namespace, name)
        self._changed[identity] = Resource(held.value) if held is not None else None

    def take(self) -> tuple[Identity, ...]:
        """Bring `resources` up to date; return what differs from before."""
        changes, self._changed = self._changed, {}
        if changes:
            self.resources = self.resources.replacing(changes)
        return tuple(changes)

    def stated(self) -> frozenset[Identity]:
        """Objects that came, or whose status or value the server has otherwise, since the last time."""
        stated, self._stated = frozenset(self._stated), set()
        return stated

    def newly_unreadable(self) -> tuple[Identity, ...]:
        """Objects that could not be read, or for another reason than before, since the last time."""
        news, self._news = tuple(self._news), []
        return news
