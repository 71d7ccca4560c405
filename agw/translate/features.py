"""The features of the Gateway API that this implementation passes, as GatewayClass `supportedFeatures` states them.

Rules: names are those of the conformance suite, sorted; a feature stands here once its tests are green, and what is
here is what the suite tests where nobody says otherwise. Core features (the first three) cannot be left out, though
listeners with TLS are not served yet.
"""

from __future__ import annotations

from agw.translate.status import SupportedFeature

FEATURES = (
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayHTTPListenerIsolation",
    "GatewayInfrastructurePropagation",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendTimeout",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestTimeout",
    "ReferenceGrant",
)

SUPPORTED = tuple(map(SupportedFeature, FEATURES))
