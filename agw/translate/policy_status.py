"""What a TrafficPolicy's author is told: per Gateway that the policy reaches, whether it is accepted and in force.

Rules (GEP-713): an ancestor is a Gateway of ours that the target leads to; a target that leads nowhere is its own
ancestor, so that the author is told at all. Of several targets under one Gateway the worst word counts: TargetNotFound,
Invalid, Conflicted, PartiallyInvalid, Valid. `Attached` is true where at least one field is in force.

Must not: decide what is in force; `policies` and `routes` have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agw.errors import Problem
from agw.resources import agentgateway as own
from agw.translate import codes
from agw.translate.gateways import GATEWAY
from agw.translate.graph import Ask, Query
from agw.translate.inputs import GATEWAY_OBJECT, POLICY_OBJECT, ROUTE_OBJECT
from agw.translate.policies import LEVEL, POLICY, TARGETS, PolicyState
from agw.translate.result import CONTROLLER, Loser, ObjectKey
from agw.translate.routes import ROUTE
from agw.translate.status import FALSE, TRUE, AncestorStatus, Condition, PolicyStatus, Reference

_WORST = ("TargetNotFound", "Invalid", "Conflicted", "PartiallyInvalid", "Valid")
_MAX_ANCESTORS = 16  # GEP-713; the CRD refuses more


@dataclass(frozen=True, slots=True)
class PolicyStatusState:
    """The status of a policy, with what to say about its targets."""

    status: PolicyStatus
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


@dataclass(slots=True)
class _Verdict:
    """What one target's ancestor is told. losing: fields that other policies have there."""

    ancestors: list[Reference]
    reason: str = "Valid"
    messages: list[str] = field(default_factory=list)
    attached: bool = True
    detached: str = ""


def _status(ask: Ask, namespace: str, name: str) -> PolicyStatusState | None:
    policy = ask(POLICY_OBJECT, namespace, name)
    state = ask(POLICY, namespace, name)
    if policy is None or state is None:
        return None
    subject = ObjectKey("TrafficPolicy", namespace, name)
    verdicts, problems, losers = [], [], []
    for index, target in enumerate(policy.spec.target_refs):
        path = f"$.spec.targetRefs[{index}]"
        verdict, found = _target(ask, subject, target, state, path)
        verdicts.append(verdict)
        problems += found
        if verdict.reason in {"TargetNotFound", "Conflicted"} or not verdict.attached:
            reason = verdict.reason if verdict.reason != "Valid" else "NotAttached"
            said = "; ".join(dict.fromkeys(filter(None, (*verdict.messages, verdict.detached))))
            losers.append(Loser(subject, reason, said, path))
    return PolicyStatusState(
        status=PolicyStatus(_ancestors(verdicts, policy.metadata.generation)),
        problems=tuple(problems),
        losers=(*losers, *(Loser(subject, "Invalid", said, "$.spec.traffic") for said in state.invalid)),
    )


POLICY_STATUS: Query[PolicyStatusState | None] = Query("policy status", 6, _status)
"""(namespace, name)"""


def _target(
    ask: Ask, subject: ObjectKey, target: own.PolicyTargetRef, state: PolicyState, path: str
) -> tuple[_Verdict, list[Problem]]:
    itself = Reference(
        name=target.name,
        group=target.group,
        kind=target.kind,
        namespace=subject.namespace,
        section_name=target.section_name,
    )
    verdict = _Verdict([itself])
    if (target.group, target.kind) not in TARGETS:
        said = f"{target.kind} of group {target.group or 'core'} cannot be a target: HTTPRoute and Gateway can"
        verdict.reason, verdict.messages, verdict.attached, verdict.detached = "Invalid", [said], False, said
        return verdict, [codes.error(codes.POLICY_TARGET, subject, f"{path}.kind", said)]
    missing = _missing(ask, subject.namespace, target)
    if missing:
        verdict.reason, verdict.messages, verdict.attached, verdict.detached = (
            "TargetNotFound",
            [missing],
            False,
            missing,
        )
        place = f"{path}.sectionName" if "has no" in missing else f"{path}.name"
        return verdict, [codes.error(codes.POLICY_TARGET, subject, place, missing)]
    problems = _conflicts(ask, subject, target, state, verdict, path)
    if state.invalid:
        verdict.reason = "Invalid"
        verdict.messages = [*state.invalid, *verdict.messages]
    elif state.partly and verdict.reason == "Valid":
        verdict.reason = "PartiallyInvalid"
        verdict.messages = [*state.partly, *verdict.messages]
    _reach(ask, subject.namespace, target, verdict)
    return verdict, problems


