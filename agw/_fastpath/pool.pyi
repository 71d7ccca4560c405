"""Types of the endpoint pool."""

from collections.abc import Iterable
from typing import Any, Self, final

@final
class Endpoint:
    """One address of a target."""

    address: str
    port: int
    def __new__(cls, address: str, port: int) -> Self: ...

@final
class Bound:
    """A backend's targets with their endpoints."""

    def __init__(self, targets: list[list[Endpoint]], weights: list[int]) -> None: ...

@final
class Pool:
    """The endpoints of a worker."""

    endpoints: dict[tuple[str, int], Endpoint]
    def __new__(cls) -> Self: ...
    def bind(self, backends: Iterable[Any]) -> None:
        """Give each backend its endpoints; forget those that none uses."""
