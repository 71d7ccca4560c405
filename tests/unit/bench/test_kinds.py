"""The kinds of measurement: what comes of what was seen."""

from __future__ import annotations

import pytest

from bench.kinds.weight import Weight


def test_growth_is_per_connection():
    assert Weight(29.0, 30.0, 45.0, 31.0, 40.0, 10_000).each == pytest.approx(1500)
