"""What the author of an object is told that cannot be used: that it is refused, and why, until that object changes.

Why apart from translation: what is in force is an older value, or nothing, and translation's status is about that. A
status that says "accepted" of a spec that nobody could read would be a lie, and one that says now this, now that, of one
generation is worse.

Rules: `Accepted` is false, for the generation that was refused; the other conditions stay as they are, since they tell
what is in force. A Gateway or class that was never read may be another controller's: nothing is written of it.

What an object names and is not watched is explained here too: translation knows no more than that it is not there.

Must not: decide what is in force.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from agw.controller.decode import Held
from agw.resources import agentgateway
from agw.translate.result import CONTROLLER
from agw.translate.status import (
    FALSE,
    AncestorStatus,
    BackendStatus,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    PolicyStatus,
    Reference,
    RouteParentStatus,
    RouteStatus,
    Status,
)

_BEFORE = "; what was in force before stays so"
_REASONS = {"HTTPRoute": "UnsupportedValue", "GatewayClass": "Unsupported"}  # words of the Gateway API; Invalid is too


def status(kind: str, held: Held[Any], former: Status | None, why: str) -> Status | None:
    """Return the status of an object that is refused; None where there is nowhere to say it.

    former: what translation says, of what is in force; None where nothing is.
    """
    metadata = held.value.metadata
    said = f"it cannot be used: {why}{_BEFORE if former is not None else ''}"
    refused = Condition("Accepted", FALSE, _REASONS.get(kind, "Invalid"), said, metadata.generation)
    if former is None:
        former = _told_before(kind, held)
    if isinstance(former, RouteStatus):
        parents = tuple(replace(each, conditions=_with(refused, each.conditions)) for each in former.parents)
        return RouteStatus(parents) if parents else None
    if isinstance(former, PolicyStatus) and former.ancestors:
        return PolicyStatus(
            tuple(replace(each, conditions=_with(refused, each.conditions)) for each in former.ancestors)
        )
    if kind == "TrafficPolicy":
        # GEP-713 has no place for a policy whose targets are not known: so it is its own ancestor.
        itself = Reference(metadata.name, agentgateway.GROUP, kind, metadata.namespace)
        detached = Condition("Attached", FALSE, "NotAttached", said, metadata.generation)
        return PolicyStatus((AncestorStatus(itself, CONTROLLER, (refused, detached)),))
    if isinstance(former, GatewayClassStatus | GatewayStatus | BackendStatus):
        return replace(former, conditions=_with(refused, former.conditions))
    return None  # whose it is cannot be read


def explained(status: Status, why: Mapping[str, str]) -> Status:
    """Say in the conditions that miss an object why it is not known. why: by `Kind namespace/name`."""

    def one(condition: Condition) -> Condition:
        said = [f"; {name} is not watched: {reason}" for name, reason in why.items() if named(name, condition.message)]
        return replace(condition, message=condition.message + "".join(said)) if said else condition

    def named(name: str, message: str) -> bool:
        return re.search(rf"{re.escape(name)}(?![-.a-z0-9])", message) is not None

    def each(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(map(one, conditions))

    if isinstance(status, PolicyStatus):
        return PolicyStatus(tuple(replace(item, conditions=each(item.conditions)) for item in status.ancestors))
    if isinstance(status, RouteStatus):
        return status  # a route names neither
    if isinstance(status, GatewayStatus):
        listeners = tuple(replace(item, conditions=each(item.conditions)) for item in status.listeners)
        status = replace(status, listeners=listeners)
    return replace(status, conditions=each(status.conditions))


def _with(refused: Condition, others: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return (refused, *(each for each in others if each.type != refused.type))


def _told_before(kind: str, held: Held[Any]) -> Status | None:
    """Return what we said of a route's parents in an earlier term: where to say it."""
    if kind != "HTTPRoute" or not held.status:
        return None
    entries = msgspec.json.decode(held.status).get("parents") or ()
    ours = [each for each in entries if each.get("controllerName") == CONTROLLER]
    return RouteStatus(tuple(msgspec.convert(each, RouteParentStatus) for each in ours))
