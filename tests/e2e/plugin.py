"""Says aloud that tests with the JavaScript SDK did not run; loaded by tests/conftest.py for all tests."""

from __future__ import annotations

from tests.e2e.environments import NO_NODE


def pytest_terminal_summary(terminalreporter):
    # Counted from the reports: with several processes nothing else of theirs is here.
    count = sum(NO_NODE in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if count:
        terminalreporter.write_line(
            f"!!! {count} TESTS WITH THE JAVASCRIPT SDK DID NOT RUN: {NO_NODE}", red=True, bold=True
        )
