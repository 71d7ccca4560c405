"""The judge of the long run, and that its characters tell good answers from bad ones."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

from bench import soak
from bench.trouble.characters import CAST, Town, live, pipeliner, talker
from bench.trouble.clients import uvloop
from bench.trouble.stage import Agent
from tests.ports import free_port


@pytest.fixture
def town(tmp_path):
    """Characters that talk to an agent, with no gateway between."""
    address = f"127.0.0.1:{free_port()}"
    argv = [sys.executable, "-m", "bench.trouble.agent", address]
    agent = Agent(address, argv, [0], tmp_path / "agent.log")
    agent.start()
    yield Town(int(address.rpartition(":")[2]), hidden="never")
    agent.process.stop()


def test_a_slope_is_per_hour():
    assert soak.slope([(0, 5.0), (1800, 5.5), (3600, 6.0)]) == pytest.approx(1.0)
    assert soak.slope([(0, 5.0), (10, 5.0), (20, 5.0)]) == 0
    assert soak.slope([(0, 5.0)]) == 0


def test_only_exceptions_are_complaints():
    log = "INFO ready\nERROR AGW1001 refused\nERROR unexpected error error=KeyError\n  Traceback (most recent call last)\n"
    assert soak.complaints(log) == 2


@pytest.mark.parametrize("act", [talker, pipeliner])
def test_good_answers_are_nothing_wrong(town, act):
    async def some():
        for _ in range(20):
            await act(town)

    uvloop.run(some())
    assert town.book.mixed == 0
    assert town.book.wrong == {}


def test_what_should_have_been_refused_is_wrong(town):
    async def short():
        town.settled = True
        await asyncio.gather(*(live(town, name, 0, iter((True, False)).__next__) for name in ("intruder", "offender")))

    with contextlib.suppress(StopIteration):
        uvloop.run(short())
    assert town.book.wrong


def test_every_character_has_a_number():
    assert all(count > 0 for _, count in CAST.values())
