"""How long to wait before trying again: exponential, bounded, and with jitter.

The jitter is so that the clients of a server that comes back do not all come back at once.

A value with no clock and no randomness of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Backoff:
    """first, longest: seconds. failures: in a row, so far."""

    first: float = 0.2
    longest: float = 5.0
    failures: int = 0

    def failed(self) -> Backoff:
        """One failure more."""
        return replace(self, failures=self.failures + 1)

    def succeeded(self) -> Backoff:
        """From the beginning."""
        return replace(self, failures=0)

    def delay(self, chance: float, at_least: float = 0) -> float:
        """Seconds to wait after the failures so far. chance: 0 to 1, random. at_least: what the server asked for."""
        if not self.failures:
            return at_least
        # Half of it is certain, so that a low chance does not hammer; the doubling is bounded against overflow.
        whole = min(self.longest, self.first * 2.0 ** min(self.failures - 1, 30))
        return max(at_least, whole / 2 + whole / 2 * chance)
