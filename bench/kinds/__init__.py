"""The ways to measure, a module each: what a proxy is put through, and which figures come of it.

A kind is handed an `Order` and gives back samples, an entrant's in the order of the rounds, so that all that is shown of
them (medians, quartiles, ratios round by round, JSON, pages) is the same for all kinds: `bench/report.py`. It knows
nothing of any proxy. `figures` says which attributes of its samples are shown, the one that it is about first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.contests import Contest
from bench.field import Entry
from bench.machine import Cores
from bench.report import Figure


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured. entries: proxies in all variants; rounds: measured ones, after a warm-up."""

    contest: Contest
    entries: Sequence[Entry]
    cores: Cores
    rounds: int
    requests: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to measure. direct: the agent itself takes part, as what would be without any proxy."""

    measure: Callable[[Order], tuple[Mapping[str, Sequence[Any]], Sequence[str]]]
    figures: Sequence[Figure]
    direct: bool = False
