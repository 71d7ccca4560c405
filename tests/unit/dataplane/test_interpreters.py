"""Workers' interpreters that were started ahead: each given once, none left over."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from pathlib import Path

import pytest

from agw.dataplane.interpreters import started_ahead, take

CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")


def test_those_started_ahead_are_given_first_and_each_once() -> None:
    with started_ahead(2):
        taken = [take() for _ in range(3)]
        assert len({each.process.pid for each in taken}) == 3
    for process, channel in taken:
        assert process.poll() is None  # it waits for its first message
        channel.close()
        assert process.wait(30) == 1  # and ends without a supervisor


def test_where_none_can_be_started_ahead_whoever_needs_one_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with started_ahead(2), pytest.raises(BlockingIOError):
        take()


def test_ctrl_c_while_one_loads_is_not_its_affair() -> None:
    process, channel = take()
    process.send_signal(signal.SIGINT)
    channel.close()
    assert process.wait(30) == 1


@pytest.mark.skipif(not CHILDREN.exists(), reason="the kernel does not list children")
def test_what_nobody_took_ends_with_the_block() -> None:
    before = set(CHILDREN.read_text().split())
    with started_ahead(2):
        assert len(set(CHILDREN.read_text().split()) - before) == 2
    assert set(CHILDREN.read_text().split()) <= before
