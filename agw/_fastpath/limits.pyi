"""Types of rate limits in shared memory, as the supervisor and tests see them."""

from mmap import mmap
from typing import Final, final

from agw.snapshot.model import Limit

BUCKETS: Final[int]
"""How many clients, contexts and the like can be counted at once, over all limits of a pod."""

LONGEST: Final[int]
"""ns: no bucket takes longer to be full."""

LIMITS_SIZE: Final[int]
"""Bytes of the memory for that."""

SHARED_LIMITS_SIZE: Final[int]
"""Bytes of the memory for those."""

def own_memory(size: int = ...) -> bytearray:
    """Make such memory for a process that shares it with nobody."""

def prepare(memory: memoryview | bytearray | mmap) -> None:
    """Make fresh memory (zeros) ready for `Buckets`: it gets the secret that all who share it hash with."""

@final
class Limits:
    """The limits of a policy, compiled. policy: value of the RateLimit-Policy field of answers."""

    entries: tuple[Limit, ...]
    by_operation: bool
    by_context: bool
    policy: bytes

@final
class Buckets:
    """Buckets in memory that processes share. Raises ValueError where it is too little for a set of them.

    shared: those of limits over pods, of which a store is told.
    """

    def __new__(cls, memory: memoryview | bytearray, shared: bool = False) -> Buckets: ...
    def agree(self, secret: bytes) -> None:
        """Hash with the secret that all pods have, 32 bytes: what was counted before is forgotten."""
    def reach(self, until_ns: int) -> None:
        """The store was reached, and counts as reachable until then (CLOCK_MONOTONIC)."""
    def collect(self) -> list[tuple[int, int]]:
        """Give what was spent and was not collected yet: tag of the bucket, ns."""
    def settle(self, tag: int, ahead_ns: int, now_ns: int) -> None:
        """Take over how far all pods together are ahead in a bucket; what was spent since the collection comes on top."""
    def try_take(self, entry: Limit, subject: str, now_ns: int) -> int:
        """Take one: ns until the bucket is full again, or how long there is no room, negative. For tests."""
    def try_give_back(self, entry: Limit, subject: str, now_ns: int) -> None:
        """Give back what was taken in vain. For tests."""
