"""More connections than a worker may have.

First the places are taken by connections that are idle after a request: room can be made, the oldest first. Then by
requests under way: nothing can be taken from them, so who comes has to wait in the kernel's queue, and is neither
refused nor answered with an error. nginx counts its connections to agents among the same number, so half of it is clients'.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.scenario import post
from bench.trouble.clients import GET, Load, Tally, run_load
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, exactly
from bench.trouble.stage import Options, crowd, on_stage

CAP = 1_000
GOOD_CLIENTS = 32
BUSY_MS = 3_000
IDLE = post(path="/a/echo")
BUSY = f"GET /a/slow?ms={BUSY_MS} HTTP/1.1\r\nHost: agents.example.com\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Found:
    """What came of the good clients, and of those who were there before."""

    tally: Tally
    others: dict[str, object]


def look(name: str, options: Options, message: bytes, seconds: float) -> Found:
    """Fill the places with one kind of client, then let good ones come."""
    cap = options.count(CAP)
    with (
        on_stage(name, Conditions(connections=cap), options) as proxy,
        crowd(proxy.port, message, options.cores, proxy.folder, connections=cap) as others,
    ):
        others.ready()
        time.sleep(0.3)
        load = Load(proxy.port, GOOD_CLIENTS, [GET], pause=0.02)
        tally = run_load(load, lambda: time.sleep(seconds))
        return Found(tally, others.ask())


def cells(found: Found, cap: int) -> list[str]:
    """Of the good: answered, failed, longest wait. Of the others: answered, closed."""
    statuses = found.others["statuses"]
    assert isinstance(statuses, dict)
    others = ", ".join(f"{status}: {times}" for status, times in statuses.items()) or "-"
    return [
        str(found.tally.answered["GET"]),
        str(len(found.tally.failures)),
        f"{found.tally.quantile_ms(1.0):.0f}",
        f"{others} of {cap}, {found.others['closed']} closed",
    ]


def run(options: Options) -> Outcome:
    """Idle ones first, then busy ones; every proxy."""
    cap = options.count(CAP)
    idle = {name: look(name, options, IDLE, 2.0) for name in options.peers}
    busy = {name: look(name, options, BUSY, BUSY_MS / 1000 * 1.5 + 1) for name in options.peers}
    checks: list[Check] = []
    for what, found in (("idle", idle), ("busy", busy)) if "agw" in idle else ():
        agw = found["agw"]
        checks.append(exactly(f"good requests that failed, places taken by {what} ones", len(agw.tally.failures), 0))
        checks.append(exactly(f"good requests answered at all, {what}", agw.tally.answered["GET"] > 0, wanted=True))
    return Outcome(
        f"{GOOD_CLIENTS} good clients come where {cap} connections, the most allowed, are there already",
        ("idle: answered", "failed", "longest ms", "the idle ones", "busy: answered", "failed", "longest ms", "busy"),
        {name: [*cells(idle[name], cap), *cells(busy[name], cap)] for name in options.peers},
        checks,
        [f"busy ones wait {BUSY_MS} ms for their answer"],
        figures={"idle": idle, "busy": busy},
    )
