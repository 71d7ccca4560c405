"""The arithmetic of a comparison: medians, quartiles and ratios taken round by round.

Why ratios per round and not of medians: two proxies of one round ran seconds apart on the same machine in the same
mood; two medians may come from different halves of the run.

Why intervals are drawn from groups: where its pages happen to lie makes a process some percent dearer or cheaper for as
long as it lives. Rounds over one pair of processes share that luck, so they are not that many independent values: what
is drawn again, with replacement, is first the pair, then its rounds.
"""

from __future__ import annotations

import random
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


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and between what it may lie."""

    median: float
    low: float
    high: float


DRAWS = 4_000


def interval(groups: Sequence[Sequence[float]], confidence: float, seed: int = 1) -> Interval:
    """The median of all values with its bootstrap interval; confidence: the share of draws between its ends.

    groups: values that share their luck. The same values give the same interval.
    """
    if not groups or not all(groups):
        message = "no values"
        raise ValueError(message)
    stream = random.Random(seed)
    medians = sorted(
        statistics.median(
            value for group in stream.choices(groups, k=len(groups)) for value in stream.choices(group, k=len(group))
        )
        for _ in range(DRAWS)
    )
    cut = int(DRAWS * (1 - confidence) / 2)
    return Interval(statistics.median(value for group in groups for value in group), medians[cut], medians[-1 - cut])


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
