"""A decoded object with its source, and the set of all of them.

This is what every source of configuration (files, a cluster, a test) yields and what translation takes.

Rules: everything is frozen. A source that loads again gives the same `Resource` for what did not change, so `is` tells
what did; where only the lines above an object changed, its `value` is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

from agw.errors import Position
from agw.resources.meta import Object

Identity: TypeAlias = tuple[type[Object], str, str]
"""(type, namespace, name) of an object."""

T = TypeVar("T", bound=Object)
T_co = TypeVar("T_co", bound=Object, covariant=True)


class Source:
    """Where an object came from; this base is nowhere (a cluster, a test)."""

    __slots__ = ()
    file: str = ""
    document: int = 0

    def position_of(self, path: str = "$") -> Position:  # noqa: ARG002 - the base has no positions
        """Position of the field at the JSON path, or of the deepest part of the path that is written."""
        return Position()


NOWHERE = Source()


@dataclass(frozen=True, slots=True, eq=False)
class Resource(Generic[T_co]):
    """An object and its source. Compared by identity."""

    value: T_co
    source: Source = NOWHERE

    @property
    def kind(self) -> str:
        """Kind of the object."""
        return type(self.value).__name__

    @property
    def namespace(self) -> str:
        """Its namespace, "" for cluster-scoped kinds."""
        return self.value.metadata.namespace

    @property
    def name(self) -> str:
        """Its name."""
        return self.value.metadata.name

    def __str__(self) -> str:
        """`Kind namespace/name`."""
        namespace = self.namespace
        return f"{self.kind} {namespace}/{self.name}" if namespace else f"{self.kind} {self.name}"


class ResourceSet:
    """All objects, by kind, namespace and name. Frozen; iteration is by kind as first met, then namespace and name."""

    __slots__ = ("_by_kind", "_ordered")

    def __init__(self, resources: Iterable[Resource[Object]] = ()) -> None:
        """Take the objects; of two of the same identity the first stays (sources report the second)."""
        self._by_kind: dict[type[Object], dict[tuple[str, str], Resource[Object]]] = {}
        self._ordered: dict[type[Object], tuple[Resource[Object], ...]] = {}
        for resource in resources:
            metadata = resource.value.metadata
            same = self._by_kind.setdefault(type(resource.value), {})
            same.setdefault((metadata.namespace, metadata.name), resource)

    @classmethod
    def of_values(cls, *values: Object) -> ResourceSet:
        """Make a set of bare values, with no positions: for tests and for sources that are no text."""
        return cls(Resource(value) for value in values)

    def get(self, kind: type[T], namespace: str, name: str) -> Resource[T] | None:
        """Return the object of that identity, or None. namespace: "" for cluster-scoped kinds."""
        return cast("Resource[T] | None", self._by_kind.get(kind, {}).get((namespace, name)))

    def of(self, kind: type[T]) -> tuple[Resource[T], ...]:
        """All objects of the kind, by namespace and name."""
        found = self._ordered.get(kind)
        if found is None:
            same = self._by_kind.get(kind, {})
            found = self._ordered[kind] = tuple(same[key] for key in sorted(same))
        return cast("tuple[Resource[T], ...]", found)

    def changed_since(self, previous: ResourceSet) -> tuple[Identity, ...]:
        """Identities (kind, namespace, name) that were added, removed or read anew since the previous set."""
        changed: list[Identity] = []
        for kind in dict.fromkeys((*previous._by_kind, *self._by_kind)):
            before, now = previous._by_kind.get(kind, {}), self._by_kind.get(kind, {})
            changed += [(kind, *key) for key, resource in now.items() if before.get(key) is not resource]
            changed += [(kind, *key) for key in before if key not in now]
        return tuple(changed)

    def replacing(self, changes: Mapping[Identity, Resource[Object] | None]) -> ResourceSet:
        """Return this set with objects put in by identity, or taken out (None).

        Kinds that nothing concerns are shared; a map of one that changes is copied, which costs 5 ns an object.
        """
        changed = ResourceSet()
        changed._by_kind = dict(self._by_kind)
        changed._ordered = dict(self._ordered)
        for kind in {kind for kind, _, _ in changes}:
            changed._by_kind[kind] = dict(self._by_kind.get(kind, {}))
            changed._ordered.pop(kind, None)
        for (kind, namespace, name), resource in changes.items():
            if resource is None:
                changed._by_kind[kind].pop((namespace, name), None)
            else:
                changed._by_kind[kind][namespace, name] = resource
        return changed

    def __iter__(self) -> Iterator[Resource[Object]]:
        """All objects."""
        for kind in self._by_kind:
            yield from self.of(kind)

    def __len__(self) -> int:
        """How many objects."""
        return sum(map(len, self._by_kind.values()))

    def __contains__(self, resource: object) -> bool:
        """Whether this very resource is in the set."""
        return isinstance(resource, Resource) and (
            self.get(type(resource.value), resource.namespace, resource.name) is resource
        )
