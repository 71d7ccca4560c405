"""The table of the hot functions: nanoseconds beside instructions, printed and kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import report
from bench.micro.instructions import Counts
from bench.stats import Spread

Times = dict[str, Spread]
TIMES = pytest.StashKey[Times]()
TITLE = "What a call of each hot function costs"
HEADS = ("function", "ns", "quartiles", "instructions")


def lines(times: Mapping[str, Spread], counts: Counts) -> list[tuple[str, ...]]:
    """A line per function."""
    found = []
    for name, own in times.items():
        each = counts.each.get(name)
        counted = f"{each:.0f}" if each else ""
        found.append((name, f"{own.median:.1f}", f"{own.low:.1f} to {own.high:.1f}", counted))
    return found


def publish(times: Mapping[str, Spread], counts: Counts, folder: Path) -> str:
    """Keep it, and return what to print."""
    rows, notes = lines(times, counts), [f"instructions counted by {counts.by}"]
    page = report.page_of(TITLE, notes, report.markdown_table(HEADS, rows))
    report.write(folder, "micro", page, {"ns": times, "instructions": counts})
    return report.text_of(TITLE, notes, report.aligned(HEADS, rows))
