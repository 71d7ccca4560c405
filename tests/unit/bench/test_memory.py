"""Weights and their limits."""

from __future__ import annotations

from bench.memory import Weight, rows, verdicts
from bench.procs import Memory

WEIGHT = Weight(Memory(30_000_000, 20_000_000), Memory(45_000_000, 35_000_000), Memory(31_000_000, 0), 10_000, None)


def test_growth_is_per_connection():
    assert WEIGHT.per_connection == 1500
    assert rows({"agw": WEIGHT}) == [("agw", "30.0", "20.0", "45.0", "1500", "31.0", "")]


def test_limits():
    assert verdicts(WEIGHT, 40, 2500) == []
    assert verdicts(WEIGHT, None, None) == []
    assert verdicts(WEIGHT, 25, 1000) == [
        "a worker of agw weighs 30.0 MB; at most 25 is wanted",
        "an idle connection adds 1500 bytes to agw; at most 1000 is wanted",
    ]
