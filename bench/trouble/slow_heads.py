"""Thousands of clients that send their request heads a byte a second, beside good ones.

The good ones' p99 is measured twice in turn: while the crowd drips into a listener with no proxy under it, and while it
drips into the proxy. So the crowd's own cost to the machine is in both. Then the crowd is left alone, and every one of
its connections must be closed when the header deadline is over: bytes that trickle in do not move it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from bench.build import program
from bench.field import Load, check_report, load_command
from bench.procs import free_port, raise_file_limit, started
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, at_most, exactly
from bench.trouble.stage import GOOD, Options, Proxy, crowd, good_script, on_stage

CLIENTS = 8_000
DEADLINE = 12  # seconds for a head: time enough to fill the proxy and to measure under it
LATE = 1.5  # seconds after the deadline that still count as at it
ROUNDS = 3
SLICES = 8
REQUESTS = 4_000
SOURCES = 4
HEAD = b"GET /a/echo HTTP/1.1\r\nHost: agents.example.com\r\nX-Slow: " + b"a" * 200
AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class Found:
    """One proxy's figures. ratios: p99 with the crowd on it over p99 with the crowd beside it, round by round."""

    p99_us: list[float]
    ratios: list[float]
    closed: dict[str, object]
    count: int

    @property
    def ratio(self) -> float:
        """Their median."""
        return statistics.median(self.ratios)


def p99(load: Load, requests: int) -> float:
    """The median slice's p99 of the good clients, in us."""
    slices = []
    for _ in range(SLICES):
        report = load.send(requests)
        check_report(report)
        slices.append(report["p99_ns"] / 1000)
    return statistics.median(slices)


def watch(proxy: Proxy, load: Load, sink: int, options: Options) -> Found:
    """All rounds over one proxy."""
    flags = {"connections": options.count(CLIENTS), "at_once": AT_ONCE, "drip_ms": 1000, "sources": SOURCES}
    requests = options.count(REQUESTS)
    beside, under, closed = [], [], {}
    for turn in range(ROUNDS):
        with crowd(sink, HEAD, options.cores, proxy.folder, **flags) as slow:
            slow.ready()
            beside.append(p99(load, requests))
        with crowd(proxy.port, HEAD, options.cores, proxy.folder, **flags) as slow:
            slow.ready()
            under.append(p99(load, requests))
            if turn == ROUNDS - 1:
                closed = slow.wait_closed(flags["connections"], DEADLINE * 2)
    ratios = [with_them / without for with_them, without in zip(under, beside, strict=True)]
    return Found(under, ratios, closed, flags["connections"])


def look(name: str, options: Options) -> Found:
    """One proxy."""
    port = free_port()
    with (
        on_stage(name, Conditions(head=DEADLINE), options, flags=None) as proxy,
        started("sink", [program("sink"), "--listen", f"127.0.0.1:{port}"], options.cores.others, proxy.folder / "s"),
    ):
        load = Load(load_command(proxy.port, good_script(proxy.folder), GOOD, options.cores))
        try:
            load.send(options.count(REQUESTS))
            return watch(proxy, load, port, options)
        finally:
            load.stop()


def row(found: Found) -> list[str]:
    """A proxy's cells."""
    closed = found.closed
    statuses = closed["statuses"]
    return [
        f"{statistics.median(found.p99_us):.0f}",
        f"{found.ratio:.2f}x ({min(found.ratios):.2f} to {max(found.ratios):.2f})",
        f"{closed['closed']} of {found.count}",
        " / ".join(f"{int(str(closed[age])) / 1000:.1f}" for age in ("first_ms", "median_ms", "last_ms")),
        ", ".join(f"{status}: {times}" for status, times in statuses.items()) if isinstance(statuses, dict) else "",
    ]


def run(options: Options) -> Outcome:
    """Every proxy in turn."""
    raise_file_limit()
    found = {name: look(name, options) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw = found["agw"]
        checks = [
            at_most("p99 of good clients beside slow ones, over that without them", agw.ratio, 1.3, "x"),
            exactly("slow clients closed", agw.closed["closed"], agw.count),
            at_most("the last one's age", int(str(agw.closed["last_ms"])) / 1000, DEADLINE + LATE, " s"),
        ]
    return Outcome(
        f"{options.count(CLIENTS)} clients that send a byte of a head each second, beside 32 good ones",
        ("p99 of good, us", "over it without them", "slow ones closed", "ages at close, s", "answered"),
        {name: row(one) for name, one in found.items()},
        checks,
        [f"header deadline {DEADLINE} s in all; ages: first, median, last; p99: medians of {ROUNDS} rounds"],
        figures=dict(found),
    )
