"""The watch over the loop: who holds it up is seen while it does, and an idle loop is left alone."""

import asyncio
import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import uvloop

from agw._fastpath.record import COUNTERS, COUNTERS_SIZE
from agw._fastpath.watchdog import Watchdog
from agw.dataplane.lag import LagWatch

PLACES = {name: index for index, name, *_ in COUNTERS}


@pytest.fixture
def counters():
    return memoryview(bytearray(COUNTERS_SIZE))


def count(counters, name):
    at = PLACES[name] * 8
    return int.from_bytes(counters[at : at + 8], "little")


def hold_up_the_loop(until):
    """Block as a bug would: in Python, with the GIL given back now and then."""
    deadline = time.monotonic() + 20
    while not until() and time.monotonic() < deadline:
        time.sleep(0.002)


def passed(end):
    return time.monotonic() > end


async def watched(counters, limit_ms, case):
    told = []
    watch = LagWatch(asyncio.get_running_loop(), limit_ms, counters, lambda *what: told.append(what))
    try:
        await case(watch)
        for _ in range(1000):
            if told or not count(counters, "agw_loop_lags_total"):
                break
            await asyncio.sleep(0.002)
    finally:
        watch.close()
    return told


def test_the_stack_is_that_of_the_moment(counters):
    async def case(watch):
        hold_up_the_loop(lambda: os.fstat(watch._stack).st_size > 0)
        await asyncio.sleep(0.05)

    told = uvloop.run(watched(counters, 20, case))
    assert count(counters, "agw_loop_lags_total") >= 1
    assert count(counters, "agw_loop_lag_max_seconds") >= 20_000
    [(milliseconds, stack)] = told
    assert milliseconds >= 20
    assert "hold_up_the_loop" in stack
    assert "test_watchdog.py" in stack


def test_a_loop_that_is_held_up_again_is_counted_and_not_told_again(counters):
    async def case(watch):
        hold_up_the_loop(lambda: os.fstat(watch._stack).st_size > 0)
        await asyncio.sleep(0.05)
        before = count(counters, "agw_loop_lags_total")
        while count(counters, "agw_loop_lags_total") == before:
            hold_up_the_loop(partial(passed, time.monotonic() + 0.1))
            await asyncio.sleep(0.05)

    assert len(uvloop.run(watched(counters, 20, case))) == 1
    assert count(counters, "agw_loop_lags_total") >= 2


def test_a_loop_that_turns_is_no_news(counters):
    async def case(_watch):
        for _ in range(20):
            await asyncio.sleep(0.005)

    assert uvloop.run(watched(counters, 60_000, case)) == []
    assert count(counters, "agw_loop_lags_total") == 0


def alive():
    """Names of the threads, and the number of descriptors."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    return sorted(names), len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left(counters):
    async def case():
        before = alive()
        for _ in range(5):
            watch = LagWatch(asyncio.get_running_loop(), 1000, counters, print)
            assert alive()[0] == before[0]
            watch.close()
        assert alive() == before

    uvloop.run(case())


def test_closing_twice_and_bad_arguments(counters):
    async def case():
        loop = asyncio.get_running_loop()
        dog = Watchdog(loop, 1000, signal.SIGUSR2, counters=counters, on_lag=print)
        dog.close()
        dog.close()
        with pytest.raises(ValueError, match="no counters"):
            Watchdog(loop, 1000, signal.SIGUSR2, counters=memoryview(bytearray(8)), on_lag=print)
        with pytest.raises(ValueError, match="limit"):
            Watchdog(loop, 0, signal.SIGUSR2, counters=counters, on_lag=print)

    uvloop.run(case())
