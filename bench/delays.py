"""How long things took, as the native clients count it: a value and how often it came, exact to 1.6 %.

Counts can be added up over slices and rounds, quantiles cannot: one request in a thousand is only seen in the sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Delays:
    """counts: how often each value came, in ns."""

    counts: Mapping[int, int]

    def quantile(self, share: float) -> float:
        """The value, in us, that this share of all are at most; 0 where there is none."""
        rank, seen = int(sum(self.counts.values()) * share), 0
        for value, count in sorted(self.counts.items()):
            seen += count
            if seen > rank:
                return value / 1000
        return max(self.counts, default=0) / 1000


def delays_of(report: Mapping[str, Any]) -> Delays:
    """What a native client counted, from its report."""
    return Delays(dict(report["histogram"]))


def together(parts: Sequence[Delays]) -> Delays:
    """All of them in one."""
    counts: Counter[int] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Delays(counts)
