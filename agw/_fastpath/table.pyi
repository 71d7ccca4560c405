"""Types of the compiled table."""

from collections.abc import Mapping

from agw.snapshot.model import Entry

class Table:
    """A compiled snapshot: which rule takes a request. Immutable once compiled."""

    version: int

    def match(
        self, port: int, method: bytes, host: bytes, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
    ) -> tuple[str, int] | None:
        """(rule key, index of the match in it), or None. host lower-case without port, path normalised."""

def compile_table(
    entries: Mapping[str, Entry], version: int = 0, previous: Table | None = None, changed: frozenset[str] | None = None
) -> Table:
    """Compile a snapshot's entries. With previous and the keys that changed, what they do not touch is shared."""
