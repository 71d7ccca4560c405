"""Types of the compiled key set."""

from collections.abc import Iterable
from typing import Self, final

from agw.snapshot.model import Credential

@final
class KeySet:
    """The keys of one credential set, looked up by digest in constant time. A set without keys lets nobody in.

    Where two consumers have one key, the first by name is who it is; a digest that is not 32 bytes lets nobody in.
    """

    @property
    def size(self) -> int:
        """Number of distinct keys."""

    def __new__(cls, credentials: Iterable[Credential] = ()) -> Self: ...
    def consumer(self, index: int) -> str:
        """Name the consumer at an index that a lookup gave. Raises IndexError for any other."""

    def lookup(self, key: bytes) -> str | None:
        """Find the consumer whose key this is, or None."""

    def bench_lookup(self, keys: list[bytes], rounds: int) -> int:
        """Look every key up, rounds times, with no Python call per key; count the hits. For benchmarks."""
