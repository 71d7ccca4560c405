"""Which process has the other end of a loopback connection, as the kernel tells it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

ESTABLISHED = "01"


def inodes(pid: int) -> set[str]:
    """The sockets of a process."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(entry.path).removeprefix("socket:[").removesuffix("]"))  # noqa: PTH115 - by name
    return found


def owners(port: int, pids: Sequence[int]) -> dict[int, int]:
    """Client port -> process, for the connections that these processes have accepted on a loopback port."""
    holders = {inode: pid for pid in pids for inode in inodes(pid)}
    result = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        ours = int(columns[1].rpartition(":")[2], 16) == port
        if ours and columns[3] == ESTABLISHED and columns[9] in holders:
            result[int(columns[2].rpartition(":")[2], 16)] = holders[columns[9]]
    return result
