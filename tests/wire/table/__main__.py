"""Play the whole table, or the rows that are named, and print what came of it: `python -m tests.wire.table [ROW ...]`.

Rows share nothing, so every processor plays some.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor

import uvloop

from tests.wire.table.model import Outcome
from tests.wire.table.report import play_row, summary, tally
from tests.wire.table.rows import ROWS


def play(number: int) -> list[Outcome]:
    """Play one row, in a process of its own."""
    return uvloop.run(play_row(ROWS[number]))


def main(numbers: list[int]) -> int:
    """Play; the number of cases that were not as their row says."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as processes:
        rows = list(processes.map(play, sorted(numbers or ROWS)))
    bad = [outcome for row in rows for outcome in row if not outcome.good]
    print(*map(str, bad), *summary(map(tally, rows)), sep="\n")
    return len(bad)


if __name__ == "__main__":
    sys.exit(1 if main([int(number) for number in sys.argv[1:]]) else 0)
