"""The entries of a snapshot, and the snapshot itself.

Rules: everything here is frozen and comparable, so that the difference of two snapshots is a comparison of values;
names of Kubernetes kinds appear only as text for people. Invalid configuration is a value that answers correctly
(`error` on a rule or a weighted backend, `deny` on a policy), never a missing entry.

Keys, one per entry, stable over changes of the object:
    listener/{gateway namespace}/{gateway}/{listener}
    rule/{route kind}/{namespace}/{route}/{index}
    backend/Backend/{namespace}/{name}, backend/Service/{namespace}/{name}:{port}
    policy/{target}[+{target} ...]    merged from the policies on these targets, the least specific first; a target is
                                      Gateway/{namespace}/{gateway}[/{listener}] or HTTPRoute/{namespace}/{route}[/{rule}]
    credentials/{namespace}/{secret}
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class _Value(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Base of all values in a snapshot. None refers to what refers to it, so that no collection needs to walk them."""


class Listener(_Value, frozen=True, tag="Listener"):
    """One listener of a Gateway. hostname: lower-case; "" any host, "*.x" any number of labels before x, or exact."""

    gateway: str  # "namespace/name"
    name: str
    port: int
    protocol: str = "HTTP"
    hostname: str = ""


class PathMatch(_Value, frozen=True):
    """kind: Exact | PathPrefix | RegularExpression. A prefix has no trailing slash, but for "/" itself."""

    kind: str = "PathPrefix"
    value: str = "/"


class FieldMatch(_Value, frozen=True):
    """A header (name lower-case) or a query parameter (name as written) that must have this value."""

    name: str
    value: str
    regex: bool = False


class Match(_Value, frozen=True):
    """All conditions must hold. method: "" any."""

    path: PathMatch = PathMatch()
    method: str = ""
    headers: tuple[FieldMatch, ...] = ()
    queries: tuple[FieldMatch, ...] = ()


class Attachment(_Value, frozen=True):
    """A listener that a rule is served on, with the hostnames left after intersection; ("",) is any host.

    policy: key of the policy in force on this listener, where it is another than the rule's own (a policy that targets
    a Gateway or one of its listeners).
    """

    listener: str
    hostnames: tuple[str, ...] = ("",)
    policy: str = ""


class Header(_Value, frozen=True):
    """A header to write: name as configured."""

    name: str
    value: str


class HeaderEdit(_Value, frozen=True):
    """What is done to a head: set replaces all fields of a name, add appends one, remove (lower-case) takes all away.

    A name is in one of the three at most, in any case of letters, and never one of framing or of the connection (Host,
    Content-Length, Transfer-Encoding, Connection, Upgrade, ...). Names are tokens; values have no control characters but
    tabs, and no white space around them.
    """

    set: tuple[Header, ...] = ()
    add: tuple[Header, ...] = ()
    remove: tuple[str, ...] = ()


class PathEdit(_Value, frozen=True):
    """prefix: "" the whole path becomes value; else its beginning does, which the rule's one match has made sure of.

    Both begin with a slash; prefix, and value beside a prefix, have none at the end, but for "/" itself, which beside a
    prefix stands for nothing: "/a" for prefix "/" makes "/a/x" of "/x" and "/a" of "/", and "/" for prefix "/a" makes
    "/x" of "/a/x" and "/" of "/a". The query is not touched.
    """

    value: str
    prefix: str = ""


class Redirect(_Value, frozen=True):
    """Answered, not forwarded. scheme, hostname: "" the request's own. port: 0 by the rules of the Gateway API."""

    status: int = 302
    scheme: str = ""
    hostname: str = ""
    port: int = 0
    path: PathEdit | None = None


class Rewrite(_Value, frozen=True):
    """What is changed on the way to the backend. hostname: "" the Host stays."""

    hostname: str = ""
    path: PathEdit | None = None


class Mirror(_Value, frozen=True):
    """A copy of numerator in denominator requests goes to the backend of this key, and its answer nowhere."""

    backend: str
    numerator: int = 100
    denominator: int = 100


