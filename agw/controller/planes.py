"""Which data planes cannot use what was published, for as long as that is so, whatever their connections do.

Why: who cannot read an update is cut and comes back, again and again, while other pods of the same Gateway use it. Told by
who is connected, the Gateway's condition would follow each of these connections to and fro.

Rules: a refusal ends when its pod acknowledges that version or a later one, and when the pod has been away for `AWAY`,
which is longer than a data plane ever waits to come back. What one pod says costs what that pod concerns. What is told
names few pods and few reasons, however many there are.

Must not: know how a refusal travels, or what becomes of what is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

AWAY = 60.0
"""Seconds without a connection after which a pod is taken for gone."""

_NAMED = 3


@dataclass(slots=True)
class _Refusal:
    """version: that the pod refused last. away: the timer that runs while it is not connected."""

    version: int
    reason: str
    away: asyncio.TimerHandle | None = None


class Refusals:
    """All refusals of one term. Gateways are "namespace/name", pods their names.

    tell: of a Gateway, what there is to say now ("" where all can use it), and a reason that nobody had, "" for none.
    connected: whether a pod of a Gateway is connected now.
    """

    def __init__(self, tell: Callable[[str, str, str], None], connected: Callable[[str, str], bool]) -> None:
        """Begin with none."""
        self._tell = tell
        self._connected = connected
        self._by_gateway: dict[str, dict[str, _Refusal]] = {}

    def refuse(self, gateway: str, pod: str, version: int, reason: str) -> None:
        """Take that a pod cannot use a version."""
        pods = self._by_gateway.setdefault(gateway, {})
        known = pods.get(pod)
        if known is not None:
            known.version = version
            if known.reason == reason:
                return
            known.reason = ""
        news = "" if any(other.reason == reason for other in pods.values()) else reason
        if known is None:
            pods[pod] = _Refusal(version, reason)
        else:
            known.reason = reason
        self._tell(gateway, self.said(gateway), news)

    def acknowledge(self, gateway: str, pod: str, version: int) -> None:
        """Take that a version is in force in a pod."""
        known = self._by_gateway.get(gateway, {}).get(pod)
        if known is not None and version >= known.version:
            self._drop(gateway, pod)

    def leave(self, gateway: str, pod: str) -> None:
        """Take that a connection of a pod has ended."""
        known = self._by_gateway.get(gateway, {}).get(pod)
        if known is not None:
            _stop(known)
            known.away = asyncio.get_running_loop().call_later(AWAY, self._away, gateway, pod)

    def forget(self, gateway: str) -> None:
        """Nothing is published of a Gateway any more."""
        for known in self._by_gateway.pop(gateway, {}).values():
            _stop(known)

    def close(self) -> None:
        """Forget all."""
        for gateway in tuple(self._by_gateway):
            self.forget(gateway)

    def said(self, gateway: str) -> str:
        """Say who cannot use what is published, and why; "" where nobody refuses."""
        by_reason: dict[str, list[str]] = {}
        for pod, refusal in sorted(self._by_gateway.get(gateway, {}).items()):
            by_reason.setdefault(refusal.reason, []).append(pod)
        parts = [f"{_data_planes(pods)} cannot use it: {reason}" for reason, pods in by_reason.items()]
        more = len(parts) - _NAMED
        return "; ".join(parts[:_NAMED]) + (f"; and {more} other reasons" if more > 0 else "")

    def _away(self, gateway: str, pod: str) -> None:
        if not self._connected(gateway, pod):
            self._drop(gateway, pod)

    def _drop(self, gateway: str, pod: str) -> None:
        pods = self._by_gateway.get(gateway, {})
        known = pods.pop(pod, None)
        if known is None:
            return
        _stop(known)
        if not pods:
            del self._by_gateway[gateway]
        self._tell(gateway, self.said(gateway), "")


def _data_planes(pods: list[str]) -> str:
    if len(pods) == 1:
        return f"data plane {pods[0]}"
    named, more = pods[:_NAMED], len(pods) - _NAMED
    return f"data planes {', '.join(named)}" + (f" and {more} more" if more > 0 else "")


def _stop(refusal: _Refusal) -> None:
    if refusal.away is not None:
        refusal.away.cancel()
