"""What each hot function costs: nanoseconds, by pytest-benchmark, and instructions (bench/micro/instructions.py).

Every timed call makes CALLS calls in compiled code: a figure in us is ns per call. The table at the end has both figures, and
`bench/out/micro.md` and `.json` keep it.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.micro.hot import CALLS, functions
from bench.micro.table import TIMES, Times
from bench.stats import Spread

FUNCTIONS = functions()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hot(benchmark: BenchmarkFixture, name: str, request: pytest.FixtureRequest) -> None:
    """Call it again and again."""
    benchmark.group = "hot functions"
    assert benchmark(FUNCTIONS[name], CALLS)
    if benchmark.stats:  # none with --benchmark-disable
        seen = benchmark.stats.stats
        times: Times = request.config.stash.setdefault(TIMES, {})
        each = [seconds * 1e9 / CALLS for seconds in (seen.median, seen.q1, seen.q3)]
        times[name] = Spread(*each, count=seen.rounds)
