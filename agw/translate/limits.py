"""Rate limits of a TrafficPolicy, as the data plane counts them, and in words.

A limit is counted apart for each policy that says it: the same words in two policies are two limits.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from agw.resources import agentgateway as own
from agw.snapshot.model import Limit, StreamLimit

_SECONDS = {"Second": 1, "Minute": 60, "Hour": 3600, "Day": 86400}
_UNITS = {seconds: unit.lower() for unit, seconds in _SECONDS.items()}
_EACH = {"Route": "of the route", "Consumer": "per consumer", "ClientIP": "per client", "Context": "per context"}


def limits(said: own.RateLimit, policy: str) -> tuple[Limit, ...]:
    """Translate the limits of one policy ("namespace/name")."""
    local = tuple(_limit(each, policy) for each in said.local)
    if said.shared is None:
        return local
    closed = said.shared.on_failure == "Closed"
    return local + tuple(replace(_limit(each, policy), shared=True, closed=closed) for each in said.shared.limits)


def _limit(said: own.LocalRateLimit, policy: str) -> Limit:
    return Limit(
        requests=said.requests,
        window_s=_SECONDS[said.unit],
        burst=said.burst or said.requests,
        per=said.per,
        operations=said.operations,
        scope=policy,
    )


def failures(said: own.FailureLimit, policy: str) -> Limit:
    """Translate the limit of wrong keys from one address."""
    burst = said.burst or said.failures
    return Limit(requests=said.failures, window_s=_SECONDS[said.unit], burst=burst, per="ClientIP", scope=policy)


def in_words(taken: Iterable[Limit], streams: StreamLimit | None = None) -> str:
    """What is taken, as `at most 100 requests a minute per consumer (20 at once): SendMessage`."""
    words = [_words(each) for each in taken]
    if streams is not None:
        words.append(f"at most {streams.concurrent} event streams of the route at once, in each pod")
    return "; ".join(words)


def _words(limit: Limit) -> str:
    burst = f" ({limit.burst} at once)" if limit.burst != limit.requests else ""
    operations = f": {', '.join(limit.operations)}" if limit.operations else ""
    pods = " over all pods" if limit.shared else ""
    return f"at most {limit.requests} a {_UNITS[limit.window_s]} {_EACH[limit.per]}{pods}{burst}{operations}"
