"""A process that is asked for short turns has them, where the kernel knows of such a thing, and else is as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agw.dataplane import turns

USUAL = turns.turn_of(os.getpid())


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its input to end."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as started:
        yield started


@pytest.mark.skipif(not USUAL, reason="the kernel does not say how long turns are (Linux 6.12 does)")
def test_a_process_gets_the_turns_that_are_asked_for(process: subprocess.Popen[bytes]) -> None:
    assert turns.shorten_turns(process.pid)
    assert turns.turn_of(process.pid) == turns.TURN_NS
    assert turns.turn_of(os.getpid()) == USUAL


def test_nothing_else_changes(process: subprocess.Popen[bytes]) -> None:
    os.setpriority(os.PRIO_PROCESS, process.pid, 3)
    turns.shorten_turns(process.pid)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 3
    assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER


def test_another_policy_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))
    assert not turns.shorten_turns(process.pid)
    assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH


def test_a_process_that_has_ended_and_an_unknown_machine_are_no_error(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    process.communicate()
    assert not turns.shorten_turns(process.pid)
    monkeypatch.setattr(turns, "_NUMBERS", {})
    assert not turns.shorten_turns(os.getpid())
    assert turns.turn_of(os.getpid()) == 0
