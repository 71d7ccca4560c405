"""Twelve changes of the configuration under load with event streams; each is waited for until it is served."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import uvloop

from bench import RigError
from bench.trouble.clients import GET, POST, Load, Stream, Tally, follow
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, exactly
from bench.trouble.stage import Options, Proxy, on_stage

CLIENTS = 16
STREAMS = 20
RELOADS = 12
EVENT_MS = 100
PAUSE = 0.4  # seconds between two changes


@dataclass(slots=True)
class Found:
    """What the clients saw. served: changes that came into force; seconds: for all of them."""

    tally: Tally = field(default_factory=Tally)
    streams: list[Stream] = field(default_factory=list)
    served: int = 0
    seconds: float = 0.0

    @property
    def cut(self) -> int:
        """Streams that did not come to their end."""
        return sum(not stream.whole for stream in self.streams)


def change(proxy: Proxy, found: Found) -> None:
    """All changes, one after another."""
    begun = time.monotonic()
    for number in range(1, RELOADS + 1):
        try:
            proxy.configure(f"/probe/{number}")
        except RigError:
            continue
        found.served += 1
        time.sleep(PAUSE)
    found.seconds = time.monotonic() - begun


async def act(proxy: Proxy, found: Found) -> None:
    """Streams and load while the changes are made; the streams last a little longer than those are expected to."""
    events = int((RELOADS * (PAUSE + 0.2) + 3) * 1000 / EVENT_MS)
    found.streams = [Stream(events) for _ in range(STREAMS)]
    streams = [asyncio.create_task(follow(proxy.port, stream, EVENT_MS)) for stream in found.streams]
    load = Load(proxy.port, CLIENTS, [GET, POST], 0.002)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(0.5)
    await asyncio.to_thread(change, proxy, found)
    load.stop()
    found.tally = await running
    await asyncio.gather(*streams)


def look(name: str, options: Options) -> Found:
    """One proxy with two workers."""
    found = Found()
    with on_stage(name, Conditions(workers=2), options) as proxy:
        uvloop.run(act(proxy, found))
    return found


def run(options: Options) -> Outcome:
    """Every proxy in turn."""
    found = {name: look(name, options) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw = found["agw"]
        checks = [
            exactly("changes in force", agw.served, RELOADS),
            exactly("requests that failed", len(agw.tally.failures), 0),
            exactly("streams cut", agw.cut, 0),
        ]
    rows = {
        name: [
            str(one.tally.answered.total()),
            f"{one.served} in {one.seconds:.1f} s",
            str(len(one.tally.failures)),
            str(one.cut),
            one.tally.kinds(),
        ]
        for name, one in found.items()
    }
    return Outcome(
        f"{RELOADS} changes of the configuration with {CLIENTS} clients at work and {STREAMS} event streams open",
        ("answered", "changes served", "failed", "streams cut", "failures"),
        rows,
        checks,
        figures=dict(found),
    )
