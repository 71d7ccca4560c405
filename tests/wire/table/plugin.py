"""What the whole table came to, at the end of a run that has played it; loaded by tests/conftest.py.

A conftest.py here would be read by those who play the table only, not by the process that prints the end of the run.
"""

from tests.wire.table import report


def pytest_terminal_summary(terminalreporter):
    # Read from the reports: with several processes nothing else of theirs is here.
    played = [
        report.Tally(*value)
        for outcome in ("passed", "failed")
        for each in terminalreporter.stats.get(outcome, [])
        for name, value in each.user_properties
        if name == report.PROPERTY
    ]
    if played:
        terminalreporter.section("the wire's table")
        for line in report.summary(played):
            terminalreporter.write_line(line)
