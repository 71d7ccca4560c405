"""One of two agents is killed under load, and comes back at the same address."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.trouble.clients import GET, POST, Load, Tally, run_load, safely_repeated
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, exactly
from bench.trouble.stage import Options, Proxy, on_stage

CLIENTS = 32
PAUSE = 0.005  # seconds between two requests of a client
BEFORE, DEAD, AFTER = 1.5, 3.0, 12.0  # seconds; after: longer than the 10 s that nginx stays away from a server


@dataclass(frozen=True, slots=True)
class Found:
    """One proxy's figures. after: requests that the agent has had since it is back."""

    tally: Tally
    doubled: int
    after: int


def story(proxy: Proxy, options: Options) -> None:
    """What happens to the agent."""
    victim = proxy.agents[0]
    time.sleep(options.seconds(BEFORE))
    victim.kill()
    time.sleep(options.seconds(DEAD))
    victim.start()
    time.sleep(options.seconds(AFTER))


def look(name: str, options: Options) -> Found:
    """One proxy, two agents."""
    with on_stage(name, Conditions(), options, hosts=2) as proxy:
        tally = run_load(Load(proxy.port, CLIENTS, [GET, POST], PAUSE), lambda: story(proxy, options))
        return Found(tally, proxy.doubled(), proxy.agents[0].counts()["requests"])


def run(options: Options) -> Outcome:
    """Every proxy in turn."""
    found = {name: look(name, options) for name in options.peers}
    checks: list[Check] = []
    if "agw" in found:
        agw = found["agw"]
        checks = [
            *safely_repeated(agw.tally, agw.doubled),
            exactly("the agent has work again after its return", agw.after > 0, wanted=True),
        ]
    rows = {
        name: [
            str(one.tally.answered.total()),
            str(one.tally.failed("GET")),
            str(one.tally.failed("POST")),
            str(one.doubled),
            str(one.after),
            one.tally.kinds(),
        ]
        for name, one in found.items()
    }
    return Outcome(
        f"{CLIENTS} clients, GET and POST in turn; one of two agents killed, and back after {options.seconds(DEAD):g} s",
        ("answered", "GET failed", "POST failed", "POST doubled", "requests after its return", "failures"),
        rows,
        checks,
        ["a POST that was under way to the killed agent fails, and rightly: nobody knows what became of it"],
        figures=dict(found),
    )
