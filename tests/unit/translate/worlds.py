"""Random small configurations in which much refers to much: few names, so that references meet."""

from hypothesis import strategies as st
from msgspec.structs import replace

from agw.resources import agentgateway as own
from agw.resources import core
from agw.resources import gateway as api
from agw.resources.core import SecretBytes
from agw.resources.meta import LabelSelector, ObjectMeta
from agw.resources.objects import Resource, ResourceSet
from agw.translate.result import CONTROLLER

NAMESPACES = st.sampled_from(["default", "team"])
NAMES = st.sampled_from(["a", "b", "c"])
HOSTNAMES = st.sampled_from(["x.io", "*.x.io", "a.x.io", "*.a.x.io", "y.io"])
CREATED = st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"])
OWN = own.GROUP


def meta(name=NAMES, namespace=NAMESPACES, **fields):
    return st.builds(ObjectMeta, name=name, namespace=namespace, creation_timestamp=CREATED, **fields)


def small(strategy, low=0, high=2):
    return st.lists(strategy, min_size=low, max_size=high).map(tuple)


def distinct(strategy, key, low=0, high=3):
    return st.lists(strategy, min_size=low, max_size=high, unique_by=key).map(tuple)


CLASSES = st.builds(
    api.GatewayClass,
    api_version=st.just("gateway.networking.k8s.io/v1"),
    kind=st.just("GatewayClass"),
    metadata=meta(namespace=st.just("")),
    spec=st.builds(api.GatewayClassSpec, controller_name=st.sampled_from([CONTROLLER, "example.com/other"])),
)
LISTENERS = st.builds(
    api.Listener,
    name=NAMES,
    port=st.sampled_from([80, 81]),
    protocol=st.sampled_from(["HTTP", "HTTP", "HTTP", "TCP"]),
    hostname=st.sampled_from(["", "", "*.x.io", "a.x.io"]),
    allowed_routes=st.builds(
        api.AllowedRoutes,
        namespaces=st.sampled_from(
            [
                api.RouteNamespaces(),
                api.RouteNamespaces("All"),
                api.RouteNamespaces("Selector", LabelSelector({"team": "blue"})),
            ]
        ),
    ),
)
GATEWAYS = st.builds(
    api.Gateway,
    api_version=st.just("gateway.networking.k8s.io/v1"),
    kind=st.just("Gateway"),
    metadata=meta(),
    spec=st.builds(
        api.GatewaySpec,
        gateway_class_name=st.sampled_from(["agw", "agw", "agw", "a", "b"]),
        listeners=distinct(LISTENERS, lambda listener: listener.name, 1),
    ),
)
MATCHES = st.builds(
    api.HTTPRouteMatch,
    path=st.builds(
        api.HTTPPathMatch,
        type=st.sampled_from(["PathPrefix", "Exact", "RegularExpression"]),
        value=st.sampled_from(["/", "/a", "/a/", "/a/b", "/ab", "/a.*"]),
    ),
    method=st.sampled_from(["", "", "GET", "POST"]),
    headers=small(
        st.builds(
            api.HTTPHeaderMatch,
            name=st.sampled_from(["X-A", "x-b"]),
            value=st.sampled_from(["1", "2", ".*"]),
            type=st.sampled_from(["Exact", "RegularExpression"]),
        )
    ),
    query_params=small(
        st.builds(
            api.HTTPQueryParamMatch,
            name=st.sampled_from(["q", "r"]),
            value=st.sampled_from(["1", "a b", "[0-9]+"]),
            type=st.sampled_from(["Exact", "RegularExpression"]),
        )
    ),
)
REFS = st.builds(
    api.HTTPBackendRef,
    name=NAMES,
    group=st.sampled_from(["", OWN]),
    kind=st.just("Service"),
    namespace=st.none() | NAMESPACES,
    port=st.sampled_from([80, 81]),
    weight=st.integers(0, 2),
).map(
    lambda ref: api.HTTPBackendRef(
        name=ref.name,
        group=ref.group,
        kind="Backend" if ref.group else "Service",
        namespace=ref.namespace,
        port=ref.port,
        weight=ref.weight,
    )
)
EDITS = st.builds(
    api.HTTPHeaderFilter,
    set=small(st.builds(api.HTTPHeader, name=st.sampled_from(["X-A", "Host"]), value=st.just("1")), 0, 1),
    remove=small(st.sampled_from(["X-A", "x-b"]), 0, 1),
)
PATHS = st.none() | st.sampled_from(
    [
        api.HTTPPathModifier("ReplaceFullPath", replace_full_path="/z"),
        api.HTTPPathModifier("ReplacePrefixMatch", replace_prefix_match="/z/"),
        api.HTTPPathModifier("ReplacePrefixMatch", replace_prefix_match=""),
    ]
)
FILTERS = st.one_of(
    EDITS.map(lambda edit: api.HTTPRouteFilter("RequestHeaderModifier", request_header_modifier=edit)),
    EDITS.map(lambda edit: api.HTTPRouteFilter("ResponseHeaderModifier", response_header_modifier=edit)),
    st.builds(api.HTTPRequestRedirect, scheme=st.sampled_from([None, "https"]), path=PATHS).map(
        lambda redirect: api.HTTPRouteFilter("RequestRedirect", request_redirect=redirect)
    ),
    st.builds(api.HTTPURLRewrite, hostname=st.sampled_from([None, "z.io"]), path=PATHS).map(
        lambda rewrite: api.HTTPRouteFilter("URLRewrite", url_rewrite=rewrite)
    ),
    st.builds(api.HTTPRequestMirror, backend_ref=REFS, percent=st.sampled_from([None, 0, 7])).map(
        lambda mirror: api.HTTPRouteFilter("RequestMirror", request_mirror=mirror)
    ),
    st.builds(api.HTTPCORS, allow_origins=small(st.sampled_from(["*", "https://x.io"]), 0, 1)).map(
        lambda cors: api.HTTPRouteFilter("CORS", cors=cors)
    ),
    st.just(api.HTTPRouteFilter("ExternalAuth")),
)
RULES = st.builds(
    api.HTTPRouteRule,
    name=st.just(""),
    matches=small(MATCHES, 1, 3),
    filters=small(FILTERS, 0, 2),
    backend_refs=small(
        REFS.flatmap(lambda ref: small(FILTERS, 0, 1).map(lambda filters: replace(ref, filters=filters)))
    ),
    retry=st.sampled_from([None, None, None, api.HTTPRouteRetry(attempts=1)]),
    session_persistence=st.sampled_from([None, None, None, {}]),
)


