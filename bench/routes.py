"""`python -m bench.routes`: what a request costs when there are many routes, or many keys.

End to end: two gateways, a small and a large one, side by side on one core, loaded in interleaved rounds with requests
that meet their routes (or present their keys) in random order, so that what is touched is what a real fleet touches.
The cost of a match or a key check alone is in bench/micro: here the caches that it evicts count too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.field import Entry, lined_up
from bench.machine import Cores
from bench.manifests import fleet, fleet_scenario, key_ring, key_scenario
from bench.peers import PEERS, Setup
from bench.procs import raise_file_limit
from bench.rig import measure
from bench.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Growth:
    """Something that there may be few or many of. manifests, scenario: of that many."""

    name: str
    few: int
    many: int
    manifests: Callable[[int], str]
    scenario: Callable[[int], Scenario]


GROWTHS = {
    growth.name: growth
    for growth in (
        Growth("routes", 10, 10_000, fleet, fleet_scenario),
        Growth("keys", 2, 100_000, key_ring, key_scenario),
    )
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.routes", description=__doc__.partition("\n")[0])
    options.add_argument("what", nargs="*", choices=[*GROWTHS, []], help="routes, keys or both (both)")
    options.add_argument("--few", type=int, help="the small number")
    options.add_argument("--many", type=int, help="the large number")
    options.add_argument("--rounds", type=int, default=8, help="measured rounds after the warm-up (%(default)s)")
    options.add_argument("--requests", type=int, default=40_000, help="requests per round (%(default)s)")
    options.add_argument("--core", type=int, help="the proxies' core (the last one)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the reports (%(default)s)")
    return options


def entry(growth: Growth, count: int, home: Path) -> Entry:
    """A gateway with that many, its manifests written."""
    scenario = growth.scenario(count)
    path = home / f"{growth.name}-{count}.yaml"
    path.write_text(growth.manifests(count))
    return Entry(scenario.name, PEERS["agw"], scenario, Setup(Path(), 0, 0, manifests=path))


def compare(growth: Growth, few: int, many: int, options: argparse.Namespace, cores: Cores) -> report.Comparison:
    """The many beside the few."""
    before = machine.look()
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        entries = [entry(growth, count, Path(home)) for count in (few, many)]
        with lined_up(entries, cores) as entrants:
            steal = machine.Steal(cores.proxy)
            samples = measure(entrants, options.rounds, options.requests)
            notes = [f"{options.rounds} rounds of {options.requests} requests after a warm-up", str(steal)]
    title = f"CPU time of agw per request with {few} and {many} {growth.name}: {entries[1].scenario.about}"
    return report.Comparison(title, entries[1].name, before, cores, {}, samples, notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure."""
    options = parser().parse_args(arguments)
    try:
        raise_file_limit()
        cores = machine.cores(options.core)
        for name in options.what or GROWTHS:
            growth = GROWTHS[name]
            few, many = options.few or growth.few, options.many or growth.many
            print(report.publish(compare(growth, few, many, options, cores), options.out, f"growth-{name}"), flush=True)
    except RigError as error:
        print(f"bench.routes: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