class Cors(_Value, frozen=True):
    """Cross-origin resource sharing (Fetch standard; HTTPCORSFilter). max_age: seconds of a preflight's answer.

    origins: "*", or scheme://host[:port] in lower case, without the scheme's own port; the host may be "*" (any) or begin
    with "*." (any number of labels, at least one). methods, headers, expose: as configured, or ("*",) alone; expose never
    is "*" where credentials are allowed.
    """

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int = 5


class Filters(_Value, frozen=True):
    """What is done to requests and answers on their way.

    The order is fixed: a CORS preflight is answered before the policy asks for a key, since browsers send none with it; a
    redirect after that, so that nothing is told to whom the policy refuses; then request_headers and rewrite, on top of the
    fields that the gateway itself takes out and puts in; mirrors get what the backend gets, without the backend's own
    filters. response_headers are for the agent's answers, and for redirects; CORS fields come after them. With a redirect
    there is no rewrite, no mirror and no backend.
    """

    request_headers: HeaderEdit | None = None
    response_headers: HeaderEdit | None = None
    redirect: Redirect | None = None
    rewrite: Rewrite | None = None
    mirrors: tuple[Mirror, ...] = ()
    cors: Cors | None = None


class Retry(_Value, frozen=True):
    """attempts: after the first, failed connections among them. codes: statuses that are tried again, ascending.

    backoff_ms: least wait before each further try.
    """

    attempts: int = 1
    codes: tuple[int, ...] = ()
    backoff_ms: int = 0


class WeightedBackend(_Value, frozen=True):
    """error: not empty where the reference is invalid; its share of the weight answers 500.

    filters: of this backend alone, after those of the rule: header edits only.
    """

    backend: str = ""
    weight: int = 1
    error: str = ""
    filters: Filters | None = None


class Rule(_Value, frozen=True, tag="Rule"):
    """One rule of a route. error: not empty where the whole rule answers 500 (an unsupported filter, for example).

    created: the route's creationTimestamp (RFC 3339) or "" (a file: equal age, then namespace/name decides).
    request_timeout_ms, backend_timeout_ms: 0 = none.
    """

    route: str  # "namespace/name"
    index: int
    attachments: tuple[Attachment, ...]
    matches: tuple[Match, ...] = (Match(),)
    backends: tuple[WeightedBackend, ...] = ()
    name: str = ""
    kind: str = "HTTPRoute"
    created: str = ""
    policy: str = ""
    request_timeout_ms: int = 0
    backend_timeout_ms: int = 0
    filters: Filters | None = None
    retry: Retry | None = None
    error: str = ""


class Endpoint(_Value, frozen=True):
    """One address of a target: an IP literal and a port."""

    address: str
    port: int


class Target(_Value, frozen=True):
    """A weighted group of endpoints. host, port: as the user wrote them (`--resolve` and DNS go by these).

    dns: the endpoints come from resolving host at run time; until then there are none. The share of a target that has
    none goes to the others; 503 where no target has any.
    error: not empty where the target is refused (another namespace's Service without a grant): it has no endpoints and
    must get none from anywhere; its share answers 500.
    """

    name: str
    host: str
    port: int
    weight: int = 1
    endpoints: tuple[Endpoint, ...] = ()
    dns: bool = False
    error: str = ""


class Card(_Value, frozen=True):
    """How the agent card of an A2A backend is rewritten (design of Backend.spec.a2a.card)."""

    external_url: str = ""  # the public base; "" = from listener and hostname
    signatures: str = "Strip"  # Strip | Reject
    other_urls: str = "Keep"  # Keep | Drop
    advertise_security: bool = True


class HealthCheck(_Value, frozen=True):
    """Active check of each endpoint: a GET of path. healthy, unhealthy: checks in a row that change what is held true."""

    path: str
    interval_ms: int
    timeout_ms: int
    healthy: int
    unhealthy: int


