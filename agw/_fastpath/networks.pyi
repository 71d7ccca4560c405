"""Types of the sets of networks."""

from collections.abc import Iterable
from typing import final

@final
class Networks:
    """A set of networks, immutable."""

    size: int
    def __new__(cls, networks: Iterable[str] = ()) -> Networks:
        """Take CIDRs as text; raise ValueError for what is none."""

    def holds(self, address: str) -> bool:
        """Say whether an address is in one of the networks."""
