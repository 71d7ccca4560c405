"""TrafficPolicies: what each says, what holds on one target, and what is in force on a rule.

    policy (one object, field by field) --> level (all policies on one target) --> merge (Gateway < listener < route < rule)

Rules: merging is field by field. On one target the older policy has a field (then by name), the other's is in conflict;
between targets the more specific one has it. A field that cannot be served is still that field: where it is in force
everything is refused, because a gateway that leaves out an authorization rule is worse than one that answers 500. A
missing or empty Secret lets nobody in (401). A policy that could not be read (a stand-in) refuses everything on its
targets, under a name that no field of another policy takes its place by.

Must not: look at a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from agw.errors import Problem
from agw.resources import agentgateway as own
from agw.resources import gateway as api
from agw.resources.durations import milliseconds
from agw.snapshot import model
from agw.translate import codes, key_sources, limits
from agw.translate.credentials import CREDENTIALS, CredentialState
from agw.translate.graph import Ask, Query
from agw.translate.inputs import POLICIES, POLICY_OBJECT
from agw.translate.result import ObjectKey

TARGETS = frozenset({(api.GROUP, "HTTPRoute"), (api.GROUP, "Gateway")})
_API_KEY = "$.spec.traffic.authentication.apiKeyAuth"
_REFUSED = "every request is refused with 500"


@dataclass(frozen=True, slots=True)
class PolicyField:
    """One field of one policy. deny: why it cannot be served, so that all is refused; the others: what it says.

    name: the field's; "unread NAMESPACE/NAME" of a policy that could not be read. Times: 0 is without limit.
    """

    name: str
    policy: str  # "namespace/name"
    api_key: model.ApiKeyAuth | None = None
    authorization: tuple[model.AuthorizationRule, ...] | None = None
    limits: tuple[model.Limit, ...] = ()
    request_timeout_ms: int | None = None
    stream_idle_ms: int | None = None
    streams: model.StreamLimit | None = None
    deny: str = ""


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What a policy says. invalid: why it is not accepted; partly: what is wrong while the rest holds."""

    fields: tuple[PolicyField, ...]
    invalid: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def _policy(ask: Ask, namespace: str, name: str) -> PolicyState | None:
    policy = ask(POLICY_OBJECT, namespace, name)
    if policy is None:
        return None
    subject, ref, traffic = ObjectKey("TrafficPolicy", namespace, name), f"{namespace}/{name}", policy.spec.traffic
    if policy.unread:
        return _unread(subject, ref, policy.unread)
    fields: list[PolicyField] = []
    problems: list[Problem] = []
    partly: tuple[str, ...] = ()
    invalid: list[str] = []
    auth = _api_key_auth(traffic)
    if auth is not None:
        state = ask(CREDENTIALS, namespace, auth.secret_ref.name)
        fields.append(PolicyField("authentication", ref, api_key=_api_key(auth, state, ref)))
        refusal = _empty(f"{namespace}/{auth.secret_ref.name}", state)
        if refusal:
            problems.append(codes.error(codes.POLICY_SECRET, subject, f"{_API_KEY}.secretRef.name", refusal))
            invalid.append(refusal)
        else:
            partly = state.notes
        useless, found = _sources(subject, auth)
        problems += found
        if useless:
            invalid.append(useless)
        else:
            partly += tuple(problem.message for problem in found)
    if traffic.authorization is not None:
        fields.append(PolicyField("authorization", ref, authorization=_rules(traffic.authorization)))
    if traffic.rate_limit is not None:
        fields.append(PolicyField("rateLimit", ref, limits=limits.limits(traffic.rate_limit, ref)))
    fields += _times(traffic.timeouts or own.PolicyTimeouts(), ref)
    if traffic.streams is not None:
        fields.append(PolicyField("streams", ref, streams=model.StreamLimit(traffic.streams.max_concurrent, ref)))
    return PolicyState(tuple(fields), tuple(invalid), partly, tuple(problems))


POLICY: Query[PolicyState | None] = Query("policy", 3, _policy)
"""(namespace, name)"""


def _unread(subject: ObjectKey, ref: str, unread: tuple[own.Unread, ...]) -> PolicyState:
    problems = tuple(
        codes.error(codes.POLICY_UNREAD, subject, each.path, f"{each.path}: {each.message}: {_REFUSED}")
        for each in unread
    )
    deny = f"TrafficPolicy {ref} cannot be read: {unread[0].path}: {unread[0].message}"
    return PolicyState(
        fields=(PolicyField(f"unread {ref}", ref, deny=deny),),
        invalid=tuple(problem.message for problem in problems),
        problems=problems,
    )


def _api_key_auth(traffic: own.Traffic) -> own.APIKeyAuth | None:
    return traffic.authentication.api_key_auth if traffic.authentication is not None else None


