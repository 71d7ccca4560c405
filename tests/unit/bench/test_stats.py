"""The arithmetic of a comparison."""

from __future__ import annotations

import pytest

from bench.stats import Spread, ratios, rotated, spread


def test_spread_is_median_and_quartiles():
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(3.0, 2.0, 4.0, 5)


def test_spread_of_one_value_is_that_value():
    assert spread([7.5]) == Spread(7.5, 7.5, 7.5, 1)


def test_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_ratios_are_taken_round_by_round():
    # The machine was twice as slow in the second round; the ratio does not care.
    assert ratios([10.0, 20.0], [20.0, 40.0]).median == 0.5


def test_ratios_of_unequal_rounds_are_refused():
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


def test_each_turn_begins_with_the_next():
    assert [rotated(["a", "b", "c"], number)[0] for number in range(4)] == ["a", "b", "c", "a"]
    assert sorted(rotated(["a", "b", "c"], 1)) == ["a", "b", "c"]
