"""All rows of the wire's table, by number."""

from __future__ import annotations

from tests.wire.table import (
    answers,
    bodies,
    chunks,
    codings,
    connections,
    conversations,
    header_fields,
    host,
    path,
    request_line,
)
from tests.wire.table.model import Row

COUNT = 133
MODULES = (
    request_line,
    host,
    header_fields,
    bodies,
    codings,
    chunks,
    connections,
    path,
    answers,
    conversations,
)
ROWS: dict[int, Row] = {row.number: row for module in MODULES for row in module.ROWS}

# Rows that nobody has written yet: each one taken off here is one more that is proven.
MISSING = (
    frozenset(range(1, COUNT + 1))
    - {*range(1, 113)}
    - {*range(113, 134)}
)  # fmt: skip
