"""Who may come in: how many connections there may be, and how often a peer may be refused.

Why: whoever reaches the port can open connections, and each Hello costs the API server a TokenReview. So strangers are
few at a time, fewer of one address, and an address whose Hellos are refused again and again waits.

Pure: the clock is passed in. Must not: remember more addresses than `MAX_PEERS`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

MAX_PEERS = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """connections: in all. of_one_account: of one ServiceAccount, which is one Gateway's, each pod counted once.

    strangers, strangers_of_one: that have not proved who they are, in all and of one address.
    refusals: of one address within `window` seconds; after that many it is refused unseen.
    hello: seconds for the handshake and a Hello. review: seconds until it is known whose token it is.
    """

    connections: int = 4096
    of_one_account: int = 1024
    strangers: int = 512
    strangers_of_one: int = 64
    refusals: int = 20
    window: float = 60.0
    hello: float = 10.0
    review: float = 10.0


class Doorman:
    """Counts connections and refusals by address."""

    def __init__(self, limits: Limits) -> None:
        """Begin with nobody."""
        self._limits = limits
        self._inside = 0
        self._strangers: Counter[str] = Counter()
        self._refused: OrderedDict[str, tuple[int, float]] = OrderedDict()  # address -> how often, since when

    def admit(self, peer: str) -> bool:
        """Count a connection that came, as a stranger; False where it is one too many."""
        limits = self._limits
        strangers = self._strangers.total()
        if (
            self._inside + strangers >= limits.connections
            or strangers >= limits.strangers
            or self._strangers[peer] >= limits.strangers_of_one
        ):
            return False
        self._strangers[peer] += 1
        return True

    def prove(self, peer: str) -> None:
        """Take a stranger for somebody from now on."""
        self._forget_stranger(peer)
        self._inside += 1

    def leave(self, peer: str, *, proved: bool) -> None:
        """Count a connection that went."""
        if proved:
            self._inside -= 1
        else:
            self._forget_stranger(peer)

    def _forget_stranger(self, peer: str) -> None:
        self._strangers[peer] -= 1
        if self._strangers[peer] <= 0:
            del self._strangers[peer]

    def refuse(self, peer: str, now: float) -> None:
        """Count a Hello that was refused."""
        count, since = self._refused.pop(peer, (0, now))
        if now - since >= self._limits.window:
            count, since = 0, now
        self._refused[peer] = (count + 1, since)
        if len(self._refused) > MAX_PEERS:
            self._refused.popitem(last=False)

    def waits(self, peer: str, now: float) -> bool:
        """Say whether the address was refused so often that it has to wait."""
        count, since = self._refused.get(peer, (0, now))
        return count >= self._limits.refusals and now - since < self._limits.window
