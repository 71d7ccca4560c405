"""The kinds that the controller watches: where they are in this cluster's API, and which versions it serves.

Rules: a kind that two versions serve is read in the newer one. Discovery asks for the few groups that are of interest,
never for all. A kind that no version serves is a value (`missing`), so that the caller can say which CRD is not
installed and try again. CRDs come and go, and versions are dropped, while a controller leads: so it looks again now and
then (a few small answers; a watch of CRDs would need the right to read them all). One look that misses a kind proves
nothing, since an API server that starts does not know its CRDs yet.

Must not: watch.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from agw.kube import Client, NotFound, Resource, decoder
from agw.resources import agentgateway, gateway, model
from agw.resources.meta import Object

NAMES: dict[type[Object], str] = {
    model.GatewayClass: "gatewayclasses",
    model.Gateway: "gateways",
    model.HTTPRoute: "httproutes",
    model.ReferenceGrant: "referencegrants",
    model.Backend: "backends",
    model.TrafficPolicy: "trafficpolicies",
    model.Secret: "secrets",
    model.ConfigMap: "configmaps",
    model.Namespace: "namespaces",
    model.Service: "services",
    model.EndpointSlice: "endpointslices",
}
"""Plural of each kind in the paths of the API."""

NAMED = (model.Secret, model.ConfigMap)
"""Watched one by one, where something names them; all others are watched whole."""

WHOLE = tuple(kind for kind in NAMES if kind not in NAMED)
NEEDED = frozenset({model.GatewayClass, model.Gateway, model.HTTPRoute, model.Backend, model.TrafficPolicy})
"""Without one of these there is nothing to control."""

_INSTALLED = frozenset({gateway.GROUP, agentgateway.GROUP})  # by CRDs; the rest every API server has


@dataclass(frozen=True, slots=True)
class Discovered:
    """resources: of each kind that is served. missing: kinds that are not, as `plural.group`."""

    resources: dict[type[Object], Resource]
    missing: tuple[str, ...] = ()


def succeeding(known: Discovered, found: Discovered, missed: tuple[str, ...]) -> Discovered:
    """Return what to go by after another look. missed: what the look before this one did not find.

    A kind that is needed stays where it was while no version serves it: what is in force is better than nothing, and
    its objects, where they really went, were told to be gone by its watch. Another kind has gone at the second look.
    """
    kept = {
        kind: resource
        for kind, resource in known.resources.items()
        if kind not in found.resources and (kind in NEEDED or f"{resource.plural}.{resource.group}" not in missed)
    }
    return Discovered(found.resources | kept, found.missing)


class _Kind(msgspec.Struct, frozen=True):
    name: str
    kind: str = ""
    namespaced: bool = True


class _Resources(msgspec.Struct, frozen=True):
    """meta/v1 APIResourceList."""

    resources: tuple[_Kind, ...] = ()


async def discover(client: Client) -> Discovered:
    """Find out which version of each kind to read. Raises KubeError where the API server does not answer."""
    found: dict[type[Object], Resource] = {}
    missing = []
    served: dict[str, frozenset[str]] = {}
    for kind, plural in NAMES.items():
        of = model.KINDS[kind.__name__]
        for version in of.versions:
            api_version = f"{of.group}/{version}"
            if of.group in _INSTALLED and api_version not in served:
                served[api_version] = await _plurals(client, api_version)
            if of.group not in _INSTALLED or plural in served[api_version]:
                found[kind] = Resource(of.group, version, plural, kind.__name__, of.namespaced)
                break
        else:
            missing.append(f"{plural}.{of.group}")
    return Discovered(found, tuple(missing))


async def _plurals(client: Client, api_version: str) -> frozenset[str]:
    try:
        answer = await client.request("GET", f"/apis/{api_version}")
    except NotFound:
        return frozenset()
    return frozenset(item.name for item in decoder(_Resources)(answer).resources)
