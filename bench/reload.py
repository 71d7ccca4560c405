"""`python -m bench.reload`: how long a changed route takes to be served, and what the change costs, at any size.

agw serves a folder of routes, 25 to a file. One file at a time is replaced (written aside, then renamed, as editors
and ConfigMaps do) so that one route moves to a new path; the clock runs from the rename until the new path answers 200.
Until then only 404 is right. The cost of a change should not grow with the number of routes that did not change.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.field import Entrant, Entry, lined_up
from bench.manifests import BACKEND, fleet_requests, place, route
from bench.peers import PEERS, Setup
from bench.procs import usage
from bench.scenario import Scenario
from bench.stats import Spread, spread

PER_FILE = 25  # the same at every size: reading the changed file is part of the cost
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Change:
    """One change: ms until it was served, and CPU ms of supervisor and workers meanwhile."""

    served_ms: float
    supervisor_ms: float
    worker_ms: float


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.reload", description=__doc__.partition("\n")[0])
    options.add_argument("--routes", default="50,5000", help="sizes, with commas (%(default)s)")
    options.add_argument("--changes", type=int, default=20, help="changes per size (%(default)s)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


def write_file(folder: Path, number: int, routes: int, moved: dict[int, str]) -> None:
    """File `number` of a fleet, replaced in one step; moved: other paths of some routes."""
    members = range(number * PER_FILE, min((number + 1) * PER_FILE, routes))
    text = "".join(route(member, moved.get(member, "")) for member in members)
    fresh = folder / f".{number}"
    fresh.write_text(text)
    fresh.replace(folder / f"{number:04}.yaml")


def write_fleet(folder: Path, routes: int, front: str = BACKEND) -> None:
    """A folder with that many routes; front: what else is in it."""
    folder.mkdir()
    (folder / "front.yaml").write_text(front)
    for number in range(-(-routes // PER_FILE)):
        write_file(folder, number, routes, {})


def status(connection: http.client.HTTPConnection, host: str, path: str) -> int:
    """The status of one small POST."""
    connection.request("POST", path, b"{}", {"Host": host})
    response = connection.getresponse()
    response.read()
    return response.status


def wait_for(entrant: Entrant, host: str, path: str) -> None:
    """Ask until the path is served; RigError on an answer that is neither 404 nor 200, or when it takes too long."""
    connection = http.client.HTTPConnection("127.0.0.1", entrant.port, timeout=5)
    deadline = time.monotonic() + SECONDS
    while (code := status(connection, host, path)) != 200:
        if code != 404 or time.monotonic() > deadline:
            message = f"{path} answers {code} after a change:\n{entrant.process.tail()}"
            raise RigError(message)
        time.sleep(0.001)
    connection.close()


def change(entrant: Entrant, folder: Path, routes: int, turn: int) -> Change:
    """Move one route, somewhere else in the fleet each turn, and wait until it is served there."""
    moved = turn * 37 % routes
    path = f"/moved/{turn}"
    front = [entrant.process.pid]
    before, front_before, begun = usage(entrant.workers), usage(front), time.perf_counter()
    write_file(folder, moved // PER_FILE, routes, {moved: path})
    wait_for(entrant, place(moved)[0], path)
    served = (time.perf_counter() - begun) * 1000
    worker, above = usage(entrant.workers).since(before), usage(front).since(front_before)
    return Change(served, above.ran / 1e6, worker.ran / 1e6)


def measure(routes: int, changes: int) -> list[Change]:
    """All changes at one size."""
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        folder = Path(home) / "fleet"
        write_fleet(folder, routes)
        entry = Entry("agw", PEERS["agw"], Scenario("", "", fleet_requests(routes)), Setup(manifests=folder))
        with lined_up([entry], machine.cores()) as (entrant,):
            return [change(entrant, folder, routes, turn) for turn in range(changes + 1)][1:]


def cell(values: Spread) -> str:
    """A median with its quartiles."""
    return f"{values.median:.1f} ({values.low:.1f} to {values.high:.1f})"


COLUMNS = ("routes", "ms until served", "supervisor CPU ms", "worker CPU ms")


def rows(results: dict[int, list[Change]]) -> list[tuple[str, ...]]:
    """A row per size."""
    return [
        (
            str(routes),
            cell(spread([one.served_ms for one in changes])),
            cell(spread([one.supervisor_ms for one in changes])),
            cell(spread([one.worker_ms for one in changes])),
        )
        for routes, changes in results.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure or a wrong answer was seen."""
    options = parser().parse_args(arguments)
    before, cores = machine.look(), machine.cores()
    try:
        results = {int(routes): measure(int(routes), options.changes) for routes in options.routes.split(",")}
    except RigError as error:
        print(f"bench.reload: {error}", file=sys.stderr)
        return 1
    title = f"One changed route of many: {options.changes} changes, median (quartiles)"
    lines = machine.header(before, cores)
    page = report.page_of(title, lines, report.markdown_table(COLUMNS, rows(results)))
    paths = report.write(options.out, "reload", page, {str(routes): changes for routes, changes in results.items()})
    print(report.text_of(title, lines, report.aligned(COLUMNS, rows(results))))
    print("\nwritten: " + ", ".join(map(str, paths)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
