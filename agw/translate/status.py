"""The statuses that a controller writes, as typed values in the API's own shape.

Rules: field names become camelCase in JSON, empty fields that the API leaves out are left out; conditions carry no
lastTransitionTime, because when a condition changed is known only to whoever holds the object's last status.

Must not: decide anything; the deciding modules build these.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"


MAX_MESSAGE = 4000
"""Longest message of a condition: more than one reads. The API server refuses a status with 32769 characters in one."""


class _Status(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of all status values."""


class Condition(_Status, frozen=True):
    """One condition. status: True | False | Unknown. message: cut where a route has more wrong than one reads."""

    type: str
    status: str
    reason: str
    message: str
    observed_generation: int = 0

    def __post_init__(self) -> None:
        """Keep the message within what the API takes."""
        if len(self.message) > MAX_MESSAGE:
            msgspec.structs.force_setattr(self, "message", f"{self.message[: MAX_MESSAGE - 4]} ...")


class SupportedFeature(_Status, frozen=True):
    """A feature of the Gateway API, by its name in the conformance suite."""

    name: str


class GatewayClassStatus(_Status, frozen=True):
    """Status of a class that names our controller. supported_features: sorted by name (GEP-2162)."""

    conditions: tuple[Condition, ...]
    supported_features: tuple[SupportedFeature, ...] = ()


class SupportedKind(_Status, frozen=True):
    """A kind of route that a listener takes."""

    group: str
    kind: str


class ListenerStatus(_Status, frozen=True, omit_defaults=False):
    """Status of one listener. attached_routes counts accepted routes, whether or not their backends resolve."""

    name: str
    attached_routes: int
    supported_kinds: tuple[SupportedKind, ...]
    conditions: tuple[Condition, ...]


class Address(_Status, frozen=True):
    """An address at which a Gateway is served. type: IPAddress | Hostname."""

    type: str
    value: str


class GatewayStatus(_Status, frozen=True):
    """Status of a Gateway; addresses are whoever provisions its data plane's to add, None where nobody does."""

    conditions: tuple[Condition, ...]
    listeners: tuple[ListenerStatus, ...] = ()
    addresses: tuple[Address, ...] | None = None


class Reference(_Status, frozen=True):
    """A parentRef as the route declared it, or the ancestor of a policy. None: not written."""

    name: str
    group: str | None = None
    kind: str | None = None
    namespace: str | None = None
    section_name: str | None = None
    port: int | None = None


class RouteParentStatus(_Status, frozen=True):
    """What one parent makes of a route."""

    parent_ref: Reference
    controller_name: str
    conditions: tuple[Condition, ...]


class RouteStatus(_Status, frozen=True):
    """Status of a route: one entry per parentRef that is ours."""

    parents: tuple[RouteParentStatus, ...]


class BackendStatus(_Status, frozen=True):
    """Status of a Backend."""

    conditions: tuple[Condition, ...]


class AncestorStatus(_Status, frozen=True):
    """What one Gateway makes of a policy."""

    ancestor_ref: Reference
    controller_name: str
    conditions: tuple[Condition, ...]


class PolicyStatus(_Status, frozen=True):
    """Status of a TrafficPolicy: one entry per Gateway that it reaches (GEP-713), or per target that it cannot."""

    ancestors: tuple[AncestorStatus, ...]


Status: TypeAlias = GatewayClassStatus | GatewayStatus | RouteStatus | BackendStatus | PolicyStatus
