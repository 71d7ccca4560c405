"""What a worker weighs: when it has just begun to serve, after some load, with 10,000 idle client connections, and after.

Each connection has had one answer and stays open and silent. The growth of the workers' resident memory over the number of
connections is their price; the kernel's own memory for a socket is in nobody's figure. nginx allocates its table of
connections at the start (some 7 MB for the 16,384 that its configuration here allows), so that part of its price is in its
base and not in its growth. There is one round: a proxy that has held connections keeps some of their memory.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import RigError
from bench.field import Entrant, lined_up, load_command, run
from bench.kinds import Kind, Order
from bench.machine import Cores
from bench.procs import connections_within, memory, raise_file_limit
from bench.report import Figure

CONNECTIONS = 10_000
SOURCES = 4  # client addresses 127.0.0.1 to 127.0.0.4: ports of one would run short beside what other runs left waiting
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Weight:
    """Resident memory of a proxy's workers, in MB, and what one of the idle connections added, in bytes.

    front: of the process above the workers, where there is one.
    """

    start: float
    warm: float
    held: float
    after: float
    front: float
    each: float


FIGURES = (
    Figure("start", "worker MB at start", ".1f", versus=True),
    Figure("warm", "warm", ".1f"),
    Figure("held", "with idle connections", ".1f"),
    Figure("each", "bytes each", ".0f"),
    Figure("after", "after them", ".1f"),
    Figure("front", "supervisor MB", ".1f"),
)


def weigh(pids: Sequence[int]) -> float:
    """Resident memory of some processes together, in MB."""
    return sum(memory(pid).rss for pid in pids) / MB


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


def put_on_scales(entrant: Entrant, cores: Cores, connections: int, requests: int) -> Weight:
    """Weigh one proxy."""
    start = weigh(entrant.workers)
    run(entrant, requests)
    warm = weigh(entrant.workers)
    with idle(entrant, cores, connections):
        held = weigh(entrant.workers)
    run(entrant, requests)
    return Weight(start, warm, held, weigh(entrant.workers), weigh(entrant.front), (held - warm) * MB / connections)


def measure(order: Order) -> tuple[dict[str, list[Weight]], list[str]]:
    """The whole contest."""
    connections = connections_within(raise_file_limit(), CONNECTIONS)
    with lined_up(order.entries, order.cores) as entrants:
        weights = {one.name: [put_on_scales(one, order.cores, connections, order.requests)] for one in entrants}
    notes = [f"weighed once; {connections} idle connections"]
    if connections < CONNECTIONS:
        notes.append(f"WARNING: descriptors allow no more than {connections} connections: ulimit -n")
    return weights, notes


KIND = Kind(measure, FIGURES)
