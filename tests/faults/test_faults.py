"""Memory and system calls that fail, each in its turn: see sweep.py for what must hold then."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

# Of each kind of call, what it may fail with; "short": one byte is taken.
FAULTS = {
    "realloc": "ENOMEM",
    "object": "ENOMEM",
    "recv": "EINTR,EAGAIN,ECONNRESET,ENOMEM",
    "send": "EPIPE,ECONNRESET,EAGAIN,EINTR,ENOBUFS,short",
    "sendmsg": "EPIPE,ECONNRESET,EAGAIN,EINTR,ENOBUFS,short",
    "accept4": "EMFILE,ENFILE,ECONNABORTED,EINTR,ENOBUFS,EPERM",
    "connect": "ECONNREFUSED,EADDRNOTAVAIL,EINTR,ENOBUFS",
    "socket": "EMFILE,ENFILE,ENOMEM",
    "epoll_ctl": "ENOMEM,ENOSPC",
    "setsockopt": "ENOMEM",
    "getsockopt": "ENOBUFS",
}


@pytest.mark.parametrize(("kind", "names"), FAULTS.items(), ids=FAULTS)
def test_each_call_may_fail(kind, names):
    command = [sys.executable, "-m", "tests.faults.sweep", kind, names]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr[-4000:]
    counts = [int(count) for count in re.findall(r": (\d+) calls failed", ended.stdout)]
    assert len(counts) == len(names.split(","))
    assert all(counts), "the scripts make such a call"
