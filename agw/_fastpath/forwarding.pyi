"""Types of the rules of forwarding."""

from collections.abc import Iterable, Sequence
from typing import final

@final
class Forwarding:
    """What is believed of clients and told to agents, immutable."""

    def __new__(
        cls,
        trusted_peers: Iterable[str] = (),
        trusted_hops: int = 0,
        *,
        forwarded: bool = False,
        pseudonym: str = "agw",
    ) -> Forwarding:
        """Take CIDRs and a pseudonym for Via, "" for none; raise ValueError for what is malformed."""

    def client_address(self, chain: Sequence[bytes], peer: str, *, trusted: bool = False) -> str:
        """Give the client's address for these X-Forwarded-For fields; for tests."""
