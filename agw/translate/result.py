"""What translation gives, and how its parts are named.

Rules: everything is frozen; the maps are read-only by agreement and shared between successive translations wherever
nothing changed, so that identity tells what did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agw.errors import Problem
    from agw.snapshot.model import Entry
    from agw.translate.infrastructure import Infrastructure
    from agw.translate.policies import PolicyField
    from agw.translate.status import Status

CONTROLLER = "agentgateway.alibabacloud.com/controller"
"""controllerName of our GatewayClass, and of every status entry that we write."""

CLASS_NAMES = ("ack-agent-gateway", "agw")
"""Classes that are ours even where no GatewayClass object says so: a folder of manifests has none."""


class ObjectKey(NamedTuple):
    """Identity of an object. namespace: "" for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Kind namespace/name`, the form of `Problem.object`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Loser:
    """An object, or a part of one, that takes no traffic or not all that it was written for.

    path: JSON path of the part; "" is the whole object.
    reason: a CamelCase word, the condition's reason where there is one; else Shadowed, NotReferenced or NotOurs.
    """

    object: ObjectKey
    reason: str
    message: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Translation:
    """The outcome for one ResourceSet.

    snapshots: entries per Gateway of ours, by "namespace/name"; the caller gives versions and takes differences.
    statuses: per object that a controller would write a status to.
    problems: errors, warnings and notes, each with the position of its field where the source has positions.
    losers: what produced nothing, or less than it says, with the reason.
    origins: for each policy entry, its fields with the TrafficPolicy that each came from.
    infrastructure: per Gateway of ours, what its data plane needs; None where it is refused, and left as it is.
    changed: per Gateway whose entries differ from the translator's last translation, the keys that do (set, new or
    gone); a Gateway that came has all of its keys here, one that went all that it had.
    restated: objects whose status differs from that of the translator's last translation, came or went.
    """

    snapshots: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    statuses: Mapping[ObjectKey, Status] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()
    origins: Mapping[str, tuple[PolicyField, ...]] = field(default_factory=dict)
    infrastructure: Mapping[str, Infrastructure | None] = field(default_factory=dict)
    changed: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)
    restated: frozenset[ObjectKey] = field(default=frozenset(), compare=False)