def _named(rules):
    return tuple(replace(rule, name=f"n{index}") for index, rule in enumerate(rules))


ROUTES = st.builds(
    api.HTTPRoute,
    api_version=st.just("gateway.networking.k8s.io/v1"),
    kind=st.just("HTTPRoute"),
    metadata=meta(name=st.sampled_from(["a", "b", "c", "d", "e"])),
    spec=st.builds(
        api.HTTPRouteSpec,
        parent_refs=distinct(
            st.builds(
                api.ParentReference, name=NAMES, namespace=st.none() | NAMESPACES, section_name=st.none() | NAMES
            ),
            lambda ref: (ref.name, ref.namespace, ref.section_name),
            1,
        ),
        hostnames=small(HOSTNAMES),
        rules=small(RULES, 1, 2).map(_named),
    ),
)
BACKENDS = st.builds(
    own.Backend,
    api_version=st.just("agentgateway.alibabacloud.com/v1alpha1"),
    kind=st.just("Backend"),
    metadata=meta(),
    spec=st.builds(
        own.BackendSpec,
        type=st.just("A2A"),
        a2a=st.builds(
            own.A2ABackend,
            targets=small(
                st.builds(
                    own.BackendTarget,
                    name=NAMES,
                    static=st.builds(
                        own.StaticTarget,
                        host=st.sampled_from(["a", "b.team", "10.0.0.1", "c.default.svc", "example.com"]),
                        port=st.sampled_from([80, 81]),
                    ),
                ),
                1,
            ),
        ),
    ),
)
SERVICES = st.builds(
    core.Service,
    api_version=st.just("v1"),
    kind=st.just("Service"),
    metadata=meta(),
    spec=st.builds(core.ServiceSpec, ports=st.just((core.ServicePort(80, "http"),))),
)
SLICES = st.builds(
    core.EndpointSlice,
    api_version=st.just("discovery.k8s.io/v1"),
    kind=st.just("EndpointSlice"),
    metadata=meta(labels=NAMES.map(lambda name: {"kubernetes.io/service-name": name})),
    address_type=st.just("IPv4"),
    endpoints=small(
        st.builds(
            core.SliceEndpoint,
            addresses=st.sampled_from([("10.1.0.1",), ("10.1.0.2",)]),
            conditions=st.builds(core.EndpointConditions, ready=st.sampled_from([None, True, False])),
        )
    ),
    ports=st.just((core.SlicePort("http", 8080),)),
)
GRANTS = st.builds(
    api.ReferenceGrant,
    api_version=st.just("gateway.networking.k8s.io/v1"),
    kind=st.just("ReferenceGrant"),
    metadata=meta(),
    spec=st.builds(
        api.ReferenceGrantSpec,
        from_=st.sampled_from(
            [
                (api.ReferenceGrantFrom(api.GROUP, "HTTPRoute", "default"),),
                (api.ReferenceGrantFrom(OWN, "Backend", "default"),),
            ]
        ),
        to=st.sampled_from([(api.ReferenceGrantTo("", "Service"),), (api.ReferenceGrantTo(OWN, "Backend", "a"),)]),
    ),
)
SECRETS = st.builds(
    core.Secret,
    api_version=st.just("v1"),
    kind=st.just("Secret"),
    metadata=meta(),
    data=st.dictionaries(
        st.sampled_from(["alice", "bob"]),
        st.sampled_from([b"key-1", b"key-2\n", b"", b"sha256:zz"]).map(SecretBytes),
        max_size=2,
    ),
)
POLICIES = st.builds(
    own.TrafficPolicy,
    api_version=st.just("agentgateway.alibabacloud.com/v1alpha1"),
    kind=st.just("TrafficPolicy"),
    metadata=meta(),
    spec=st.builds(
        own.TrafficPolicySpec,
        target_refs=small(
            st.builds(
                own.PolicyTargetRef,
                group=st.just(api.GROUP),
                kind=st.sampled_from(["HTTPRoute", "Gateway", "GRPCRoute"]),
                name=NAMES,
                section_name=st.sampled_from([None, "a", "n0"]),
            ),
            1,
        ),
        traffic=st.builds(
            own.Traffic,
            authentication=st.none()
            | st.builds(
                own.Authentication,
                api_key_auth=st.builds(
                    own.APIKeyAuth,
                    secret_ref=st.builds(own.SecretReference, name=NAMES),
                    mode=st.sampled_from(["Strict", "Optional"]),
                ),
            ),
            rate_limit=st.sampled_from([None, own.RateLimit((own.LocalRateLimit(1, "Second"),))]),
        ),
    ),
)
SPACES = st.builds(
    core.Namespace,
    api_version=st.just("v1"),
    kind=st.just("Namespace"),
    metadata=meta(
        name=NAMESPACES, namespace=st.just(""), labels=st.sampled_from([{}, {"team": "blue"}, {"team": "red"}])
    ),
)
OBJECTS = st.one_of(
    GATEWAYS, ROUTES, ROUTES, ROUTES, BACKENDS, SERVICES, SLICES, GRANTS, SECRETS, POLICIES, POLICIES, SPACES, CLASSES
)


def identity(value):
    return (type(value), value.metadata.namespace, value.metadata.name)


def worlds(size=14):
    return st.lists(OBJECTS, min_size=3, max_size=size, unique_by=identity)


def resources(values):
    return ResourceSet(Resource(value) for value in values)
