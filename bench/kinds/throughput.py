"""How many requests a second come through: what a second worker adds to one.

A proxy has as many cores as workers, and as many load generators, since one of those may have less to give than two workers
take. Where the machine has no cores left for the load, the workers lose theirs to it: the ratio then says nothing about the
proxy, and the report says so. What it still shows is whether a request costs more with two workers than with one.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.delays import delays_of, together
from bench.field import Entrant, Load, Slice, check_report, lined_up, load_command, sample, watched
from bench.kinds import Kind, Order
from bench.report import Figure
from bench.stats import rotated


@dataclass(frozen=True, slots=True)
class Throughput:
    """One round over one proxy. rate: requests answered in a second; busy: how many cores its workers kept busy."""

    rate: float
    worker_us: float
    front_us: float
    busy: float
    waited: float
    p50_us: float
    p99_us: float


FIGURES = (
    Figure("rate", "requests/s", ".0f", versus=True),
    Figure("worker_us", "CPU us/request", versus=True),
    Figure("front_us", "supervisor"),
    Figure("busy", "busy cores", ".2f"),
    Figure("waited", "waited", ".1%"),
    Figure("p50_us", "p50 us", ".0f"),
    Figure("p99_us", "p99 us", ".0f"),
)


def at_once(loads: Sequence[Load], requests: int) -> dict[str, Any]:
    """That many requests, a share of them by each load, all at the same time."""
    for load in loads:
        load.tell(str(requests // len(loads)))
    reports = [load.hear() for load in loads]
    for report in reports:
        check_report(report)
    return {"reports": reports}


def run(entrant: Entrant, loads: Sequence[Load], requests: int) -> Slice:
    """One slice by all loads; its wall time is that of the last one."""
    answer, worker, front = watched(entrant, lambda: at_once(loads, requests))
    reports: Sequence[Mapping[str, Any]] = answer["reports"]
    return Slice(
        sum(one["requests"] for one in reports),
        worker,
        front,
        max(one["wall_ns"] for one in reports),
        together([delays_of(one) for one in reports]),
    )


def throughput(slices: Sequence[Slice]) -> Throughput:
    """A round's figures from its slices."""
    one = sample(slices)
    return Throughput(one.rate, one.worker_us, one.front_us, one.busy, one.waited, one.p50_us, one.p99_us)


def round_of(
    entrants: Sequence[Entrant], loads: Mapping[str, Sequence[Load]], number: int, order: Order
) -> dict[str, Throughput]:
    """One round, a slice of each in turn."""
    slices: dict[str, list[Slice]] = {entrant.name: [] for entrant in entrants}
    for turn in range(max(order.requests // order.contest.slice, 1)):
        for entrant in rotated(entrants, number + turn):
            size = min(order.requests, order.contest.slice)
            slices[entrant.name].append(run(entrant, loads[entrant.name], size))
    samples = {name: throughput(own) for name, own in slices.items()}
    told = ", ".join(f"{name} {one.rate:.0f}" for name, one in sorted(samples.items()))
    print(f"{f'round {number}/{order.rounds}' if number else 'warm-up'}: {told} /s", file=sys.stderr, flush=True)
    return samples


def measure(order: Order) -> tuple[dict[str, list[Throughput]], list[str]]:
    """The whole contest."""
    workers = {entry.name: entry.setup.workers for entry in order.entries}
    with contextlib.ExitStack() as stack, lined_up(order.entries, order.cores) as entrants:
        loads: dict[str, list[Load]] = {}
        for entrant in entrants:
            argv = load_command(entrant.port, entrant.script, entrant.scenario, order.cores)
            loads[entrant.name] = [Load(argv) for _ in range(workers[entrant.name])]
            for load in loads[entrant.name]:
                stack.callback(load.stop)
        rounds = [round_of(entrants, loads, number, order) for number in range(order.rounds + 1)][1:]
    notes = [f"{order.rounds} rounds of {order.requests} requests after a warm-up, a load generator for each worker"]
    if order.cores.shared:
        notes.append("WARNING: load and agent share the workers' cores: what a second worker adds cannot be seen here")
    return {entrant.name: [one[entrant.name] for one in rounds] for entrant in entrants}, notes


KIND = Kind(measure, FIGURES)
