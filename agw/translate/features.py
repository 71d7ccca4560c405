"""The features of the Gateway API that this implementation passes, as GatewayClass `supportedFeatures` states them.

Rules: names are those of the conformance suite, sorted; a feature stands here once its tests are green, and what is
here is what the suite tests where nobody says otherwise. The core features (Gateway, HTTPRoute, ReferenceGrant) cannot be
left out, though listeners with TLS are not served yet.
"""

from __future__ import annotations

from agw.translate.status import SupportedFeature

FEATURES = (
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayHTTPListenerIsolation",
    "GatewayInfrastructure",
    "GatewayInfrastructurePropagation",  # the same, as suites before v1.6 name it
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteCORS",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteRetry",
    "HTTPRouteRetryBackendTimeout",
    "HTTPRouteRetryConnectionError",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
)
"""GatewayPort8080 works, and is left out: beside HTTPRoutePortRedirect the suite asks for a listener with TLS, too."""

SUPPORTED = tuple(map(SupportedFeature, FEATURES))
