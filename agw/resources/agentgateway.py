"""Our own two kinds (group agentgateway.alibabacloud.com): Backend and TrafficPolicy.

The CRDs in charts/ack-agent-gateway/crds are the source of names, defaults and bounds; a test holds this file to them.
"""

from __future__ import annotations

from msgspec import field

from agw.resources.meta import Object, Value

GROUP = "agentgateway.alibabacloud.com"


class Unread(Value, frozen=True):
    """A part of an object that this release cannot read. path: JSON path. message: what is wrong there."""

    path: str
    message: str


class StaticTarget(Value, frozen=True):
    """host: a Service's name ("name", "name.ns", "name.ns.svc", ...), an IP address, or a DNS name."""

    host: str
    port: int


class BackendTarget(Value, frozen=True):
    """One replica set of the agent. weight: 0 takes no traffic."""

    name: str
    static: StaticTarget
    weight: int = 1


class CardRewrite(Value, frozen=True):
    """How the agent card is rewritten. signatures: Strip | Reject. other_urls: Keep | Drop."""

    external_url: str = field(default="", name="externalURL")
    signatures: str = "Strip"
    other_urls: str = field(default="Keep", name="otherURLs")
    advertise_security: bool = True


class Affinity(Value, frozen=True):
    """type: None | Task."""

    type: str = "None"


class StreamOptions(Value, frozen=True):
    """keep_alive: duration; "0s" is off."""

    keep_alive: str = "0s"


class HealthCheck(Value, frozen=True):
    """Active check of each endpoint. interval, timeout: durations."""

    path: str = "/.well-known/agent-card.json"
    interval: str = "10s"
    timeout: str = "2s"
    healthy_threshold: int = 2
    unhealthy_threshold: int = 3


class A2ABackend(Value, frozen=True):
    """An agent. health: None where there is no active check."""

    targets: tuple[BackendTarget, ...]
    card: CardRewrite = CardRewrite()
    affinity: Affinity = Affinity()
    stream: StreamOptions = StreamOptions()
    health: HealthCheck | None = None


class BackendSpec(Value, frozen=True):
    """type: A2A; the field of that name is set."""

    type: str
    a2a: A2ABackend


class Backend(Object, frozen=True):
    """An agent that routes can name. unread: not empty in a stand-in (see `strict`), whose spec then says nothing."""

    spec: BackendSpec
    unread: tuple[Unread, ...] = ()


class PolicyTargetRef(Value, frozen=True):
    """What the policy applies to, in its own namespace. section_name: a listener or a rule, None for the whole."""

    group: str
    kind: str
    name: str
    section_name: str | None = None


class SecretReference(Value, frozen=True):
    """A Secret in the policy's own namespace."""

    name: str


class KeySource(Value, frozen=True):
    """Where a key may be: exactly one of header, query, cookie is set. scheme: only with a header; "" the whole value."""

    header: str = ""
    scheme: str = ""
    query: str = ""
    cookie: str = ""


DEFAULT_SOURCES = (KeySource(header="Authorization", scheme="Bearer"), KeySource(header="X-API-Key"))


class FailureLimit(Value, frozen=True):
    """How many wrong keys an address may present. unit: Second | Minute | Hour | Day. burst: None as many as failures."""

    failures: int
    unit: str
    burst: int | None = None


class APIKeyAuth(Value, frozen=True):
    """mode: Strict | Optional."""

    secret_ref: SecretReference
    sources: tuple[KeySource, ...] = DEFAULT_SOURCES
    mode: str = "Strict"
    forward_credential: bool = False
    public_agent_card: bool = False
    failure_limit: FailureLimit | None = None


class Authentication(Value, frozen=True):
    """Who a client is."""

    api_key_auth: APIKeyAuth | None = None


class AuthorizationRule(Value, frozen=True):
    """action: Allow | Deny. An empty list of consumers or operations means any."""

    action: str
    consumers: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class Authorization(Value, frozen=True):
    """The first rule that matches decides; none matches: denied."""

    rules: tuple[AuthorizationRule, ...]


class LocalRateLimit(Value, frozen=True):
    """unit: Second | Minute | Hour | Day. per: Route | Consumer | ClientIP | Context. burst: None as many as requests."""

    requests: int
    unit: str
    burst: int | None = None
    per: str = "Route"
    operations: tuple[str, ...] = ()


class SharedRateLimit(Value, frozen=True):
    """Limits over all pods. on_failure: Open | Closed."""

    limits: tuple[LocalRateLimit, ...]
    on_failure: str = "Open"


class RateLimit(Value, frozen=True):
    """All limits that apply must have room."""

    local: tuple[LocalRateLimit, ...] = ()
    shared: SharedRateLimit | None = None


class StreamLimit(Value, frozen=True):
    """Event streams of one route that are open at once in one pod."""

    max_concurrent: int


class PolicyTimeouts(Value, frozen=True):
    """Durations; "0s" is off, "" is not set here (a less specific policy decides)."""

    request: str = ""
    stream_idle: str = ""


class Traffic(Value, frozen=True):
    """The parts of a policy; None where it says nothing."""

    authentication: Authentication | None = None
    authorization: Authorization | None = None
    rate_limit: RateLimit | None = None
    streams: StreamLimit | None = None
    timeouts: PolicyTimeouts | None = None


class TrafficPolicySpec(Value, frozen=True):
    """What applies to which targets."""

    target_refs: tuple[PolicyTargetRef, ...]
    traffic: Traffic


class TrafficPolicy(Object, frozen=True):
    """Authentication, authorization, limits and timeouts, attached to Gateways and routes.

    unread: not empty in a stand-in (see `strict`), of whose spec the targets alone are known.
    """

    spec: TrafficPolicySpec
    unread: tuple[Unread, ...] = ()
