"""What translation reads: objects by name, and the three ways in which objects are found without their name.

Rules: an `Index` follows a succession of ResourceSets and says what changed from one to the next, as inputs of the
graph. Groups are kept per name, so that one changed EndpointSlice concerns one Service.

Must not: decide anything about an object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agw.resources.agentgateway import Backend, TrafficPolicy
from agw.resources.core import ConfigMap, EndpointSlice, Namespace, Secret, Service
from agw.resources.gateway import Gateway, GatewayClass, HTTPRoute, ReferenceGrant
from agw.resources.meta import Object
from agw.resources.objects import ResourceSet
from agw.translate.graph import Input, Key

CLASS_OBJECT: Input[GatewayClass | None] = Input("GatewayClass", None)
GATEWAY_OBJECT: Input[Gateway | None] = Input("Gateway", None)
ROUTE_OBJECT: Input[HTTPRoute | None] = Input("HTTPRoute", None)
BACKEND_OBJECT: Input[Backend | None] = Input("Backend", None)
POLICY_OBJECT: Input[TrafficPolicy | None] = Input("TrafficPolicy", None)
SECRET_OBJECT: Input[Secret | None] = Input("Secret", None)
CONFIG_MAP_OBJECT: Input[ConfigMap | None] = Input("ConfigMap", None)
NAMESPACE_OBJECT: Input[Namespace | None] = Input("Namespace", None)
SERVICE_OBJECT: Input[Service | None] = Input("Service", None)

IN_CLUSTER: Input[bool] = Input("in a cluster", default=False)
"""Whether a GatewayClass must exist to be anybody's."""

CLUSTER_DOMAIN: Input[str] = Input("cluster domain", "")
"""Where the cluster's own DNS names are below; "" on a laptop, whose resolver is its own affair."""

SLICES: Input[tuple[EndpointSlice, ...]] = Input("slices", ())
"""(namespace, Service) -> its EndpointSlices, by name."""

GRANTS: Input[tuple[ReferenceGrant, ...]] = Input("grants", ())
"""(namespace) -> the ReferenceGrants in it, by name."""

POLICIES: Input[tuple[tuple[str, str], ...]] = Input("policies", ())
"""(kind, namespace, name, section or "") -> (created, name) of the TrafficPolicies with that target, oldest first."""

Identity: TypeAlias = tuple[type[Object], str, str]
"""(type, namespace, name) of an object."""

OBJECTS: Mapping[type[Object], Input[Any]] = {
    GatewayClass: CLASS_OBJECT,
    Gateway: GATEWAY_OBJECT,
    HTTPRoute: ROUTE_OBJECT,
    Backend: BACKEND_OBJECT,
    TrafficPolicy: POLICY_OBJECT,
    Secret: SECRET_OBJECT,
    ConfigMap: CONFIG_MAP_OBJECT,
    Namespace: NAMESPACE_OBJECT,
    Service: SERVICE_OBJECT,
}


@dataclass(slots=True)
class Changes:
    """inputs: new values, None where there is none any more. added, removed: objects that came or went."""

    inputs: dict[Key, Any] = field(default_factory=dict)
    added: list[Identity] = field(default_factory=list)
    removed: list[Identity] = field(default_factory=list)


class Index:
    """The last ResourceSet seen, and its groups."""

    def __init__(self) -> None:
        """Start with no objects."""
        self._resources = ResourceSet()
        self._groups: dict[Key, dict[str, Any]] = {}

    def follow(self, resources: ResourceSet, changed: Iterable[Identity] | None = None) -> Changes:
        """Take the next set and say what changed; `changed` are the identities to look at, None looks at all."""
        changes = Changes()
        touched: set[Key] = set()
        previous, self._resources = self._resources, resources
        for kind, namespace, name in resources.changed_since(previous) if changed is None else changed:
            was, now = previous.get(kind, namespace, name), resources.get(kind, namespace, name)
            old = was.value if was is not None else None
            new = now.value if now is not None else None
            if old is new:
                continue
            source = OBJECTS.get(kind)
            if source is not None:
                changes.inputs[(source, namespace, name)] = new
            if old is None:
                changes.added.append((kind, namespace, name))
            elif new is None:
                changes.removed.append((kind, namespace, name))
            self._regroup(old, new, touched)
        for key in touched:
            members = self._groups.get(key, {})
            changes.inputs[key] = _ordered(key, members) or None
            if not members:
                self._groups.pop(key, None)
        return changes

    def _regroup(self, old: Object | None, new: Object | None, touched: set[Key]) -> None:
        """Move an object from the groups of its old value to those of its new one."""
        for value, present in ((old, False), (new, True)):
            if value is None:
                continue
            for key in _groups_of(value):
                members = self._groups.setdefault(key, {})
                touched.add(key)
                if present:
                    members[value.metadata.name] = value
                else:
                    members.pop(value.metadata.name, None)


def _groups_of(value: Object) -> tuple[Key, ...]:
    namespace = value.metadata.namespace
    if isinstance(value, EndpointSlice):
        return ((SLICES, namespace, value.service),) if value.service else ()
    if isinstance(value, ReferenceGrant):
        return ((GRANTS, namespace),)
    if isinstance(value, TrafficPolicy):
        return tuple(
            (POLICIES, ref.kind, namespace, ref.name, ref.section_name or "") for ref in value.spec.target_refs
        )
    return ()


def _ordered(key: Key, members: Mapping[str, Any]) -> tuple[Any, ...]:
    if key[0] is POLICIES:
        return tuple(sorted((policy.metadata.creation_timestamp, name) for name, policy in members.items()))
    return tuple(members[name] for name in sorted(members))
