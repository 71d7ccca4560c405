"""All kinds in one place: import the typed values from here; `KINDS` says how each is named and read."""

from __future__ import annotations

from dataclasses import dataclass

from agw.resources import agentgateway, gateway
from agw.resources.agentgateway import (
    A2ABackend,
    Affinity,
    APIKeyAuth,
    Authentication,
    Authorization,
    AuthorizationRule,
    Backend,
    BackendSpec,
    BackendTarget,
    CardRewrite,
    HealthCheck,
    KeySource,
    LocalRateLimit,
    PolicyTargetRef,
    PolicyTimeouts,
    RateLimit,
    SecretReference,
    StaticTarget,
    StreamOptions,
    Traffic,
    TrafficPolicy,
    TrafficPolicySpec,
    Unread,
)
from agw.resources.core import (
    ConfigMap,
    EndpointConditions,
    EndpointSlice,
    Namespace,
    Secret,
    SecretBytes,
    Service,
    ServicePort,
    ServiceSpec,
    SliceEndpoint,
    SlicePort,
)
from agw.resources.gateway import (
    HTTPCORS,
    AllowedListeners,
    AllowedRoutes,
    BackendObjectReference,
    Fraction,
    Gateway,
    GatewayAddress,
    GatewayClass,
    GatewayClassSpec,
    GatewayInfrastructure,
    GatewaySpec,
    HTTPBackendRef,
    HTTPHeader,
    HTTPHeaderFilter,
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPPathModifier,
    HTTPQueryParamMatch,
    HTTPRequestMirror,
    HTTPRequestRedirect,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRetry,
    HTTPRouteRule,
    HTTPRouteSpec,
    HTTPRouteTimeouts,
    HTTPURLRewrite,
    Listener,
    ListenerTLS,
    LocalObjectReference,
    LocalParametersReference,
    ParametersReference,
    ParentReference,
    ReferenceGrant,
    ReferenceGrantFrom,
    ReferenceGrantSpec,
    ReferenceGrantTo,
    RouteGroupKind,
    RouteNamespaces,
    SecretObjectReference,
)
from agw.resources.meta import LabelSelector, LabelSelectorRequirement, Object, ObjectMeta, Value

__all__ = [
    "HTTPCORS",
    "KINDS",
    "A2ABackend",
    "APIKeyAuth",
    "Affinity",
    "AllowedListeners",
    "AllowedRoutes",
    "Authentication",
    "Authorization",
    "AuthorizationRule",
    "Backend",
    "BackendObjectReference",
    "BackendSpec",
    "BackendTarget",
    "CardRewrite",
    "ConfigMap",
    "EndpointConditions",
    "EndpointSlice",
    "Fraction",
    "Gateway",
    "GatewayAddress",
    "GatewayClass",
    "GatewayClassSpec",
    "GatewayInfrastructure",
    "GatewaySpec",
    "HTTPBackendRef",
    "HTTPHeader",
    "HTTPHeaderFilter",
    "HTTPHeaderMatch",
    "HTTPPathMatch",
    "HTTPPathModifier",
    "HTTPQueryParamMatch",
    "HTTPRequestMirror",
    "HTTPRequestRedirect",
    "HTTPRoute",
    "HTTPRouteFilter",
    "HTTPRouteMatch",
    "HTTPRouteRetry",
    "HTTPRouteRule",
    "HTTPRouteSpec",
    "HTTPRouteTimeouts",
    "HTTPURLRewrite",
    "HealthCheck",
    "KeySource",
    "Kind",
    "LabelSelector",
    "LabelSelectorRequirement",
    "Listener",
    "ListenerTLS",
    "LocalObjectReference",
    "LocalParametersReference",
    "LocalRateLimit",
    "Namespace",
    "Object",
    "ObjectMeta",
    "ParametersReference",
    "ParentReference",
    "PolicyTargetRef",
    "PolicyTimeouts",
    "RateLimit",
    "ReferenceGrant",
    "ReferenceGrantFrom",
    "ReferenceGrantSpec",
    "ReferenceGrantTo",
    "RouteGroupKind",
    "RouteNamespaces",
    "Secret",
    "SecretBytes",
    "SecretObjectReference",
    "SecretReference",
    "Service",
    "ServicePort",
    "ServiceSpec",
    "SliceEndpoint",
    "SlicePort",
    "StaticTarget",
    "StreamOptions",
    "Traffic",
    "TrafficPolicy",
    "TrafficPolicySpec",
    "Unread",
    "Value",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind is named. versions: those that are read, the one to write first. schema: file of its schema."""

    type: type[Object]
    group: str
    versions: tuple[str, ...]
    schema: str
    namespaced: bool = True

    @property
    def name(self) -> str:
        """The `kind` of a manifest."""
        return self.type.__name__

    @property
    def api_versions(self) -> tuple[str, ...]:
        """The `apiVersion`s of a manifest."""
        return tuple(f"{self.group}/{version}" if self.group else version for version in self.versions)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(GatewayClass, gateway.GROUP, ("v1", "v1beta1"), "gatewayclass.yaml", namespaced=False),
        Kind(Gateway, gateway.GROUP, ("v1", "v1beta1"), "gateway.yaml"),
        Kind(HTTPRoute, gateway.GROUP, ("v1", "v1beta1"), "httproute.yaml"),
        Kind(ReferenceGrant, gateway.GROUP, ("v1", "v1beta1"), "referencegrant.yaml"),
        Kind(Backend, agentgateway.GROUP, ("v1alpha1",), "backends.yaml"),
        Kind(TrafficPolicy, agentgateway.GROUP, ("v1alpha1",), "trafficpolicies.yaml"),
        Kind(Secret, "", ("v1",), "secret.yaml"),
        Kind(ConfigMap, "", ("v1",), "configmap.yaml"),
        Kind(Namespace, "", ("v1",), "namespace.yaml", namespaced=False),
        Kind(Service, "", ("v1",), "service.yaml"),
        Kind(EndpointSlice, "discovery.k8s.io", ("v1",), "endpointslice.yaml"),
    )
}
