"""Types of the table of owners."""

from typing import final

def owners_size(ids: int) -> int:
    """Bytes of a table that has places for so many ids at least."""

def prepare_owners(memory: bytearray | memoryview) -> None:
    """Make a table of zeroed memory of `owners_size` bytes; once, before anybody uses it."""

@final
class Owners:
    """Which endpoint owns a task or a context. memory: prepared, writable, shared by all who are to agree."""

    def __new__(cls, memory: bytearray | memoryview) -> Owners: ...
    @property
    def capacity(self) -> int:
        """Ids that it has places for."""
    def owner(self, backend: str, named: bytes, tick: int) -> int | None:
        """Its owner (Endpoint.spot), None where that is not known. For tests."""
    def note(self, backend: str, named: bytes, owner: int, tick: int) -> int:
        """Learn an owner; 0: it was known, 1: it was not, 2: it was another. For tests."""
