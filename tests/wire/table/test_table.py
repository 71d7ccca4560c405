"""The table, row by row. `python -m tests.wire.table ROW` plays one and prints all that it found."""

import pytest

from tests.wire.table import report
from tests.wire.table.rows import ROWS


@pytest.mark.parametrize("number", sorted(ROWS), ids=lambda number: f"{number} {ROWS[number].title}")
async def test_row(number):
    outcomes = await report.play_row(ROWS[number])
    report.PLAYED.extend(outcomes)
    bad = [str(outcome) for outcome in outcomes if not outcome.good]
    assert not bad, "\n".join(bad[:10])