def _missing(ask: Ask, namespace: str, target: own.PolicyTargetRef) -> str:
    """Say what of the target does not exist; "" where it does."""
    sections: list[str]
    if target.kind == "Gateway":
        gateway = ask(GATEWAY_OBJECT, namespace, target.name)
        if gateway is None:
            return f"there is no Gateway {namespace}/{target.name}"
        sections, what = [listener.name for listener in gateway.spec.listeners], "listener"
    else:
        route = ask(ROUTE_OBJECT, namespace, target.name)
        if route is None:
            return f"there is no HTTPRoute {namespace}/{target.name}"
        sections, what = [rule.name for rule in route.spec.rules], "rule"
    if target.section_name and target.section_name not in sections:
        return f"{target.kind} {namespace}/{target.name} has no {what} named {target.section_name}"
    return ""


def _conflicts(
    ask: Ask, subject: ObjectKey, target: own.PolicyTargetRef, state: PolicyState, verdict: _Verdict, path: str
) -> list[Problem]:
    """Tell which fields an older policy has on the same target; all of them is Conflicted, some PartiallyInvalid."""
    level = ask(LEVEL, target.kind, subject.namespace, target.name, target.section_name or "")
    lost = [item for item in level.conflicts if item.loser == f"{subject.namespace}/{subject.name}"]
    if not lost:
        return []
    said = [
        f"TrafficPolicy {item.winner} has {item.field} on the same target: it is older, or first by name"
        for item in lost
    ]
    verdict.messages += said
    verdict.reason = "Conflicted" if len(lost) == len(state.fields) else "PartiallyInvalid"
    if verdict.reason == "Conflicted":
        verdict.attached, verdict.detached = False, "every field is another policy's"
    return [codes.warning(codes.POLICY_CONFLICT, subject, path, text, "keep one of the two") for text in said]


def _reach(ask: Ask, namespace: str, target: own.PolicyTargetRef, verdict: _Verdict) -> None:
    """Find the Gateways of ours that the target leads to."""
    if target.kind == "Gateway":
        gateway = ask(GATEWAY, namespace, target.name)
        refs: tuple[str, ...] = (gateway.ref,) if gateway is not None and gateway.ours else ()
        missing = f"Gateway {namespace}/{target.name} is not ours"
    else:
        route = ask(ROUTE, namespace, target.name)
        refs = route.accepted if route is not None else ()
        missing = f"no Gateway of ours accepts HTTPRoute {namespace}/{target.name}"
        if refs and verdict.attached and route is not None and not _in_force(ask, namespace, target):
            verdict.attached, verdict.detached = False, "policies on the route's rules set every field"
    if refs:
        verdict.ancestors = [_gateway_reference(ref) for ref in refs]
    else:
        verdict.attached, verdict.detached = False, missing


def _in_force(ask: Ask, namespace: str, target: own.PolicyTargetRef) -> bool:
    """Say whether a field of a route's level is in force on some rule, with none more specific."""
    route = ask(ROUTE_OBJECT, namespace, target.name)
    if target.section_name or route is None:
        return True
    own_fields = {item.name for item in ask(LEVEL, "HTTPRoute", namespace, target.name, "").fields}
    return not own_fields or any(
        own_fields - {item.name for item in ask(LEVEL, "HTTPRoute", namespace, target.name, rule.name).fields}
        if rule.name
        else own_fields
        for rule in route.spec.rules
    )


def _gateway_reference(ref: str) -> Reference:
    namespace, _, name = ref.partition("/")
    return Reference(name=name, group="gateway.networking.k8s.io", kind="Gateway", namespace=namespace)


def _ancestors(verdicts: list[_Verdict], generation: int) -> tuple[AncestorStatus, ...]:
    by_ancestor: dict[Reference, list[_Verdict]] = {}
    for verdict in verdicts:
        for ancestor in verdict.ancestors:
            by_ancestor.setdefault(ancestor, []).append(verdict)
    return tuple(
        AncestorStatus(ancestor, CONTROLLER, _conditions(found, generation))
        for ancestor, found in list(by_ancestor.items())[:_MAX_ANCESTORS]
    )


def _conditions(verdicts: list[_Verdict], generation: int) -> tuple[Condition, Condition]:
    reason = min((verdict.reason for verdict in verdicts), key=_WORST.index)
    messages = "; ".join(dict.fromkeys(said for verdict in verdicts for said in verdict.messages))
    accepted = TRUE if reason in {"Valid", "PartiallyInvalid"} else FALSE
    attached = any(verdict.attached for verdict in verdicts)
    detached = "; ".join(dict.fromkeys(verdict.detached for verdict in verdicts if verdict.detached))
    return (
        Condition("Accepted", accepted, reason, messages, generation),
        Condition("Attached", TRUE, "Attached", "", generation)
        if attached
        else Condition("Attached", FALSE, "NotAttached", detached, generation),
    )