def _empty(secret: str, state: CredentialState) -> str:
    if not state.exists:
        return f"there is no Secret {secret}: every request is answered 401"
    if not state.entry.credentials:
        return f"Secret {secret} holds no usable key: every request is answered 401"
    return ""


def _sources(subject: ObjectKey, auth: own.APIKeyAuth) -> tuple[str, list[Problem]]:
    """Tell of the places in which a key lets nobody in; first what that makes of the policy where there is no other."""
    unusable, path = key_sources.unusable(auth.sources), f"{_API_KEY}.sources"
    problems = [
        codes.warning(codes.KEY_SOURCE, subject, f"{path}[{each.index}]", each.message, each.hint) for each in unusable
    ]
    if len(unusable) < len(key_sources.distinct(auth.sources)):
        return "", problems
    refusal = "nobody gets in by any of the sources" + (": all is answered 401" if auth.mode == "Strict" else "")
    return refusal, [codes.error(codes.KEY_SOURCE, subject, path, refusal), *problems]


def _times(timeouts: own.PolicyTimeouts, ref: str) -> list[PolicyField]:
    """Each time is a field of its own: who sets one leaves the other to less specific policies."""
    found = []
    if timeouts.request:
        found.append(PolicyField("timeouts.request", ref, request_timeout_ms=milliseconds(timeouts.request)))
    if timeouts.stream_idle:
        found.append(PolicyField("timeouts.streamIdle", ref, stream_idle_ms=milliseconds(timeouts.stream_idle)))
    return found


def _api_key(auth: own.APIKeyAuth, state: CredentialState, policy: str) -> model.ApiKeyAuth:
    return model.ApiKeyAuth(
        credentials=state.key,
        sources=key_sources.distinct(auth.sources),
        mode=auth.mode,
        forward_credential=auth.forward_credential,
        public_agent_card=auth.public_agent_card,
        failures=limits.failures(auth.failure_limit, policy) if auth.failure_limit is not None else None,
    )


def _rules(authorization: own.Authorization) -> tuple[model.AuthorizationRule, ...]:
    return tuple(model.AuthorizationRule(each.action, each.consumers, each.operations) for each in authorization.rules)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field of `loser` that is not in force on a target, because the older `winner` sets it there."""

    field: str
    loser: str
    winner: str


@dataclass(frozen=True, slots=True)
class LevelState:
    """What holds on one target. key: names the target in the keys of policies; "" where no policy has it."""

    key: str = ""
    fields: tuple[PolicyField, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


NOTHING = LevelState()


def _level(ask: Ask, kind: str, namespace: str, name: str, section: str) -> LevelState:
    fields: dict[str, PolicyField] = {}
    conflicts = []
    for _, policy in ask(POLICIES, kind, namespace, name, section):
        state = ask(POLICY, namespace, policy)
        for field in state.fields if state is not None else ():
            winner = fields.setdefault(field.name, field)
            if winner is not field:
                conflicts.append(Conflict(field.name, field.policy, winner.policy))
    if not fields:
        return NOTHING
    key = "/".join(part for part in (kind, namespace, name, section) if part)
    return LevelState(key, tuple(fields[name] for name in sorted(fields)), tuple(conflicts))


LEVEL: Query[LevelState] = Query("level", 4, _level)
"""(kind, namespace, name, section or "")"""


@dataclass(frozen=True, slots=True)
class Merged:
    """The policy in force somewhere. key: "" and no entry where there is none. fields: where each came from."""

    key: str = ""
    entry: model.Policy | None = None
    fields: tuple[PolicyField, ...] = ()


NONE = Merged()


def merge(*levels: LevelState) -> Merged:
    """Merge levels, the least specific first.

    The key is made of the levels that say something, so that rules under one Gateway's policy share one entry.
    """
    fields: dict[str, PolicyField] = {}
    for level in levels:
        fields |= {field.name: field for field in level.fields}
    if not fields:
        return NONE
    ordered = tuple(fields[name] for name in sorted(fields))
    return Merged(
        key="policy/" + "+".join(level.key for level in levels if level.key),
        entry=model.Policy(
            refs=tuple(dict.fromkeys(field.policy for field in ordered)),
            api_key=next((field.api_key for field in ordered if field.api_key is not None), None),
            authorization=next((field.authorization for field in ordered if field.authorization is not None), None),
            limits=next((field.limits for field in ordered if field.limits), ()),
            request_timeout_ms=next(
                (each for field in ordered if (each := field.request_timeout_ms) is not None), None
            ),
            stream_idle_ms=next((field.stream_idle_ms for field in ordered if field.stream_idle_ms), 0),
            streams=next((field.streams for field in ordered if field.streams is not None), None),
            deny="; ".join(field.deny for field in ordered if field.deny),
        ),
        fields=ordered,
    )
