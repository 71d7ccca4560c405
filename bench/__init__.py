"""The benchmark rig: agw beside nginx, HAProxy, Envoy and a bare TCP relay, in one run on one machine.

Why it exists: a figure of one proxy alone says more about the machine than about the proxy. Everything here is a
comparison: interleaved rounds, the same load, the same agent, the same core, and ratios that are taken round by round.

Rules: the proxies run as their users run them (real executables, real configuration, agw through its own command
line); the cost is CPU time of the proxy's process as the kernel counts it, which holds still where wall time on a
shared machine does not; every response is checked, and one wrong answer makes a run void. The rig loads loopback only
and each run has an end. It must not reach into agw: what it measures is what a user starts.

    python -m bench                 the scenarios of bench/contests.py, beside the peers
    python -m bench.reload          time until a changed route is served
    python -m bench.locust_run      A2A users on a small agent, with a report in HTML
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"


class RigError(Exception):
    """The rig cannot measure: says what is missing or went wrong, and what to do about it."""
