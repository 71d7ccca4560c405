"""Agents that drop two of a hundred kept connections: before the next request, or as it arrives.

A GET may be sent again where nothing of an answer came. A POST may be, only where nothing of it was sent, so one that
races with the close fails, and rightly; one that an agent sees twice is the fault. Nor is a stale connection the
endpoint's fault: it must not be taken out of service for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.trouble.clients import GET, POST, Load, Tally, run_load, safely_repeated
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, exactly
from bench.trouble.stage import Options, on_stage

SHARE = 0.02
CLIENTS = 32
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """One proxy's figures. dropped: connections that agents closed, before a request and as it came."""

    tally: Tally
    dropped: tuple[int, int]
    doubled: int
    ejections: float


def look(name: str, options: Options) -> Found:
    """One proxy, two agents."""
    with on_stage(name, Conditions(), options, hosts=2, flags=[f"--stale={SHARE}"]) as proxy:
        load = Load(proxy.port, CLIENTS, [GET, POST])
        tally = run_load(load, lambda: time.sleep(options.seconds(SECONDS)))
        counts = [agent.counts() for agent in proxy.agents]
        dropped = sum(one["stale_closed"] for one in counts), sum(one["stale_raced"] for one in counts)
        ejections = sum(value for metric, value in proxy.metrics().items() if "ejections_total" in metric)
        return Found(tally, dropped, proxy.doubled(), ejections)


def run(options: Options) -> Outcome:
    """Every proxy in turn."""
    found = {name: look(name, options) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw = found["agw"]
        checks = [
            *safely_repeated(agw.tally, agw.doubled),
            exactly("ejections of an endpoint", int(agw.ejections), 0),
        ]
    rows = {
        name: [
            str(one.tally.answered.total()),
            f"{one.dropped[0]} + {one.dropped[1]}",
            str(one.tally.failed("GET")),
            str(one.tally.failed("POST")),
            str(one.doubled),
            one.tally.kinds(),
        ]
        for name, one in found.items()
    }
    return Outcome(
        f"{CLIENTS} clients, GET and POST in turn; two agents that drop {SHARE:.0%} of the connections they answered on",
        ("answered", "dropped before + at", "GET failed", "POST failed", "POST doubled", "failures"),
        rows,
        checks,
        [f"{options.seconds(SECONDS):g} s of load each"],
        figures=dict(found),
    )
