"""Counts of delays."""

from __future__ import annotations

from bench.delays import Delays, delays_of, together


def test_a_quantile_is_a_value_that_was_counted():
    delays = Delays({5000: 1, 1000: 98, 9000: 1})
    assert [delays.quantile(share) for share in (0.0, 0.5, 0.98, 0.99, 1.0)] == [1.0, 1.0, 5.0, 9.0, 9.0]


def test_of_nothing_there_is_none():
    assert Delays({}).quantile(0.5) == 0


def test_counts_add_up():
    assert together([Delays({1: 2}), Delays({1: 3, 4: 1})]) == Delays({1: 5, 4: 1})


def test_a_report_is_read():
    assert delays_of({"histogram": [[7, 2], [9, 1]]}) == Delays({7: 2, 9: 1})
