"""Reading what the kernel says of processes, and keeping them."""

from __future__ import annotations

import os
import sys

import pytest

from bench import RigError
from bench.procs import (
    Memory,
    Usage,
    descendants,
    memory,
    parse_parent,
    parse_rollup,
    parse_schedstat,
    started,
    usage,
    wait_until,
)


def test_schedstat_is_time_run_and_time_waited():
    assert parse_schedstat("123456 789 42\n") == Usage(123456, 789)


def test_usage_since():
    assert Usage(10, 5).since(Usage(4, 1)) == Usage(6, 4)


def test_rollup_is_in_kilobytes():
    text = "55d0-7ffc ---p 00000000 00:00 0    [rollup]\nRss:     1024 kB\nPss:      512 kB\nPss_Dirty:  3 kB\n"
    assert parse_rollup(text) == Memory(1024 * 1024, 512 * 1024)


def test_parent_is_found_behind_any_command_name():
    assert parse_parent("17 (a) S 4 (b)) S 99 17 17 0") == 99


def test_own_process_uses_cpu_and_memory():
    before = usage([os.getpid()])
    # The kernel books what a process runs when it looks, at a tick or at its next sleep.
    wait_until(lambda: sum(range(200_000)) and usage([os.getpid()]).since(before).ran > 0, "CPU is booked", 10)
    own = memory(os.getpid())
    assert own.rss >= own.pss > 0


def test_wait_until_says_what_did_not_happen():
    with pytest.raises(RigError, match="the moon rises: not within 0 s"):
        wait_until(lambda: False, "the moon rises", seconds=0)


def test_workers_are_the_processes_below(tmp_path):
    core = sorted(os.sched_getaffinity(0))[:1]
    code = "import subprocess, sys; subprocess.Popen(['cat'], stdin=subprocess.PIPE).wait()"
    with started("family", [sys.executable, "-c", code], core, tmp_path / "log") as process:
        wait_until(lambda: bool(descendants(process.pid)), "a child is there")
        assert process.workers() == descendants(process.pid)
        process.pin()
        assert os.sched_getaffinity(process.workers()[0]) == set(core)
        os.kill(process.workers()[0], 15)
    assert process.child.poll() is not None


def test_a_process_that_ended_is_told_with_its_last_words(tmp_path):
    with started("short", [sys.executable, "-c", "print('I am done')"], [0], tmp_path / "log") as process:
        process.child.wait(30)
        with pytest.raises(RigError, match=r"short ended with 0:\nI am done"):
            process.check()
