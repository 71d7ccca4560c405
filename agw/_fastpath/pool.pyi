"""Types of the endpoint pool. Times are milliseconds of one monotonic clock."""

import logging
from collections.abc import Iterable
from typing import Any, Final, Self, final

from agw._fastpath.budget import RetryBudget
from agw._fastpath.health import Health
from agw._fastpath.poller import Timed

log: logging.Logger

@final
class Endpoint:
    """One address of a target.

    active: exchanges on it now. slots: those that count against Pool.most. spot: who it is to affinity.
    """

    address: Final[str]
    port: Final[int]
    health: Final[Health]
    active: int
    slots: int
    spot: Final[int]
    def __new__(cls, address: str, port: int) -> Self: ...

@final
class BoundTarget:
    """A target with its endpoints."""

    endpoints: Final[list[Endpoint]]
    weight: Final[int]
    def __init__(self, endpoints: list[Endpoint], weight: int) -> None: ...

@final
class Bound:
    """A backend by its key, over all tables."""

    key: Final[str]
    targets: Final[list[BoundTarget]]
    budget: Final[RetryBudget]
    def __init__(self, key: str) -> None: ...
    @property
    def line_length(self) -> int:
        """How many exchanges wait for a slot."""

@final
class Pool(Timed):
    """The endpoints of a worker.

    most: slots of an endpoint, 0 without limit. longest: a backend's line. full: the last pick found endpoints in
    service, but no slot. ejected: endpoints out by what requests met there.
    """

    endpoints: Final[dict[tuple[str, int], Endpoint]]
    most: int
    longest: int
    full: Final[bool]
    ejected: Final[int]
    waiting: Final[int]
    def __new__(cls) -> Self: ...
    def bind(self, backends: Iterable[Any]) -> None:
        """Give each backend its endpoints; what stays the same keeps its connections and counts. Forget the rest."""
    def mark_down(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """Take what active checks found: all (address, port) that are down now."""
    def pick(self, bound: Bound | None, avoid: Endpoint | None, now_ms: int) -> Endpoint | None:
        """An endpoint of the backend, or None: then `full` tells whether waiting helps."""
    def failed(self, endpoint: Endpoint, kind: int, now_ms: int) -> int:
        """An endpoint has failed a request by a fault of its own. kind: as in Health."""
    def reached(self, endpoint: Endpoint, now_ms: int) -> int:
        """A connection to an endpoint stands that is not `quiet`."""
    def succeeded(self, endpoint: Endpoint, now_ms: int) -> int:
        """An endpoint has answered that is not `quiet`."""
