"""Types of the compiled table."""

from collections.abc import Iterable, Mapping
from typing import Self, final

from agw._fastpath.route import CompiledBackend, CompiledRule
from agw.snapshot.model import Entry

@final
class Table:
    """A compiled snapshot: which rule takes a request. Immutable once compiled."""

    @property
    def version(self) -> int: ...
    @property
    def backends(self) -> dict[str, CompiledBackend]:
        """By entry key."""

    @property
    def rules(self) -> dict[str, CompiledRule]:
        """By entry key."""

    def match(
        self,
        port: int,
        method: bytes,
        host: bytes,
        path: bytes,
        query: bytes | None,
        headers: Iterable[tuple[bytes, bytes]],
    ) -> tuple[str, int] | None:
        """Find (rule key, index of the match in it), or None. host lower-case without port, path normalised.

        query: None where the target has no "?".
        """

    def rule(
        self,
        port: int,
        method: bytes,
        host: bytes,
        path: bytes,
        query: bytes | None,
        headers: Iterable[tuple[bytes, bytes]],
    ) -> CompiledRule | None:
        """Find the compiled rule, with the policy of the attachment that was taken, or None. As match()."""

    def listener(
        self,
        port: int,
        method: bytes,
        host: bytes,
        path: bytes,
        query: bytes | None,
        headers: Iterable[tuple[bytes, bytes]],
    ) -> str | None:
        """Find the key of the listener that the rule is served on, or None. As match()."""

@final
class Lookups:
    """Requests to look up again and again, with no Python call per lookup. For benchmarks.

    requests: the arguments of match() after the port.
    """

    def __new__(
        cls,
        table: Table,
        port: int,
        requests: list[tuple[bytes, bytes, bytes, bytes | None, list[tuple[bytes, bytes]]]],
    ) -> Self: ...
    def bench_lookup(self, rounds: int) -> int:
        """Look up every request, rounds times; count the hits."""

def compile_table(
    entries: Mapping[str, Entry],
    version: int = 0,
    previous: Table | None = None,
    changed: frozenset[str] | None = None,
) -> Table:
    """Compile a snapshot's entries. With previous and the keys that changed, what they do not touch is shared."""
