"""Event streams: what an event costs the proxy's workers, and how much later it comes than on the direct connection.

In its turn of a round a proxy is given all streams; when each has begun, and a first part is over, its CPU time and the
events that arrive are counted for a window; then the client leaves. Opening and closing streams is in no figure. Events
carry the time at which the agent wrote them, on the clock that all processes of a machine share. One that comes together with
the one before it was held back by somebody, and is counted as merged.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import RigError
from bench.delays import Delays, delays_of
from bench.field import RUN_SECONDS, SOURCES, Client, Entrant, client_command, lined_up, watched
from bench.kinds import Kind, Order
from bench.machine import Cores
from bench.peers import DIRECT
from bench.procs import Usage
from bench.report import Figure
from bench.stats import rotated

SETTLE_MS = 500
WINDOW_MS = 2_000


@dataclass(frozen=True, slots=True)
class Window:
    """What one window saw."""

    events: int
    merged: int
    wall_ns: int
    delays: Delays
    worker: Usage
    front: Usage


@dataclass(frozen=True, slots=True)
class Streamed:
    """One round over one proxy. event_us, front_us: CPU per event of what serves, and of the process above it.

    added: delay of events over that on the direct connection; merged: share of events that came with the one before.
    """

    event_us: float
    front_us: float
    added_p50_us: float
    added_p99_us: float
    p50_us: float
    p99_us: float
    p999_us: float
    merged: float
    rate: float


FIGURES = (
    Figure("event_us", "CPU us/event", versus=True),
    Figure("front_us", "supervisor"),
    Figure("added_p50_us", "added p50 us", ".0f", versus=True),
    Figure("added_p99_us", "added p99 us", ".0f", versus=True),
    Figure("p50_us", "p50 us", ".0f"),
    Figure("p99_us", "p99 us", ".0f"),
    Figure("p999_us", "p99.9 us", ".0f"),
    Figure("merged", "merged", ".2%"),
    Figure("rate", "events/s", ".0f"),
)


def window_of(report: Mapping[str, Any], worker: Usage, front: Usage) -> Window:
    """A window from the client's report; RigError where nothing came."""
    if not report["events"]:
        message = "no event came"
        raise RigError(message)
    return Window(report["events"], report["merged"], report["wall_ns"], delays_of(report), worker, front)


def streamed(own: Window, direct: Window) -> Streamed:
    """A round's figures, beside the direct connection's window."""
    p50, p99 = own.delays.quantile(0.5), own.delays.quantile(0.99)
    return Streamed(
        event_us=own.worker.ran / own.events / 1000,
        front_us=own.front.ran / own.events / 1000,
        added_p50_us=p50 - direct.delays.quantile(0.5),
        added_p99_us=p99 - direct.delays.quantile(0.99),
        p50_us=p50,
        p99_us=p99,
        p999_us=own.delays.quantile(0.999),
        merged=own.merged / own.events,
        rate=own.events * 1e9 / own.wall_ns,
    )


def turn(entrant: Entrant, client: Client) -> Window:
    """All streams on one proxy, for a window."""
    watched(entrant, lambda: client.ask("open"))
    watched(entrant, lambda: client.ask(str(SETTLE_MS)))
    window = window_of(*watched(entrant, lambda: client.ask(str(WINDOW_MS))))
    watched(entrant, lambda: client.ask("close"))
    return window


def client_of(entrant: Entrant, cores: Cores, streams: int) -> Client:
    """The native client of a proxy."""
    options = {"streams": streams, "sources": SOURCES, "timeout": RUN_SECONDS}
    return Client(client_command("streams", entrant.port, entrant.script, cores, **options))


def rounds_of(entrants: Sequence[Entrant], clients: Mapping[str, Client], rounds: int) -> dict[str, list[Window]]:
    """All rounds, in rotating order, without the warm-up."""
    windows: dict[str, list[Window]] = {entrant.name: [] for entrant in entrants}
    for number in range(rounds + 1):
        for entrant in rotated(entrants, number):
            windows[entrant.name].append(turn(entrant, clients[entrant.name]))
        costs = {name: own[-1].worker.ran / own[-1].events / 1000 for name, own in windows.items()}
        told = ", ".join(f"{name} {cost:.2f}" for name, cost in sorted(costs.items()))
        print(f"{f'round {number}/{rounds}' if number else 'warm-up'}: {told} us", file=sys.stderr, flush=True)
    return {name: own[1:] for name, own in windows.items()}


def measure(order: Order) -> tuple[dict[str, list[Streamed]], list[str]]:
    """The whole contest; its scenario's connections are streams."""
    streams = order.entries[0].scenario.connections
    with contextlib.ExitStack() as stack, lined_up(order.entries, order.cores) as entrants:
        clients = {entrant.name: client_of(entrant, order.cores, streams) for entrant in entrants}
        for client in clients.values():
            stack.callback(client.stop)
        windows = rounds_of(entrants, clients, order.rounds)
    direct = windows[DIRECT.name]
    notes = [f"{order.rounds} rounds after a warm-up, {WINDOW_MS / 1000:g} s of {streams:,} open streams each"]
    return {name: [streamed(*pair) for pair in zip(own, direct, strict=True)] for name, own in windows.items()}, notes


KIND = Kind(measure, FIGURES, direct=True)
