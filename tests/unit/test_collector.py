"""Full collections come in calm, after enough work, and not by themselves."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from agw.collector import Collector


@pytest.fixture
def full() -> Iterator[list[int]]:
    """One item for each full collection while the test runs."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            seen.append(1)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


async def _until(seen: list[int], count: int) -> None:
    async with asyncio.timeout(20):
        while len(seen) < count:
            await asyncio.sleep(0.005)


def test_what_is_there_is_frozen_and_nothing_full_comes_by_itself(full: list[int]) -> None:
    found = gc.get_threshold()
    collector = Collector()
    collector.rest()
    assert len(full) == 1
    assert gc.get_freeze_count() > 1000
    kept = [[[number]] for number in range(200_000)]  # enough for several full collections, were they allowed
    assert len(full) == 1
    assert kept
    collector.close()
    assert gc.get_threshold() == found
    assert gc.get_freeze_count() == 0


def test_it_comes_in_calm_after_enough_work(full: list[int]) -> None:
    async def work() -> None:
        collector = Collector(calm=0.01, enough=3)
        collector.rest()
        collector.worked()
        collector.worked()
        await asyncio.sleep(0)
        assert collector._due is None  # two are not worth one
        collector.worked()
        await _until(full, 2)
        collector.close()

    asyncio.run(work())


def test_it_comes_where_calm_never_does(full: list[int]) -> None:
    async def work() -> None:
        collector = Collector(calm=30.0, at_latest=0.02, enough=1)
        collector._calm = 0.01  # the first look comes soon, and finds no calm
        collector.rest()
        collector.worked()
        collector._calm = 30.0
        await _until(full, 2)
        collector.close()

    asyncio.run(work())


def test_garbage_among_what_was_frozen_is_found(full: list[int]) -> None:
    class Ring:
        def __init__(self) -> None:
            self.me = self

    died: list[int] = []

    async def work() -> None:
        collector = Collector(calm=0.0, enough=1)
        ring = Ring()
        collector.rest()
        weak = weakref.finalize(ring, died.append, 1)
        del ring
        assert weak.alive
        collector.worked()
        await _until(full, 2)
        collector.close()

    asyncio.run(work())
    assert died == [1]


def test_before_rest_work_counts_for_nothing() -> None:
    collector = Collector(enough=1)
    collector.worked()
    collector.close()
    assert gc.get_threshold()[2] < 1000
