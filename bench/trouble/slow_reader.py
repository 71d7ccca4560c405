"""Clients that ask for a large answer and take nothing of it.

What they may cost: a bounded buffer each while they are waited for, and nothing when the stall deadline is over; the
agent's connection goes with them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.trouble.proxies import Conditions
from bench.trouble.result import KIB, Check, Outcome, at_most, exactly
from bench.trouble.stage import Options, Proxy, crowd, on_stage, settle, status

CLIENTS = 200
STALL = 3  # seconds
LATE = 2.5  # seconds after two deadlines: a stall is noticed when a whole deadline has passed without a byte taken
MESSAGE = b"GET /a/big?bytes=50000000 HTTP/1.1\r\nHost: agents.example.com\r\n\r\n"
BUFFER = 256 * KIB


@dataclass(frozen=True, slots=True)
class Found:
    """each: bytes of memory per client while they are waited for. ended: seconds until the proxy had let go of all."""

    each: float
    ended: float | None
    left: int
    agents: int


def let_go(proxy: Proxy, base: int, since: float) -> float | None:
    """Seconds until the workers' descriptors are as few as before; None where they are not in good time."""
    while time.monotonic() - since < STALL * 3 + LATE:
        if proxy.descriptors() <= base:
            return time.monotonic() - since
        time.sleep(0.05)
    return None


def look(name: str, options: Options) -> Found:
    """One proxy."""
    count = options.count(CLIENTS)
    with on_stage(name, Conditions(stall=STALL), options) as proxy:
        for _ in range(8):
            status(proxy.port, "/a/big?bytes=1000000")
        base, weight = settle(proxy.descriptors), proxy.weight().rss
        with crowd(proxy.port, MESSAGE, options.cores, proxy.folder, connections=count, read=0) as stuck:
            begun = time.monotonic()
            stuck.ready()
            time.sleep(STALL / 2)
            each = (proxy.weight().rss - weight) / count
            ended = let_go(proxy, base + 2, begun)
            left = max(proxy.descriptors() - base, 0)
            agents = proxy.agents[0].counts()["connections_now"] - 1
        return Found(each, ended, left, agents)


def run(options: Options) -> Outcome:
    """Every proxy in turn."""
    found = {name: look(name, options) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw = found["agw"]
        checks = [
            at_most("memory of a client that reads nothing", agw.each / KIB, BUFFER / KIB, " KiB"),
            exactly("all let go in time", agw.ended is not None, wanted=True),
        ]
    rows = {
        name: [
            f"{one.each / KIB:.0f}",
            f"{one.ended:.1f}" if one.ended is not None else "not seen",
            str(one.left),
            str(max(one.agents, 0)),
        ]
        for name, one in found.items()
    }
    return Outcome(
        f"{options.count(CLIENTS)} clients that ask for 50 MB and read nothing",
        ("KiB each", "all let go after, s", "descriptors left", "agent's connections left"),
        rows,
        checks,
        [f"a client may take nothing for {STALL} s in all; looked at for {STALL * 3 + LATE:g} s"],
        figures=dict(found),
    )
