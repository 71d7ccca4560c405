"""`python -m bench.memory`: what a worker weighs, and what 10,000 idle client connections add to it.

Each proxy is warmed with a short load, weighed, then given the connections: one request on each, after which they stay
open and silent. The growth of the workers' resident memory over the number of connections is the figure; the kernel's
own memory for a socket is in nobody's figure. nginx allocates its table of connections at the start (some 7 MB for the
16,384 that its configuration here allows), so that part of its price is in its base and not in its growth.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.field import Entrant, Entry, lined_up, load_command, run
from bench.machine import Cores
from bench.peers import SEED, Setup, choose
from bench.procs import Memory, connections_within, memory, raise_file_limit
from bench.scenario import POST300

CONNECTIONS = 10_000
WARM_REQUESTS = 20_000
SOURCES = 4  # client addresses 127.0.0.1 to 127.0.0.4: ports of one would run short beside what other runs left waiting
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Weight:
    """Resident memory of a proxy's workers: warm, with the idle connections, and after they were closed."""

    warm: Memory
    held: Memory
    after: Memory
    connections: int
    supervisor: Memory | None

    @property
    def per_connection(self) -> float:
        """Bytes that an idle connection adds."""
        return (self.held.rss - self.warm.rss) / self.connections


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__.partition("\n")[0])
    options.add_argument("--peers", default="nginx,haproxy,agw", help="which proxies, with commas (%(default)s)")
    options.add_argument("--connections", type=int, help="idle connections (10,000, or what descriptors allow)")
    options.add_argument("--manifests", type=Path, default=SEED, help="what agw serves (%(default)s)")
    options.add_argument("--at-most-mb", type=float, help="exit 1 when agw's warm worker weighs more")
    options.add_argument("--at-most-bytes", type=float, help="exit 1 when a connection adds more to agw")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the reports (%(default)s)")
    return options


def weigh(pids: Sequence[int]) -> Memory:
    """Resident memory of some processes together."""
    weights = [memory(pid) for pid in pids]
    return Memory(sum(one.rss for one in weights), sum(one.pss for one in weights))


@contextlib.contextmanager
def idle(entrant: Entrant, cores: Cores, connections: int) -> Iterator[None]:
    """That many connections, each of which has had one answer, for the length of a block."""
    options = {"hold": 1, "connections": connections, "sources": SOURCES}
    argv = load_command(entrant.port, entrant.script, entrant.scenario, cores, **options)
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        line = child.stdout.readline() if child.stdout else ""
        if not line:
            message = f"{entrant.name} did not hold {connections} connections: {child.communicate()[1].strip()}"
            raise RigError(message)
        yield
        closed = json.loads(child.communicate()[0])["closed"]
    if closed:
        message = f"{entrant.name} closed {closed} of {connections} idle connections"
        raise RigError(message)


def put_on_scales(entrant: Entrant, cores: Cores, connections: int) -> Weight:
    """Weigh one proxy."""
    run(entrant, WARM_REQUESTS)
    warm = weigh(entrant.workers)
    with idle(entrant, cores, connections):
        held = weigh(entrant.workers)
    run(entrant, WARM_REQUESTS)
    above = None if entrant.process.pid in entrant.workers else memory(entrant.process.pid)
    return Weight(warm, held, weigh(entrant.workers), connections, above)


COLUMNS = ("proxy", "worker RSS MB", "PSS MB", "RSS with them", "bytes each", "RSS after", "supervisor RSS")


def rows(weights: dict[str, Weight]) -> list[tuple[str, ...]]:
    """A row per proxy."""
    return [
        (
            name,
            f"{weight.warm.rss / MB:.1f}",
            f"{weight.warm.pss / MB:.1f}",
            f"{weight.held.rss / MB:.1f}",
            f"{weight.per_connection:.0f}",
            f"{weight.after.rss / MB:.1f}",
            f"{weight.supervisor.rss / MB:.1f}" if weight.supervisor else "",
        )
        for name, weight in weights.items()
    ]


def measure(options: argparse.Namespace) -> dict[str, Weight]:
    """Weigh all, print and keep the report."""
    limit = raise_file_limit()
    wanted = options.connections or connections_within(limit, CONNECTIONS)
    if wanted > connections_within(limit, wanted):
        message = f"{wanted} connections need more file descriptors than {limit}: ulimit -n"
        raise RigError(message)
    peers, notes = choose(options.peers.split(","))
    cores, before = machine.cores(), machine.look()
    setup = Setup(Path(), 0, 0, manifests=options.manifests)
    with lined_up([Entry(peer.name, peer, POST300, setup) for peer in peers], cores) as entrants:
        weights = {entrant.name: put_on_scales(entrant, cores, wanted) for entrant in entrants}
    title = f"Memory of a worker, and of {wanted} idle client connections after one request each"
    lines = [*machine.header(before, cores), *notes]
    page = report.page_of(title, lines, report.markdown_table(COLUMNS, rows(weights)))
    paths = report.write(options.out, "memory", page, weights)
    print(report.text_of(title, lines, report.aligned(COLUMNS, rows(weights))))
    print("\nwritten: " + ", ".join(map(str, paths)))
    return weights


def verdicts(weight: Weight, megabytes: float | None, each: float | None) -> list[str]:
    """A line for each limit that is passed."""
    over = []
    if megabytes is not None and weight.warm.rss > megabytes * MB:
        over.append(f"a worker of agw weighs {weight.warm.rss / MB:.1f} MB; at most {megabytes:g} is wanted")
    if each is not None and weight.per_connection > each:
        over.append(f"an idle connection adds {weight.per_connection:.0f} bytes to agw; at most {each:g} is wanted")
    return over


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure or over a limit."""
    options = parser().parse_args(arguments)
    try:
        weights = measure(options)
    except RigError as error:
        print(f"bench.memory: {error}", file=sys.stderr)
        return 1
    over = verdicts(weights["agw"], options.at_most_mb, options.at_most_bytes) if "agw" in weights else []
    for line in over:
        print(line, file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
