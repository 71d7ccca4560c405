"""How long a proxy takes to serve: from the moment its command is run until its first right answer.

Each round starts every proxy anew, one at a time, and asks it a request each millisecond until a 200 comes. The CPU time is
that of all its processes until then. The first start of each is dropped: it brings the files into memory, and for Python
writes compiled ones.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import RigError
from bench.field import START_SECONDS, Entry, agent_command, ready
from bench.kinds import Kind, Order
from bench.machine import Cores
from bench.procs import Process, descendants, free_port, started, usage
from bench.report import Figure
from bench.stats import rotated

POLL = 0.001


@dataclass(frozen=True, slots=True)
class Start:
    """One start: ms until the first answer, and ms of CPU time of all processes until then."""

    first_ms: float
    cpu_ms: float


FIGURES = (Figure("first_ms", "ms until the first 200", ".0f", versus=True), Figure("cpu_ms", "CPU ms", ".0f"))


def await_answer(process: Process, entry: Entry) -> None:
    """Ask until it answers; RigError when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not ready(process, entry.setup.port, entry.scenario):
        if time.monotonic() > deadline:
            message = f"{entry.name} does not answer after {START_SECONDS} s:\n{process.tail()}"
            raise RigError(message)
        time.sleep(POLL)


def start(entry: Entry, cores: Cores, upstream: int) -> Start:
    """Start a proxy once, and stop it."""
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        setup = replace(entry.setup, folder=Path(home), port=free_port(), upstream=upstream)
        argv = entry.peer.command(setup)
        begun = time.perf_counter()
        with started(entry.name, argv, cores.proxy[: setup.workers], Path(home) / "log") as process:
            await_answer(process, replace(entry, setup=setup))
            first = time.perf_counter() - begun
            spent = usage([process.pid, *descendants(process.pid)])
    return Start(first * 1e3, spent.ran / 1e6)


def rounds_of(entries: Sequence[Entry], order: Order, upstream: int) -> dict[str, list[Start]]:
    """All rounds, in rotating order, without the first."""
    starts: dict[str, list[Start]] = {entry.name: [] for entry in entries}
    for number in range(order.rounds + 1):
        for entry in rotated(entries, number):
            starts[entry.name].append(start(entry, order.cores, upstream))
        told = ", ".join(f"{name} {own[-1].first_ms:.0f}" for name, own in sorted(starts.items()))
        print(f"{f'round {number}/{order.rounds}' if number else 'warm-up'}: {told} ms", file=sys.stderr, flush=True)
    return {name: own[1:] for name, own in starts.items()}


def measure(order: Order) -> tuple[dict[str, list[Start]], list[str]]:
    """The whole contest."""
    upstream = free_port()
    argv = agent_command(upstream, [entry.scenario for entry in order.entries])
    with (
        tempfile.TemporaryDirectory(prefix="agw-bench-") as home,
        started("agent", argv, order.cores.others, Path(home) / "agent.log"),
    ):
        starts = rounds_of(order.entries, order, upstream)
    return starts, [f"{order.rounds} starts of each after a first one"]


KIND = Kind(measure, FIGURES)
