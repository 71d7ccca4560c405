"""Which Secrets and ConfigMaps objects name, and which of them may be watched for that.

Why a module: what a user writes into a reference is text, and each name that is watched costs the controller a
connection and an object in memory. So a name counts only where its owner may have what it names.

Rules: a name in another namespace counts while a ReferenceGrant there allows it, and no longer. A name that no object
can have does not count: a reference may be any text, and one that means something else in a selector would be refused
for ever, with everybody waiting for it. The objects of one namespace have `MOST` names; of those, the ones that were
named first. What is over it is known, so that it can be said at the objects that name it.

Must not: watch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agw.controller.world import Identity
from agw.resources import gateway, model
from agw.resources.meta import Object
from agw.translate.grants import Referrer, permits

MOST = 1000
"""Names that the objects of one namespace have among them. A policy has one, a Gateway a few."""

# RFC 1123, as the API server takes names of Secrets and ConfigMaps.
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LONGEST = 253
_KINDS = {"secrets": "Secret", "configmaps": "ConfigMap"}


@dataclass(frozen=True, order=True, slots=True)
class Name:
    """A Secret or ConfigMap by its plural."""

    plural: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Kind namespace/name`, as messages of conditions have it."""
        return f"{_KINDS[self.plural]} {self.namespace}/{self.name}"


class Grants:
    """All ReferenceGrants, by the namespace that they are in."""

    def __init__(self, grants: Iterable[model.ReferenceGrant] = ()) -> None:
        """Take them as they are now."""
        self._by_namespace: dict[str, list[model.ReferenceGrant]] = {}
        for grant in grants:
            self._by_namespace.setdefault(grant.metadata.namespace, []).append(grant)

    def permit(self, namespace: str, secret: Name) -> bool:
        """Say whether Gateways of the namespace may use a Secret."""
        if secret.namespace == namespace:
            return True
        of = Referrer(gateway.GROUP, "Gateway", namespace)
        return permits(self._by_namespace.get(secret.namespace, ()), of, "", "Secret", secret.name)


def of(value: Object, grants: Grants) -> frozenset[Name]:
    """Return what an object names, where it is a Gateway or a GatewayClass of ours or a TrafficPolicy."""
    return frozenset(name for name in _all_of(value, grants) if _possible(name.name) and _possible(name.namespace))


def _possible(name: str) -> bool:
    return len(name) <= _LONGEST and _SUBDOMAIN.fullmatch(name) is not None


def _all_of(value: Object, grants: Grants) -> Iterator[Name]:
    if isinstance(value, model.TrafficPolicy):
        yield from _of_policy(value)
    elif isinstance(value, model.Gateway):
        yield from (name for name in _certificates(value) if grants.permit(value.metadata.namespace, name))
        infrastructure = value.spec.infrastructure
        ref = infrastructure.parameters_ref if infrastructure is not None else None
        if ref is not None and (ref.group, ref.kind) == ("", "ConfigMap"):
            yield Name("configmaps", value.metadata.namespace, ref.name)
    elif isinstance(value, model.GatewayClass):
        yield from _of_class(value)


def _of_policy(policy: model.TrafficPolicy) -> Iterator[Name]:
    authentication = policy.spec.traffic.authentication
    auth = authentication.api_key_auth if authentication is not None else None
    if auth is not None:
        yield Name("secrets", policy.metadata.namespace, auth.secret_ref.name)


def _certificates(found: model.Gateway) -> Iterator[Name]:
    for listener in found.spec.listeners:
        for ref in listener.tls.certificate_refs if listener.tls is not None else ():
            if (ref.group, ref.kind) == ("", "Secret"):
                yield Name("secrets", found.metadata.namespace if ref.namespace is None else ref.namespace, ref.name)


def _of_class(found: model.GatewayClass) -> Iterator[Name]:
    ref = found.spec.parameters_ref
    if ref is not None and (ref.group, ref.kind) == ("", "ConfigMap") and ref.namespace:
        yield Name("configmaps", ref.namespace, ref.name)


class References:
    """Who names what."""

    def __init__(self, most: int = MOST) -> None:
        """Nobody names anything."""
        self._most = most
        self._by_object: dict[Identity, frozenset[Name]] = {}
        self._counts: dict[
            str, Counter[Name]
        ] = {}  # namespace of who names -> how many of its objects do, oldest first

    @property
    def names(self) -> tuple[Name, ...]:
        """All that is named and within the bound, for each namespace what was named first first."""
        return tuple(dict.fromkeys(name for counts in self._counts.values() for name in list(counts)[: self._most]))

    @property
    def over(self) -> Mapping[Name, str]:
        """Names over the bound, with what to say of them."""
        within = frozenset(self.names)
        return {
            name: f"the objects of namespace {namespace} name more than {self._most} Secrets and ConfigMaps"
            for namespace, counts in self._counts.items()
            for name in list(counts)[self._most :]
            if name not in within
        }

    def put(self, identity: Identity, names: frozenset[Name]) -> bool:
        """Take what an object names now; say whether that is another than before."""
        old = self._by_object.pop(identity, frozenset())
        if names:
            self._by_object[identity] = names
        if names == old:
            return False
        counts = self._counts.setdefault(identity[1], Counter())
        counts.update(sorted(names - old))
        for name in old - names:
            counts[name] -= 1
            if not counts[name]:
                del counts[name]
        if not counts:
            del self._counts[identity[1]]
        return True

    def naming(self, names: frozenset[Name]) -> list[Identity]:
        """Return the objects that name one of these."""
        return [identity for identity, theirs in self._by_object.items() if not theirs.isdisjoint(names)]
