"""What a proxy adds to the time of an answer, over the direct connection to the agent, which takes its turns as well.

Where the scenario has a rate, requests are sent at fixed times, whether or not earlier ones were answered, and their time
begins when they should have been sent: a client that waits politely while a proxy stalls would not notice most of it.
Without a rate it is a closed loop, in which connections wait for one another: the delay at saturation.

Added is the difference of two quantiles of the same round, so it holds what the machine did to both, and may be
negative where a proxy spares the agent something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.field import Sample, lined_up
from bench.kinds import Kind, Order
from bench.kinds.closed import rounds_of
from bench.peers import DIRECT
from bench.report import Figure


@dataclass(frozen=True, slots=True)
class Latency:
    """One round over one proxy: quantiles, in us, what of them it added, its CPU per request, requests a second."""

    added_p50_us: float
    added_p99_us: float
    added_p999_us: float
    p50_us: float
    p99_us: float
    p999_us: float
    worker_us: float
    rate: float


FIGURES = (
    Figure("added_p50_us", "added p50 us", ".0f", versus=True),
    Figure("added_p99_us", "added p99 us", ".0f", versus=True),
    Figure("added_p999_us", "added p99.9 us", ".0f", versus=True),
    Figure("p50_us", "p50 us", ".0f"),
    Figure("p99_us", "p99 us", ".0f"),
    Figure("p999_us", "p99.9 us", ".0f"),
    Figure("worker_us", "CPU us/request"),
    Figure("rate", "requests/s", ".0f"),
)


def latency(own: Sample, direct: Sample) -> Latency:
    """A proxy's round beside the direct connection's."""
    return Latency(
        added_p50_us=own.p50_us - direct.p50_us,
        added_p99_us=own.p99_us - direct.p99_us,
        added_p999_us=own.p999_us - direct.p999_us,
        p50_us=own.p50_us,
        p99_us=own.p99_us,
        p999_us=own.p999_us,
        worker_us=own.worker_us,
        rate=own.rate,
    )


def beside(samples: dict[str, list[Sample]], direct: Sequence[Sample]) -> dict[str, list[Latency]]:
    """All rounds of all proxies, round by round beside the direct connection's."""
    return {name: [latency(*pair) for pair in zip(own, direct, strict=True)] for name, own in samples.items()}


def measure(order: Order) -> tuple[dict[str, list[Latency]], list[str]]:
    """The whole contest."""
    with lined_up(order.entries, order.cores) as entrants:
        samples = rounds_of(entrants, order.rounds, order.requests, order.contest.slice)
    rate = order.entries[0].scenario.rate
    how = f"at {rate:,} a second, timed from when they were due" if rate else "in a closed loop"
    notes = [f"{order.rounds} rounds of {order.requests} requests after a warm-up, {how}"]
    return beside(samples, samples[DIRECT.name]), notes


KIND = Kind(measure, FIGURES, direct=True)
