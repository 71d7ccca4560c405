"""Clients that never finish a body: some fall silent, some send a byte just often enough to look alive.

Inactivity ends the silent ones everywhere. A byte every two seconds is no inactivity, and holds a place (and with a
proxy that streams, an agent's connection) for as long as the client likes: only a minimum rate ends it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, exactly
from bench.trouble.stage import Options, crowd, on_stage

CLIENTS = 500
SILENCE = 5  # seconds
DRIP_MS = 2_000
WATCHED = 24  # seconds: the rate counts after the first ten
HEAD = b"POST /a/echo HTTP/1.1\r\nHost: agents.example.com\r\nX-Nonce: slow\r\nContent-Length: 100000\r\n\r\n"
MESSAGE = HEAD + b"a" * 1000


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the clients of one kind. held: connections that the agent had meanwhile."""

    closed: dict[str, object]
    held: int


def watch(name: str, options: Options, drip_ms: int, seconds: float) -> Found:
    """One kind of client over one proxy."""
    count = options.count(CLIENTS)
    flags = {"connections": count, "at_once": len(HEAD) + 1, "drip_ms": drip_ms}
    with (
        on_stage(name, Conditions(body=SILENCE), options) as proxy,
        crowd(proxy.port, MESSAGE, options.cores, proxy.folder, **flags) as slow,
    ):
        slow.ready()
        time.sleep(1)
        held = proxy.agents[0].counts()["connections_now"] - 1  # the one that asks
        return Found(slow.wait_closed(count, seconds), held)


def cells(found: Found, count: int) -> list[str]:
    """How many were closed, when and with what."""
    closed = found.closed
    statuses = closed["statuses"]
    assert isinstance(statuses, dict)
    when = f"{int(str(closed['median_ms'])) / 1000:.1f}" if closed["closed"] else "never"
    return [f"{closed['closed']} of {count}", when, ", ".join(statuses) or "-", str(found.held)]


def run(options: Options) -> Outcome:
    """Both kinds over every proxy."""
    count = options.count(CLIENTS)
    silent = {name: watch(name, options, 0, SILENCE * 2 + 2) for name in options.peers}
    drips = {name: watch(name, options, DRIP_MS, WATCHED) for name in options.peers}
    checks: list[Check] = []
    if "agw" in drips:
        checks = [
            exactly("silent clients closed", silent["agw"].closed["closed"], count),
            exactly("dripping clients closed", drips["agw"].closed["closed"], count),
        ]
    return Outcome(
        f"{count} clients that never finish a body",
        ("silent: closed", "s", "with", "agent's", "dripping: closed", "s", "with", "agent's"),
        {name: [*cells(silent[name], count), *cells(drips[name], count)] for name in options.peers},
        checks,
        [
            f"silence allowed: {SILENCE} s in all; a dripping client sends a byte each {DRIP_MS / 1000:g} s",
            "HAProxy has `timeout client` for it; `option http-buffer-request` would count a body to the head, and hold it",
            f"watched for {WATCHED} s; s: the median age at close; agent's: connections that it held for them",
        ],
        figures={"silent": silent, "dripping": drips},
    )
