"""What the whole table came to, at the end of a run that has played it."""

from tests.wire.table import report


def pytest_terminal_summary(terminalreporter):
    if report.PLAYED:
        terminalreporter.section("the wire's table")
        for line in report.summary(report.PLAYED):
            terminalreporter.write_line(line)
