"""Gateway API objects (group gateway.networking.k8s.io): GatewayClass, Gateway, HTTPRoute, ReferenceGrant.

Durations stay text as written, checked against the Gateway API's grammar (GEP-2257); `agw.resources.durations` counts
them. A filter's or match's `type` says which of its other fields is set; the schema walk has checked that they agree.
"""

from __future__ import annotations

from msgspec import field

from agw.resources.meta import LabelSelector, Object, Value

GROUP = "gateway.networking.k8s.io"


class ParametersReference(Value, frozen=True):
    """An implementation's own configuration object. namespace: "" where the reference is local."""

    group: str
    kind: str
    name: str
    namespace: str = ""


class GatewayClassSpec(Value, frozen=True):
    """controller_name: whose class it is."""

    controller_name: str
    parameters_ref: ParametersReference | None = None
    description: str = ""


class GatewayClass(Object, frozen=True):
    """A class of Gateways. Cluster-scoped."""

    spec: GatewayClassSpec


class RouteNamespaces(Value, frozen=True):
    """from_: All | Selector | Same | None."""

    from_: str = field(default="Same", name="from")
    selector: LabelSelector | None = None


class RouteGroupKind(Value, frozen=True):
    """A kind of route."""

    kind: str
    group: str = GROUP


class AllowedRoutes(Value, frozen=True):
    """Which routes may attach; no kinds: those of the protocol."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteGroupKind, ...] = ()


class SecretObjectReference(Value, frozen=True):
    """A certificate. namespace: None where it is the Gateway's own."""

    name: str
    group: str = ""
    kind: str = "Secret"
    namespace: str | None = None


class ListenerTLS(Value, frozen=True):
    """mode: Terminate | Passthrough."""

    mode: str = "Terminate"
    certificate_refs: tuple[SecretObjectReference, ...] = ()
    options: dict[str, str] = {}


class Listener(Value, frozen=True):
    """One listener. hostname: "" any. protocol: HTTP | HTTPS | TLS | TCP | UDP | a domain-prefixed name."""

    name: str
    port: int
    protocol: str
    hostname: str = ""
    tls: ListenerTLS | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayAddress(Value, frozen=True):
    """type: IPAddress | Hostname | a domain-prefixed name. value: "" asks for any of that type."""

    type: str = "IPAddress"
    value: str = ""


class LocalParametersReference(Value, frozen=True):
    """An implementation's own configuration object in the Gateway's namespace."""

    group: str
    kind: str
    name: str


class GatewayInfrastructure(Value, frozen=True):
    """What is put on the objects that are made for the Gateway."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    parameters_ref: LocalParametersReference | None = None


class AllowedListeners(Value, frozen=True):
    """Which ListenerSets may attach."""

    namespaces: RouteNamespaces = RouteNamespaces(from_="None")


class GatewaySpec(Value, frozen=True):
    """The listeners and where they are served. tls: client certificates, kept as written."""

    gateway_class_name: str
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: dict[str, object] | None = None


class Gateway(Object, frozen=True):
    """An entry for traffic."""

    spec: GatewaySpec


class ParentReference(Value, frozen=True):
    """What a route attaches to. None: as not written (status must repeat the reference verbatim)."""

    name: str
    group: str = GROUP
    kind: str = "Gateway"
    namespace: str | None = None
    section_name: str | None = None
    port: int | None = None


class HTTPPathMatch(Value, frozen=True):
    """type: Exact | PathPrefix | RegularExpression."""

    type: str = "PathPrefix"
    value: str = "/"


class HTTPHeaderMatch(Value, frozen=True):
    """type: Exact | RegularExpression."""

    name: str
    value: str
    type: str = "Exact"


class HTTPQueryParamMatch(Value, frozen=True):
    """type: Exact | RegularExpression."""

    name: str
    value: str
    type: str = "Exact"


class HTTPRouteMatch(Value, frozen=True):
    """All conditions must hold. method: "" any."""

    path: HTTPPathMatch = HTTPPathMatch()
    headers: tuple[HTTPHeaderMatch, ...] = ()
    query_params: tuple[HTTPQueryParamMatch, ...] = ()
    method: str = ""


class HTTPHeader(Value, frozen=True):
    """A header to write."""

    name: str
    value: str


class HTTPHeaderFilter(Value, frozen=True):
    """set replaces, add appends, remove takes away; names are case-insensitive."""

    set: tuple[HTTPHeader, ...] = ()
    add: tuple[HTTPHeader, ...] = ()
    remove: tuple[str, ...] = ()


class HTTPPathModifier(Value, frozen=True):
    """type: ReplaceFullPath | ReplacePrefixMatch; the field of that name is set."""

    type: str
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class HTTPRequestRedirect(Value, frozen=True):
    """scheme, hostname, port: None where the request's own is kept."""

    scheme: str | None = None
    hostname: str | None = None
    path: HTTPPathModifier | None = None
    port: int | None = None
    status_code: int = 302