class Backend(_Value, frozen=True, tag="Backend"):
    """What a route names. protocol: A2A | HTTP. card: only with A2A. health: None where nothing is checked.

    affinity: None | Task: requests about a task or a context go to the endpoint that has it.
    keep_alive_ms: silence of an agent's event stream after which a comment is sent; 0 = none is.
    """

    ref: str  # "namespace/name"
    kind: str = "Backend"  # Backend | Service
    protocol: str = "HTTP"
    targets: tuple[Target, ...] = ()
    card: Card | None = None
    health: HealthCheck | None = None
    affinity: str = "None"
    keep_alive_ms: int = 0


class KeySource(_Value, frozen=True):
    """A place where a key may be: one of header (lower-case), query, cookie. scheme: "" the whole value is the key."""

    header: str = ""
    scheme: str = ""
    query: str = ""
    cookie: str = ""


class ApiKeyAuth(_Value, frozen=True):
    """mode: Strict | Optional. credentials: key of the CredentialSet; a missing or empty set lets nobody in."""

    credentials: str
    sources: tuple[KeySource, ...] = (KeySource("authorization", "Bearer"), KeySource("x-api-key"))
    mode: str = "Strict"
    forward_credential: bool = False
    public_agent_card: bool = False
    failures: Limit | None = None  # of wrong keys, per ClientIP


class Limit(_Value, frozen=True):
    """At most `requests` in `window_s` seconds, `burst` of them at once. operations: empty is any request.

    per: Route | Consumer | ClientIP | Context. scope: "namespace/name" of the TrafficPolicy, which is counted apart.
    shared: over all pods. closed: refuse while the store for that cannot be reached.
    """

    requests: int
    window_s: int
    burst: int
    per: str
    operations: tuple[str, ...] = ()
    scope: str = ""
    shared: bool = False
    closed: bool = False


class StreamLimit(_Value, frozen=True):
    """At most so many event streams of each route are open at once in a pod. scope: as that of a Limit."""

    concurrent: int
    scope: str = ""


class AuthorizationRule(_Value, frozen=True):
    """action: Allow | Deny. consumers, operations (by their A2A 1.0 names): empty is any."""

    action: str
    consumers: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class Policy(_Value, frozen=True, tag="Policy"):
    """The merged policy of one rule. deny: not empty where the policy is unusable, so that all is refused with 500.

    authorization: None where anybody who is let in may do anything; the first rule that matches decides, no match denies.
    request_timeout_ms: from the request's head to the answer's; 0 without limit, None where the gateway's own holds.
    stream_idle_ms: how long an agent may be silent on an event stream; 0 without limit.
    """

    refs: tuple[str, ...] = ()  # "namespace/name" of the TrafficPolicies it came from
    api_key: ApiKeyAuth | None = None
    authorization: tuple[AuthorizationRule, ...] | None = None
    limits: tuple[Limit, ...] = ()
    request_timeout_ms: int | None = None
    stream_idle_ms: int = 0
    streams: StreamLimit | None = None
    deny: str = ""


class Credential(_Value, frozen=True):
    """A consumer and the SHA-256 of its key; the key itself never enters a snapshot."""

    consumer: str
    sha256: bytes

    def __repr__(self) -> str:
        """Without the digest: what is printed must not help to guess."""
        return f"Credential(consumer={self.consumer!r}, sha256=<redacted>)"


class CredentialSet(_Value, frozen=True, tag="CredentialSet"):
    """The keys of one Secret."""

    ref: str  # "namespace/name"
    credentials: tuple[Credential, ...] = ()


Entry: TypeAlias = Listener | Rule | Backend | Policy | CredentialSet


class Snapshot(_Value, frozen=True):
    """The whole translated configuration at one version."""

    version: int = 0
    entries: dict[str, Entry] = {}


class Delta(_Value, frozen=True):
    """What changes between two versions: apply to `base` to get `version`."""

    base: int
    version: int
    set: dict[str, Entry] = {}
    removed: tuple[str, ...] = ()
