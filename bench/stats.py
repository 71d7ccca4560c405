"""The arithmetic of a comparison: medians, quartiles and ratios taken round by round.

Why ratios per round and not of medians: two proxies of one round ran seconds apart on the same machine in the same
mood; two medians may come from different halves of the run.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its quartiles and the number of values behind it."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles (inclusive method); of one value, that value."""
    if not values:
        message = "no values"
        raise ValueError(message)
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """What we cost over what they cost, in each round of both; the spread of that."""
    return spread([own / other for own, other in zip(ours, theirs, strict=True)])


def rotated(things: Sequence[T], turn: int) -> list[T]:
    """The order of a turn: each begins with the next thing, so that none is always first."""
    at = turn % len(things)
    return [*things[at:], *things[:at]]
