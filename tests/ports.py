"""Ports for programs that must be told one, because they cannot tell which one 0 has become.

Rules: never a port of the range that the kernel gives to whoever asks for any, because what was free there a moment ago
is soon somebody's; never one twice in a process; and processes of the same run have no port in common. So tests may run
side by side, though a program takes its port long after the test has chosen it.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

LOWEST = 10_000
PROCESSES = 16  # of one run; more of them share ports

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _ports() -> Iterator[int]:
    """All ports of this process of the run, from any of them on, round and round."""
    above = int(_RANGE.read_text().split()[0])
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    mine = range(LOWEST + own, above, PROCESSES)
    begin = random.randrange(len(mine))
    return (mine[(begin + each) % len(mine)] for each in count())


_left = _ports()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    for port in _left:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is always another")
