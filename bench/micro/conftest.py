"""Shows the table of the hot functions behind pytest-benchmark's own."""

from __future__ import annotations

import pytest

from bench import OUT
from bench.micro.instructions import count
from bench.micro.table import TIMES, publish


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Count the instructions of what was timed."""
    if times := config.stash.get(TIMES, None):
        terminalreporter.write_line(publish(times, count(), OUT))
