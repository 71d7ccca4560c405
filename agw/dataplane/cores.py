"""How many cores this process may use: its affinity, and the quota of its cgroup.

A container with a limit of 2 CPUs on a machine of 64 cores gets two workers, not 64.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

LEAST_WORKERS = 2
"""With one worker, a crash is felt by every connection."""


def quota(text: str) -> float | None:
    """Cores that a cgroup's cpu.max allows: `200000 100000` is 2.0, `max 100000` is None."""
    allowed, _, period = text.partition(" ")
    return None if allowed == "max" else int(allowed) / int(period)


def usable_cores() -> int:
    """Return the number of cores that this process can keep busy, at least 1."""
    cores = len(os.sched_getaffinity(0))
    try:
        limit = quota(Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").strip())
    except (OSError, ValueError, ZeroDivisionError):
        limit = None
    return cores if limit is None else max(1, min(cores, math.ceil(limit)))


def worker_count(setting: int) -> int:
    """Return how many workers to start for the setting `workers`."""
    return setting or max(LEAST_WORKERS, usable_cores())
