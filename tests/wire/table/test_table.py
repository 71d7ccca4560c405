"""The table, row by row. `python -m tests.wire.table ROW` plays one and prints all that it found."""

from dataclasses import astuple

import pytest

from tests.wire.table import report
from tests.wire.table.rows import ROWS


@pytest.mark.parametrize("number", sorted(ROWS), ids=lambda number: f"{number} {ROWS[number].title}")
async def test_row(number, record_property):
    outcomes = await report.play_row(ROWS[number])
    record_property(report.PROPERTY, astuple(report.tally(outcomes)))
    bad = [str(outcome) for outcome in outcomes if not outcome.good]
    assert not bad, "\n".join(bad[:10])
