"""The wire's table has an entry for every row, and says which it has not."""

from collections import Counter

from tests.wire.table.rows import COUNT, MISSING, MODULES, ROWS


def test_every_row_has_an_entry_or_is_named_as_missing():
    assert set(ROWS) | MISSING == set(range(1, COUNT + 1))
    assert not set(ROWS) & MISSING


def test_no_row_is_written_twice():
    numbers = [row.number for module in MODULES for row in module.ROWS]
    assert len(numbers) == len(set(numbers))


def test_a_row_has_variants_that_differ():
    for row in ROWS.values():
        assert row.title
        assert len(row.cases) >= 3, row.number
        counted = Counter(repr(case) for case in row.cases)
        assert [case for case, count in counted.items() if count > 1] == [], row.number
