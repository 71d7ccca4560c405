"""What changes of the configuration cost those who are being served meanwhile.

Gateways alike, each with a folder of 5,000 routes, 25 to a file, take a gentle load at a fixed rate in turns. While it is
the turn of one that is to change, files of its folder are replaced at a fixed rate, so that one route moves each time;
requests go to routes that stay. Supervisor and worker share a core, as they do in a pod that has one: what the supervisor
computes, the worker may have to wait for.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.field import Entrant, Entry, Sample, Slice, lined_up, run, sample
from bench.kinds import Kind, Order
from bench.manifests import BACKEND, locked
from bench.reload import PER_FILE, write_file, write_fleet
from bench.report import Figure
from bench.scenario import KEYS
from bench.stats import rotated

FIGURES = (
    Figure("p99_us", "p99 us", ".0f", versus=True),
    Figure("p50_us", "p50 us", ".0f"),
    Figure("p999_us", "p99.9 us", ".0f"),
    Figure("worker_us", "worker CPU us/request", versus=True),
    Figure("front_us", "supervisor CPU us/request", ".1f"),
    Figure("waited", "waited", ".1%"),
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A folder of that many routes, of which the second half may move, and how many of them do in a second."""

    folder: Path
    routes: int
    changes: int
    turns: Iterator[int]

    def change(self) -> None:
        """Move one route, in a file that was not the last one."""
        turn = next(self.turns)
        half = self.routes // 2
        number = half + turn * 37 % half
        write_file(self.folder, number // PER_FILE, self.routes, {number: f"/moved/{turn}"})


def fleet_of(entry: Entry, folder: Path) -> Fleet:
    """Write the folder of an entry."""
    write_fleet(folder, entry.setup.routes, BACKEND + locked(KEYS))
    return Fleet(folder, entry.setup.routes, entry.setup.changes, itertools.count())


@contextlib.contextmanager
def changing(fleet: Fleet) -> Iterator[None]:
    """Replace files at the fleet's rate for the length of a block, if it has one."""
    if not fleet.changes:
        yield
        return
    over = threading.Event()

    def work() -> None:
        due = time.monotonic()
        while not over.wait(max(due - time.monotonic(), 0)):
            fleet.change()
            due += 1 / fleet.changes

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def one_round(entrants: Sequence[Entrant], fleets: Mapping[str, Fleet], number: int, order: Order) -> dict[str, Sample]:
    """Every gateway in turn, a slice at a time."""
    slices: dict[str, list[Slice]] = {entrant.name: [] for entrant in entrants}
    for turn in range(max(order.requests // order.contest.slice, 1)):
        for entrant in rotated(entrants, number + turn):
            with changing(fleets[entrant.name]):
                slices[entrant.name].append(run(entrant, order.contest.slice))
    samples = {name: sample(own) for name, own in slices.items()}
    told = ", ".join(f"{name} {one.p99_us:.0f}" for name, one in sorted(samples.items()))
    print(f"{f'round {number}/{order.rounds}' if number else 'warm-up'}: p99 {told} us", file=sys.stderr, flush=True)
    return samples


def measure(order: Order) -> tuple[dict[str, list[Sample]], list[str]]:
    """The whole contest; an entry's setup says how many routes, and how many changes a second."""
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        fleets = {entry.name: fleet_of(entry, Path(home) / str(at)) for at, entry in enumerate(order.entries)}
        entries = [
            replace(entry, setup=replace(entry.setup, manifests=fleets[entry.name].folder)) for entry in order.entries
        ]
        with lined_up(entries, order.cores) as entrants:
            rounds = [one_round(entrants, fleets, number, order) for number in range(order.rounds + 1)][1:]
    notes = [f"{order.rounds} rounds of {order.requests} requests after a warm-up, timed from when they were due"]
    return {entrant.name: [one[entrant.name] for one in rounds] for entrant in entrants}, notes


KIND = Kind(measure, FIGURES)
