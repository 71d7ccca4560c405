"""When a change is over: what was written to is let alone until its writer has finished.

    renamed, deleted          over at once; a burst of them ends when none came for BURST
    written and closed        over QUIET later: some writers open a file again at once
    written, not yet closed   over when it is closed; given up after UNFINISHED without a word from it
    closed, and empty         the same: most writers truncate first
    anything                  at the latest PATIENCE after the first

Rules: several changes are one report, when the last of them is over, so that a checkout of two hundred files is one.
Values in, values out: times are handed in.

Must not: look at a file, or know a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Names: TypeAlias = frozenset[str] | None
"""Files that may have changed; None where anything may have."""

BURST = 0.02
QUIET = 0.04
UNFINISHED = 0.4
PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign that something changes.

    path: what. rest: seconds until it is over. final: whether that holds whatever was said of the path before.
    vague: whether other things may have changed, too.
    """

    path: str
    rest: float = BURST
    final: bool = True
    vague: bool = False


class Unrest:
    """What has changed and was not reported."""

    def __init__(self) -> None:
        """Begin at rest."""
        self._over: dict[str, float] = {}  # path -> when
        self._first = 0.0
        self._vague = False

    def hear(self, signs: Iterable[Sign], now: float) -> None:
        """Take signs."""
        for sign in signs:
            if not self._over:
                self._first = now
            over = now + sign.rest
            self._over[sign.path] = over if sign.final else max(over, self._over.get(sign.path, over))
            self._vague |= sign.vague

    @property
    def due(self) -> float | None:
        """When to report; None where there is nothing."""
        return min(max(self._over.values()), self._first + PATIENCE) if self._over else None

    def take(self) -> Names:
        """Report, and begin anew."""
        paths = None if self._vague else frozenset(self._over)
        self._over.clear()
        self._vague = False
        return paths
