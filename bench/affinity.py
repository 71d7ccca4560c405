"""`python -m bench.affinity`: how many tasks are lost between two agents that keep them in memory, with affinity and without.

Two replicas of the official SDK's server, four workers, and a crowd of the official SDK's clients that send, get and
resubscribe, mixed, over both HTTP bindings. A task is lost where the agent that has it is not the one that is asked.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import OUT, machine, report
from tests.e2e.replicas import Outcome, crowd, replicas

PATIENCE_MS = 100  # for a request, client and agents and gateway on the same cores
COLUMNS = ("affinity", "requests", "begin", "send", "get", "resubscribe", "lost", "of what may be lost", "failed")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.affinity", description=__doc__.partition("\n")[0])
    options.add_argument("--requests", type=int, default=10_000, help="with affinity (%(default)s)")
    options.add_argument("--without", type=int, default=2_000, help="without it (%(default)s)")
    options.add_argument("--workers", type=int, default=4, help="of the gateway (%(default)s)")
    options.add_argument("--replicas", type=int, default=2, help="agents (%(default)s)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


def measure(affinity: str, requests: int, options: argparse.Namespace) -> Outcome:
    """Let a crowd at fresh agents behind a fresh gateway."""
    with (
        tempfile.TemporaryDirectory(prefix="agw-bench-") as home,
        replicas(Path(home), affinity, count=options.replicas, workers=options.workers) as found,
    ):
        return crowd(found.front.url, requests, 60 + requests * PATIENCE_MS / 1000)


def row(affinity: str, found: Outcome) -> tuple[str, ...]:
    """One line of the table."""
    counts = [found.requests.get(name, 0) for name in ("begin", "send", "get", "resubscribe")]
    lost, asked = sum(found.lost.values()), sum(counts[1:])
    share = f"{lost / asked:.1%}" if asked else ""
    return affinity, str(sum(counts)), *map(str, counts), str(lost), share, str(len(found.failed))


def main(arguments: Sequence[str] | None = None) -> int:
    """0 with affinity nothing is lost and nothing fails, 1 something is, or it could not be measured."""
    options = parser().parse_args(arguments)
    before, cores = machine.look(), machine.cores()
    try:
        on = measure("Task", options.requests, options)
        off = measure("None", options.without, options)
    except (subprocess.SubprocessError, AssertionError) as error:
        print(f"bench.affinity: {error}", file=sys.stderr)
        return 1
    rows = [row("Task", on), row("None", off)]
    title = f"Tasks lost: {options.replicas} agents with tasks in memory, {options.workers} workers"
    lines = machine.header(before, cores)
    page = report.page_of(title, lines, report.markdown_table(COLUMNS, rows))
    paths = report.write(options.out, "affinity", page, {"Task": on, "None": off})
    print(report.text_of(title, lines, report.aligned(COLUMNS, rows)))
    for told in (*on.failed, *off.failed):
        print(told, file=sys.stderr)
    print("\nwritten: " + ", ".join(map(str, paths)))
    return int(bool(on.lost or on.failed))


if __name__ == "__main__":
    sys.exit(main())
