"""A closed loop: each connection asks as soon as it was answered, so the proxy has as much to do as it can.

In a round the proxies take turns, a slice of load at a time and in rotating order; the first round warms up and is dropped.
The figure is the CPU time of the proxy's workers per request.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.field import Entrant, Sample, Slice, lined_up, run, sample
from bench.kinds import Kind, Order
from bench.report import REQUESTS
from bench.stats import rotated


def one_round(entrants: Sequence[Entrant], number: int, requests: int, slice_of: int) -> dict[str, Sample]:
    """Load all proxies in turn, a slice at a time, until each has had its requests; the order rotates."""
    slices: dict[str, list[Slice]] = {entrant.name: [] for entrant in entrants}
    turns = -(-requests // slice_of)
    for turn in range(turns):
        for entrant in rotated(entrants, number * turns + turn):
            slices[entrant.name].append(run(entrant, min(slice_of, requests - turn * slice_of)))
    return {name: sample(own) for name, own in slices.items()}


def rounds_of(entrants: Sequence[Entrant], rounds: int, requests: int, slice_of: int) -> dict[str, list[Sample]]:
    """All rounds; the warm-up is round 0 and not among the samples."""
    samples: dict[str, list[Sample]] = {entrant.name: [] for entrant in entrants}
    for number in range(rounds + 1):
        results = one_round(entrants, number, requests, slice_of)
        costs = ", ".join(f"{name} {result.worker_us:.2f}" for name, result in sorted(results.items()))
        print(f"{f'round {number}/{rounds}' if number else 'warm-up'}: {costs} us", file=sys.stderr, flush=True)
        for name, result in results.items() if number else ():
            samples[name].append(result)
    return samples


def measure(order: Order) -> tuple[dict[str, list[Sample]], list[str]]:
    """The whole contest."""
    with lined_up(order.entries, order.cores) as entrants:
        samples = rounds_of(entrants, order.rounds, order.requests, order.contest.slice)
    return samples, [f"{order.rounds} rounds of {order.requests} requests after a warm-up"]


KIND = Kind(measure, REQUESTS)
