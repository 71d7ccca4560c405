"""A quiet stop under load with event streams: SIGTERM for agw, SIGQUIT for nginx, SIGUSR1 for HAProxy.

First the streams end by themselves before the deadline: nobody must notice the stop, and new connections are still served
while there is work, since load balancers take a while to hear of it. Then the streams have no end: they go on to the
deadline, and are cut so that no client takes the cut for an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from dataclasses import dataclass, field

import uvloop

from bench.trouble.clients import GET, Load, Stream, Tally, follow
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, exactly
from bench.trouble.stage import Options, Proxy, on_stage

CLIENTS = 16
STREAMS = 20
EVENTS, EVENT_MS = 40, 100  # four seconds
BEFORE, LOAD_AFTER = 1.0, 2.0  # seconds before and after the signal
DEADLINE = 4  # seconds, for streams without an end
LATE = 3.0


@dataclass(slots=True)
class Found:
    """What the clients saw. ended: seconds from the signal to the end of the process; None: it had to be killed."""

    tally: Tally = field(default_factory=Tally)
    streams: list[Stream] = field(default_factory=list)
    ended: float | None = None
    code: int | None = None

    @property
    def whole(self) -> int:
        """Streams that came to their end."""
        return sum(stream.whole for stream in self.streams)


async def wait_for_end(proxy: Proxy, found: Found, since: float, most: float) -> None:
    """Note when the process has ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        found.code = await asyncio.to_thread(proxy.process.child.wait, most)
        found.ended = time.monotonic() - since


async def act(proxy: Proxy, found: Found, events: int, most: float) -> None:
    """Streams and load, the signal in the middle; the load ends before the streams do."""
    found.streams = [Stream(events) for _ in range(STREAMS)]
    streams = [asyncio.create_task(follow(proxy.port, stream, EVENT_MS)) for stream in found.streams]
    load = Load(proxy.port, CLIENTS, [GET], pause=0.002)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(BEFORE)
    proxy.quit()
    since = time.monotonic()
    end = asyncio.create_task(wait_for_end(proxy, found, since, most))
    await asyncio.sleep(LOAD_AFTER)
    load.stop()
    found.tally = await running
    await end
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*streams), 5)


def look(name: str, options: Options, events: int, drain: int) -> Found:
    """One proxy."""
    found = Found()
    with on_stage(name, Conditions(workers=2, drain=drain), options) as proxy:
        uvloop.run(act(proxy, found, events, drain + 15))
    return found


def cells(found: Found) -> list[str]:
    """What the clients saw."""
    return [
        str(found.tally.answered["GET"]),
        f"{len(found.tally.failures)}" + (f" ({found.tally.kinds()})" if found.tally.failures else ""),
        f"{found.whole} of {len(found.streams)}",
        f"{found.ended:.1f}" if found.ended is not None else "not by itself",
    ]


def endless_cells(found: Found) -> list[str]:
    """How the streams without an end were ended."""
    clean = sum(stream.clean for stream in found.streams)
    return [f"{clean} of {len(found.streams)}", f"{found.ended:.1f}" if found.ended is not None else "not by itself"]


def run(options: Options) -> Outcome:
    """Both acts for every proxy."""
    found = {name: look(name, options, EVENTS, 30) for name in options.peers}
    endless = {name: look(name, options, 100_000, DEADLINE) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw, cut = found["agw"], endless["agw"]
        checks = [
            exactly("requests that failed", len(agw.tally.failures) + len(cut.tally.failures), 0),
            exactly("streams that came to their end", agw.whole, STREAMS),
            exactly("exit code", agw.code, 0),
            exactly("cut streams that looked complete", sum(stream.clean for stream in cut.streams), 0),
            exactly(
                "endless streams went on to the deadline, and no longer",
                cut.ended is not None and DEADLINE - 0.5 <= cut.ended <= DEADLINE + LATE,
                wanted=True,
            ),
        ]
    seconds = EVENTS * EVENT_MS / 1000
    return Outcome(
        f"a quiet stop with {CLIENTS} clients at work and {STREAMS} event streams open",
        ("answered", "failed", "streams whole", "ended after, s", "endless: cut looked complete", "ended after, s"),
        {name: [*cells(found[name]), *endless_cells(endless[name])] for name in options.peers},
        checks,
        [
            f"streams of {seconds:g} s, the signal after {BEFORE:g} s; clients go on for {LOAD_AFTER:g} s",
            f"deadline for streams without an end: {DEADLINE} s",
        ],
        figures={"ending": found, "endless": endless},
    )
