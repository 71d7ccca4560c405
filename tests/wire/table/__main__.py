"""Play the whole table, or the rows that are named, and print what came of it: `python -m tests.wire.table [ROW ...]`."""

from __future__ import annotations

import sys

import uvloop

from tests.wire.table.report import play_row, summary
from tests.wire.table.rows import ROWS


async def main(numbers: list[int]) -> int:
    """Play; the number of cases that were not as their row says."""
    outcomes = []
    for number in sorted(numbers or ROWS):
        outcomes += await play_row(ROWS[number])
    bad = [outcome for outcome in outcomes if not outcome.good]
    print(*map(str, bad), *summary(outcomes), sep="\n")
    return len(bad)


sys.exit(1 if uvloop.run(main([int(number) for number in sys.argv[1:]])) else 0)
