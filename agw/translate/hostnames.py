"""Hostnames of listeners and routes: intersection and specificity (Gateway API, HTTPRouteSpec.hostnames).

A hostname is lower-case text: "" any host, "*.x" one or more labels before x, or exact. `*.x` does not match x.
"""

from __future__ import annotations

import re

ANY = ""
_PRECISE = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def matches(pattern: str, host: str) -> bool:
    """Say whether a request's host (lower-case, no port, no trailing dot) is one of the pattern's."""
    if pattern == ANY:
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return pattern == host


def is_precise(hostname: str) -> bool:
    """Say whether text is one hostname in lower case, without a wildcard (Gateway API, PreciseHostname)."""
    return _PRECISE.fullmatch(hostname) is not None


def intersect(listener: str, route: str) -> str | None:
    """Give the hosts that both take, or None where there are none: always one of the two."""
    if listener in (ANY, route):
        return route
    if route == ANY or _covers(route, listener):
        return listener
    return route if _covers(listener, route) else None


def _covers(wide: str, narrow: str) -> bool:
    """Say whether every host of `narrow` is one of `wide`, a wildcard."""
    return wide.startswith("*.") and (narrow.removeprefix("*").endswith(wide[1:]) and narrow != wide[2:])


def intersect_all(listener: str, route: tuple[str, ...]) -> tuple[str, ...]:
    """Give the hostnames that a route keeps on a listener, without repeats; () where it has none there.

    A route without hostnames takes all of the listener's.
    """
    if not route:
        return (listener,)
    kept = (intersect(listener, hostname.lower()) for hostname in route)
    return tuple(dict.fromkeys(hostname for hostname in kept if hostname is not None))


def specificity(pattern: str) -> tuple[int, int, str]:
    """Order patterns: sorts first what wins (longest exact, then longest wildcard, then any)."""
    if pattern == ANY:
        return (2, 0, pattern)
    return (1 if pattern.startswith("*.") else 0, -len(pattern), pattern)
