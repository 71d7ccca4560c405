"""Values computed from values, kept, and computed again only where something that they read has changed.

Why: at 5,000 routes, one changed route must cost about what it costs at 50. Every step of translation is a pure
function that reads other values through `ask`; what it read is recorded, so a change finds exactly whom it concerns,
and a step that gives an equal value again stops the change from spreading.

    inputs (rank 0) --> queries of rank 1 --> ... --> queries of rank n        a query asks only lower ranks

Rules: queries are pure and ask only lower ranks, so that one pass in rank order settles everything. Values are frozen
and comparable. A query that nobody asks any more, and that is no root, is dropped.

Must not: know what the values mean.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, eq=False, slots=True)
class Input(Generic[T_co]):
    """A value from outside. default: what is read where none was given."""

    name: str
    default: T_co
    rank: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Query(Generic[T_co]):
    """A value computed by `compute(ask, *arguments)`. rank: above that of everything that compute asks."""

    name: str
    rank: int
    compute: Callable[..., T_co]


Key: TypeAlias = tuple[Any, ...]
"""(Input or Query, *arguments); arguments are text or numbers."""


class Ask(Protocol):
    """How a query reads another value."""

    def __call__(self, source: Input[T] | Query[T], *arguments: str | int) -> T:
        """Give the value, and remember that it was read."""


@dataclass(slots=True)
class _Node:
    value: Any
    reads: dict[Key, None] = field(default_factory=dict)
    readers: dict[Key, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What an update did to one query's value. None: it was not, or is no more."""

    old: Any
    new: Any


class _Queue:
    """Queries to settle, each once, the lowest rank first."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Key]] = []
        self._queued: set[Key] = set()

    def push(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key not in self._queued:
                self._queued.add(key)
                heapq.heappush(self._heap, (key[0].rank, len(self._queued), key))

    def pop(self) -> Key | None:
        return heapq.heappop(self._heap)[2] if self._heap else None


class Graph:
    """All values, and who read what."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._inputs: dict[Key, Any] = {}
        self._nodes: dict[Key, _Node] = {}
        self._roots: set[Key] = set()
        self._changed: dict[Key, Any] = {}
        self._loose: set[Key] = set()

    def update(
        self, inputs: Mapping[Key, Any], *, add: Iterable[Key] = (), remove: Iterable[Key] = ()
    ) -> dict[Key, Change]:
        """Take changed inputs and roots, settle, and give every query whose value changed.

        inputs: new values of inputs, None where the default holds again. add, remove: queries that are kept even where
        nobody asks for them.
        """
        self._changed = {}
        queue = _Queue()
        for key, value in inputs.items():
            if self._set_input(key, value):
                queue.push(self._nodes[key].readers)
        for key in remove:
            self._roots.discard(key)
            self._loose.add(key)
        for key in add:
            self._roots.add(key)
            if key not in self._nodes:
                queue.push((key,))
        while (due := queue.pop()) is not None:
            if self._settle(due):
                queue.push(self._nodes[due].readers)
        self._sweep()
        return self._report()

    def _set_input(self, key: Key, value: object) -> bool:
        """Store an input; True where someone has read it and it differs."""
        if value is None:
            self._inputs.pop(key, None)
        else:
            self._inputs[key] = value
        node = self._nodes.get(key)
        if node is None:
            return False
        old, node.value = node.value, key[0].default if value is None else value
        return bool(old != node.value)

    def _settle(self, key: Key) -> bool:
        """Compute a query, new or again; True where its value differs."""
        node = self._nodes.get(key)
        if node is None:
            self._create(key)
            return False  # whoever asks for it now reads it fresh
        if not node.readers and key not in self._roots:
            self._loose.add(key)
            return False
        value, reads = self._compute(key)
        for gone in node.reads.keys() - reads.keys():
            self._nodes[gone].readers.pop(key, None)
            self._loose.add(gone)
        node.reads = reads
        if value == node.value:
            return False
        self._changed.setdefault(key, node.value)
        node.value = value
        return True

    def _create(self, key: Key) -> _Node:
        if isinstance(key[0], Input):
            node = _Node(self._inputs.get(key, key[0].default))
        else:
            value, reads = self._compute(key)
            node = _Node(value, reads)
            self._changed.setdefault(key, None)
            self._loose.add(key)
        self._nodes[key] = node
        return node

    def _compute(self, key: Key) -> tuple[Any, dict[Key, None]]:
        reads: dict[Key, None] = {}
        nodes = self._nodes

        def ask(source: Input[T] | Query[T], *arguments: str | int) -> T:
            read = (source, *arguments)
            node = nodes.get(read)
            if node is None:
                node = self._create(read)
            reads[read] = None
            node.readers[key] = None
            return node.value  # type: ignore[no-any-return]

        return key[0].compute(ask, *key[1:]), reads

    def _sweep(self) -> None:
        """Drop what nobody reads any more, and what only that read."""
        if not self._loose:
            return
        while self._loose:
            key = self._loose.pop()
            node = self._nodes.get(key)
            if node is None or node.readers or key in self._roots:
                continue
            del self._nodes[key]
            if isinstance(key[0], Query):
                self._changed.setdefault(key, node.value)
            for read in node.reads:
                self._nodes[read].readers.pop(key, None)
                self._loose.add(read)
        self._loose = set()  # one that was large once is slow to pop from for ever

    def _report(self) -> dict[Key, Change]:
        report = {}
        for key, old in self._changed.items():
            node = self._nodes.get(key)
            new = None if node is None else node.value
            if old is not new:
                report[key] = Change(old, new)
        self._changed = {}
        return report
