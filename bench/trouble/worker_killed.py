"""One of two workers is killed under load.

Its own connections are lost, whatever one does. All others must not notice, nobody must be refused, and a new worker
must be there soon. HAProxy has threads and no workers: what is killed is its one process under the master.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.trouble.clients import GET, Load, Tally, run_load
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, at_most, exactly
from bench.trouble.sockets import owners
from bench.trouble.stage import Options, Proxy, on_stage

CLIENTS = 64
BEFORE, AFTER = 1.5, 3.0  # seconds
PATIENCE = 10.0
PAUSE = 0.02  # seconds between two requests of a client: the proxies' core is not full


@dataclass(slots=True)
class Scene:
    """What is noted while it happens. owned: client port -> worker, just before."""

    owned: dict[int, int] = field(default_factory=dict)
    victim: int = 0
    back: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """own: failures on connections of the killed worker. others: any other. refused: among these, no connection."""

    tally: Tally
    own: int
    others: int
    refused: int
    back: float | None


def story(proxy: Proxy, scene: Scene) -> None:
    """Kill the worker that serves most, and wait for its successor."""
    time.sleep(BEFORE)
    pids = proxy.workers()
    scene.owned = owners(proxy.port, pids)
    scene.victim = Counter(scene.owned.values()).most_common(1)[0][0]
    begun = time.monotonic()
    os.kill(scene.victim, signal.SIGKILL)
    while time.monotonic() - begun < PATIENCE:
        now = [pid for pid in proxy.workers() if pid != scene.victim]
        if proxy.process.child.poll() is not None:
            break
        if len(now) >= len(pids) and serves_again(proxy):
            scene.back = time.monotonic() - begun
            break
        time.sleep(0.01)
    time.sleep(AFTER)


def serves_again(proxy: Proxy) -> bool:
    """Whether all workers serve, where that can be asked."""
    figures = proxy.metrics()
    return not figures or figures["agw_workers_serving"] == figures["agw_workers"]


def look(name: str, options: Options) -> Found:
    """One proxy with two workers."""
    scene = Scene()
    with on_stage(name, Conditions(workers=2), options) as proxy:
        tally = run_load(Load(proxy.port, CLIENTS, [GET], PAUSE), lambda: story(proxy, scene))
    own = sum(scene.owned.get(one.port) == scene.victim for one in tally.failures)
    refused = sum(one.kind == "refused" for one in tally.failures)
    return Found(tally, own, len(tally.failures) - own, refused, scene.back)


def run(options: Options) -> Outcome:
    """Every proxy in turn."""
    found = {name: look(name, options) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw = found["agw"]
        checks = [
            exactly("requests that failed on connections of others", agw.others, 0),
            exactly("connections refused", agw.refused, 0),
            at_most("seconds until a new worker serves", agw.back if agw.back is not None else PATIENCE, 1.0),
            at_most("longest wait of a request, ms", agw.tally.quantile_ms(1.0), 500),
        ]
    rows = {
        name: [
            str(one.tally.answered["GET"]),
            str(one.own),
            str(one.others),
            str(one.refused),
            f"{one.back:.2f}" if one.back is not None else "never",
            f"{one.tally.quantile_ms(1.0):.0f}",
            one.tally.kinds(),
        ]
        for name, one in found.items()
    }
    return Outcome(
        f"{CLIENTS} clients, some 3,000 requests a second; one of two workers is killed",
        ("answered", "failed, its own", "failed, others", "refused", "back after, s", "longest ms", "failures"),
        rows,
        checks,
        figures=dict(found),
    )