class HTTPURLRewrite(Value, frozen=True):
    """What is changed on the way to the backend."""

    hostname: str | None = None
    path: HTTPPathModifier | None = None


class BackendObjectReference(Value, frozen=True):
    """A backend by name. namespace: None where it is the route's own. port: needed for a Service."""

    name: str
    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    port: int | None = None


class Fraction(Value, frozen=True):
    """numerator / denominator."""

    numerator: int
    denominator: int = 100


class HTTPRequestMirror(Value, frozen=True):
    """A copy of the share percent (0 to 100) or fraction; neither: of all."""

    backend_ref: BackendObjectReference
    percent: int | None = None
    fraction: Fraction | None = None


class HTTPCORS(Value, frozen=True):
    """max_age: seconds that a preflight answer may be kept."""

    allow_origins: tuple[str, ...] = ()
    allow_credentials: bool = False
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int = 5


class LocalObjectReference(Value, frozen=True):
    """An object in the same namespace."""

    group: str
    kind: str
    name: str


class HTTPRouteFilter(Value, frozen=True):
    """The field that type names is set.

    type: RequestHeaderModifier | ResponseHeaderModifier | RequestMirror | RequestRedirect | URLRewrite | CORS |
    ExternalAuth | ExtensionRef.
    """

    type: str
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirror | None = None
    request_redirect: HTTPRequestRedirect | None = None
    url_rewrite: HTTPURLRewrite | None = None
    cors: HTTPCORS | None = None
    external_auth: dict[str, object] | None = None
    extension_ref: LocalObjectReference | None = None


class HTTPBackendRef(BackendObjectReference, frozen=True):
    """A weighted backend with filters of its own. weight: 0 takes no traffic."""

    weight: int = 1
    filters: tuple[HTTPRouteFilter, ...] = ()


class HTTPRouteTimeouts(Value, frozen=True):
    """Durations as written; "" where not set, "0s" where switched off."""

    request: str = ""
    backend_request: str = ""


class HTTPRouteRetry(Value, frozen=True):
    """attempts: tries after the first. codes: statuses that are tried again. backoff: a duration or ""."""

    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: str = ""


class HTTPRouteRule(Value, frozen=True):
    """One rule. name: "" where it has none."""

    name: str = ""
    matches: tuple[HTTPRouteMatch, ...] = (HTTPRouteMatch(),)
    filters: tuple[HTTPRouteFilter, ...] = ()
    backend_refs: tuple[HTTPBackendRef, ...] = ()
    timeouts: HTTPRouteTimeouts = HTTPRouteTimeouts()
    retry: HTTPRouteRetry | None = None
    session_persistence: dict[str, object] | None = None


class HTTPRouteSpec(Value, frozen=True):
    """Where the route attaches, for which hosts, and its rules."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRouteRule, ...] = (HTTPRouteRule(),)


class HTTPRoute(Object, frozen=True):
    """HTTP routing rules."""

    spec: HTTPRouteSpec


class ReferenceGrantFrom(Value, frozen=True):
    """Who may refer."""

    group: str
    kind: str
    namespace: str


class ReferenceGrantTo(Value, frozen=True):
    """To what; name "" is any of that kind."""

    group: str
    kind: str
    name: str = ""


class ReferenceGrantSpec(Value, frozen=True):
    """Any of from_ may refer to any of to."""

    from_: tuple[ReferenceGrantFrom, ...] = field(name="from")
    to: tuple[ReferenceGrantTo, ...]


class ReferenceGrant(Object, frozen=True):
    """A namespace's leave to be referred to from another."""

    spec: ReferenceGrantSpec
