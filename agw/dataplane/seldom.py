"""What clients can bring about as often as they like is logged seldom: once, then once a minute with how often it was.

Must not: grow with traffic, look at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERY = 60.0  # seconds
MOST = 256  # subjects that are remembered; of more the one that was told first is told again


@dataclass(slots=True)
class _Told:
    """at: when, in seconds of a clock that never goes back. since: how often it was not told."""

    at: float
    since: int = 0


class Seldom:
    """Remembers what was told, by subject."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._told: dict[str, _Told] = {}

    def tell(self, subject: str, now: float) -> int:
        """Note that it has happened; give how often since it was told last, 0 where it is not to be told now."""
        told = self._told.get(subject)
        if told is not None and now - told.at < EVERY:
            told.since += 1
            return 0
        self._told.pop(subject, None)
        if len(self._told) >= MOST:
            del self._told[next(iter(self._told))]
        self._told[subject] = _Told(now)
        return 1 if told is None else told.since + 1
