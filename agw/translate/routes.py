"""HTTPRoutes: which listeners take them, under which hostnames and policies, and what their status says.

Rules (Gateway API): for each parentRef, in this order: no listener of that name and port, NoMatchingParent; none that
allows this kind and namespace, NotAllowedByListeners; none whose hostname meets the route's, NoMatchingListenerHostname.
`Accepted` and `ResolvedRefs` are independent, and both are always written. Only Gateways of ours get a status entry. A
rule that answers 500 keeps its place, so that its requests do not fall to a less specific rule with another policy.

Must not: count what a listener has attached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from agw.errors import Problem
from agw.resources import gateway as api
from agw.resources.meta import LabelSelector
from agw.snapshot import model
from agw.translate import codes, hostnames
from agw.translate.gateways import GATEWAY, HTTP_ROUTE, GatewayState, ListenerState, listener_key
from agw.translate.graph import Ask, Query
from agw.translate.inputs import NAMESPACE_OBJECT, ROUTE_OBJECT
from agw.translate.policies import LEVEL, Merged, PolicyField, merge
from agw.translate.result import CONTROLLER, Loser, ObjectKey
from agw.translate.rules import RuleState, translate_rule
from agw.translate.status import FALSE, TRUE, Condition, Reference, RouteParentStatus, RouteStatus


@dataclass(frozen=True, slots=True)
class Share:
    """What a route puts into one Gateway's snapshot.

    entries: its rules and policies. uses: keys of backends and credential sets. counted: listeners (names) that accept it.
    """

    gateway: str
    entries: dict[str, model.Entry]
    uses: frozenset[str]
    counted: frozenset[str]


@dataclass(frozen=True, slots=True)
class RouteState:
    """A route. accepted: the Gateways that accept it. origins: fields of each of its policies, by the policy's key."""

    status: RouteStatus
    shares: tuple[Share, ...]
    accepted: tuple[str, ...]
    origins: dict[str, tuple[PolicyField, ...]]
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


@dataclass(slots=True)
class _Parent:
    """The outcome for one parentRef. reason: "" accepted. attached: hostnames by listener."""

    index: int
    ref: api.ParentReference
    gateway: GatewayState
    reason: str = ""
    message: str = ""
    attached: dict[str, tuple[str, ...]] | None = None


def _route(ask: Ask, namespace: str, name: str) -> RouteState | None:
    route = ask(ROUTE_OBJECT, namespace, name)
    if route is None:
        return None
    subject = ObjectKey("HTTPRoute", namespace, name)
    parents, problems, losers = _parents(ask, subject, route)
    rules = tuple(translate_rule(ask, route, index) for index in range(len(route.spec.rules))) if parents else ()
    for rule in rules:
        problems += rule.problems
        losers += rule.losers
    for parent in parents:
        path = f"$.spec.parentRefs[{parent.index}]"
        idle = _idle(parent)
        if idle:
            problems.append(codes.warning(codes.NOT_SERVED, subject, path, idle))
            losers.append(Loser(subject, "NotProgrammed", idle, path))
        if parent.reason:
            problems.append(codes.error(codes.NOT_ATTACHED, subject, path, parent.message))
            losers.append(Loser(subject, parent.reason, parent.message, path))
    shares, origins = _shares(ask, route, parents, rules)
    valid = not rules or not all(rule.invalid for rule in rules)
    return RouteState(
        status=RouteStatus(tuple(_parent_status(route, parent, rules) for parent in parents)),
        shares=shares if valid else tuple(replace_counted(share) for share in shares),
        accepted=tuple(dict.fromkeys(parent.gateway.ref for parent in parents if not parent.reason)) if valid else (),
        origins=origins,
        problems=tuple(problems),
        losers=tuple(losers),
    )


ROUTE: Query[RouteState | None] = Query("route", 5, _route)
"""(namespace, name)"""


def replace_counted(share: Share) -> Share:
    """Give a share of a route that is not accepted: it is served, as 500, and not counted."""
    return Share(share.gateway, share.entries, share.uses, frozenset())


def _parents(ask: Ask, subject: ObjectKey, route: api.HTTPRoute) -> tuple[list[_Parent], list[Problem], list[Loser]]:
    """Try each parentRef; those that are no Gateway of ours are only told about."""
    parents, problems, losers = [], [], []
    for index, ref in enumerate(route.spec.parent_refs):
        path = f"$.spec.parentRefs[{index}]"
        if (ref.group, ref.kind) != (api.GROUP, "Gateway"):
            said = f"{ref.kind} of group {ref.group or 'core'} is no parent that agw serves: Gateway is"
            problems.append(codes.warning(codes.PARENT_KIND, subject, f"{path}.kind", said))
            losers.append(Loser(subject, "NotOurs", said, path))
            continue
        namespace = subject.namespace if ref.namespace is None else ref.namespace
        gateway = ask(GATEWAY, namespace, ref.name)
        if gateway is None:
            said = f"there is no Gateway {namespace}/{ref.name}"
            problems.append(codes.warning(codes.PARENT_MISSING, subject, f"{path}.name", said))
            losers.append(Loser(subject, "NoMatchingParent", said, path))
        elif not gateway.ours:
            said = f"Gateway {gateway.ref} is not ours: {gateway.losers[0].message}"
            losers.append(Loser(subject, "NotOurs", said, path))
        else:
            parent = _Parent(index, ref, gateway)
            _attach(ask, subject, route, parent)
            parents.append(parent)
    if not route.spec.parent_refs:
        said = "no parentRefs: no Gateway serves it"
        problems.append(codes.warning(codes.PARENT_MISSING, subject, "$.spec", said))
        losers.append(Loser(subject, "NoMatchingParent", said))
    return parents, problems, losers


def _attach(ask: Ask, subject: ObjectKey, route: api.HTTPRoute, parent: _Parent) -> None:
    """Find the listeners that take the route, or the first reason why none does."""
    ref, gateway = parent.ref, parent.gateway
    named = [
        listener
        for listener in gateway.listeners
        if ref.section_name in {None, "", listener.name} and ref.port in {None, 0, listener.port}
    ]
    wanted = " and ".join(
        said for said in (ref.section_name and f"name {ref.section_name}", ref.port and f"port {ref.port}") if said
    )
    allowed = [listener for listener in named if _allows(ask, subject, gateway, listener)]
    attached = {
        listener.name: both
        for listener in allowed
        if (both := hostnames.intersect_all(listener.hostname, route.spec.hostnames))
    }
    if attached:
        parent.attached = attached
    elif not named:
        parent.reason = "NoMatchingParent"
        parent.message = f"Gateway {gateway.ref} has no listener with {wanted}" if wanted else "it has no listener"
    elif not allowed:
        parent.reason = "NotAllowedByListeners"
        said = "; ".join(f"listener {listener.name} {_refused(listener)}" for listener in named)
        parent.message = f"Gateway {gateway.ref} does not take it from namespace {subject.namespace}: {said}"
    else:
        parent.reason = "NoMatchingListenerHostname"
        said = ", ".join(f"{listener.name} {listener.hostname}" for listener in allowed)
        parent.message = f"no hostname of the route is one of Gateway {gateway.ref}'s (listeners: {said})"


def _allows(ask: Ask, subject: ObjectKey, gateway: GatewayState, listener: ListenerState) -> bool:
    if HTTP_ROUTE not in listener.kinds:
        return False
    wanted = listener.namespaces
    if wanted.from_ == "Same":
        return gateway.ref.partition("/")[0] == subject.namespace
    if wanted.from_ == "Selector" and wanted.selector is not None:
        found = ask(NAMESPACE_OBJECT, "", subject.namespace)
        labels = found.metadata.labels if found is not None else {}
        return selects(wanted.selector, {"kubernetes.io/metadata.name": subject.namespace} | labels)
    return wanted.from_ == "All"


def _refused(listener: ListenerState) -> str:
    """Say which routes a listener takes, to one that it does not."""
    if HTTP_ROUTE not in listener.kinds:
        return f"({listener.protocol}) takes no HTTPRoute"
    wanted = listener.namespaces.from_
    return {
        "Same": "takes routes of its own namespace only",
        "Selector": "takes routes of namespaces with certain labels only",
    }.get(wanted, "takes routes of no namespace")


def selects(selector: LabelSelector, labels: dict[str, str]) -> bool:
    """Say whether labels meet a selector; an empty one selects everything."""
    if any(labels.get(name) != value for name, value in selector.match_labels.items()):
        return False
    for wanted in selector.match_expressions:
        has, value = wanted.key in labels, labels.get(wanted.key, "")
        held = {
            "In": has and value in wanted.values,
            "NotIn": not has or value not in wanted.values,
            "Exists": has,
            "DoesNotExist": not has,
        }
        if not held.get(wanted.operator, False):
            return False
    return True


def _idle(parent: _Parent) -> str:
    """Say why a route that attaches is not served all the same; "" where it is, or does not attach."""
    if parent.attached is None:
        return ""
    if not parent.gateway.served:
        return f"Gateway {parent.gateway.ref} is not served"
    if any(listener.served for listener in parent.gateway.listeners if listener.name in parent.attached):
        return ""
    return f"not served: listener {', '.join(parent.attached)} of Gateway {parent.gateway.ref}"


def _shares(
    ask: Ask, route: api.HTTPRoute, parents: list[_Parent], rules: tuple[RuleState, ...]
) -> tuple[tuple[Share, ...], dict[str, tuple[PolicyField, ...]]]:
    """Give what each Gateway gets; a listener that is not served takes no traffic, though the route attaches."""
    by_gateway: dict[str, tuple[GatewayState, dict[str, tuple[str, ...]]]] = {}
    for parent in parents:
        attached = by_gateway.setdefault(parent.gateway.ref, (parent.gateway, {}))[1]
        attached.update(parent.attached or {})
    shares, origins = [], {}
    for ref, (gateway, attached) in by_gateway.items():
        if not attached:
            continue
        entries: dict[str, model.Entry] = {}
        uses: set[str] = set()
        served = [listener for listener in gateway.listeners if listener.served and listener.name in attached]
        for rule in rules if gateway.served and served else ():
            merged = {listener.name: _policy(ask, route, rule, gateway, listener.name) for listener in served}
            key = f"rule/HTTPRoute/{rule.entry.route}/{rule.entry.index}"
            entries[key] = _with_policies(rule.entry, ref, attached, merged)
            uses.update(_backends(rule.entry))
            for policy in merged.values():
                if policy.entry is not None:
                    entries[policy.key] = policy.entry
                    origins[policy.key] = policy.fields
                    uses.update(_credentials(policy))
        shares.append(Share(ref, entries, frozenset(uses), frozenset(attached)))
    return tuple(shares), origins


def _backends(rule: model.Rule) -> Iterator[str]:
    """Yield the keys of the backends that a rule sends to, and those of its mirrors."""
    yield from (backend.backend for backend in rule.backends if backend.backend)
    if rule.filters is not None:
        yield from (mirror.backend for mirror in rule.filters.mirrors)


def _policy(ask: Ask, route: api.HTTPRoute, rule: RuleState, gateway: GatewayState, listener: str) -> Merged:
    of_gateway, of_route = gateway.ref.split("/"), (route.metadata.namespace, route.metadata.name)
    levels = [
        ask(LEVEL, "Gateway", *of_gateway, ""),
        ask(LEVEL, "Gateway", *of_gateway, listener),
        ask(LEVEL, "HTTPRoute", *of_route, ""),
    ]
    if rule.entry.name:
        levels.append(ask(LEVEL, "HTTPRoute", *of_route, rule.entry.name))
    return merge(*levels)


def _credentials(policy: Merged) -> list[str]:
    api_key = policy.entry.api_key if policy.entry is not None else None
    return [] if api_key is None else [api_key.credentials]


def _with_policies(
    rule: model.Rule, gateway: str, attached: dict[str, tuple[str, ...]], merged: dict[str, Merged]
) -> model.Rule:
    """Give the rule with its attachments; the policy stands on the rule where all its listeners have the same."""
    keys = {policy.key for policy in merged.values()}
    common = keys.pop() if len(keys) == 1 else ""
    return replace(
        rule,
        attachments=tuple(
            model.Attachment(listener_key(gateway, name), attached[name], "" if common else policy.key)
            for name, policy in merged.items()
        ),
        policy=common,
    )


def _parent_status(route: api.HTTPRoute, parent: _Parent, rules: tuple[RuleState, ...]) -> RouteParentStatus:
    generation, ref = route.metadata.generation, parent.ref
    invalid = [rule for rule in rules if rule.invalid]
    said = "; ".join(
        f"rules[{index}]: {trouble}" for index, rule in enumerate(rules) if (trouble := rule.invalid or rule.partly)
    )
    accepted = Condition("Accepted", TRUE, "Accepted", "", generation)
    if parent.reason:
        accepted = Condition("Accepted", FALSE, parent.reason, parent.message, generation)
    elif invalid and len(invalid) == len(rules):
        reason = invalid[0].reason if len({rule.reason for rule in invalid}) == 1 else "UnsupportedValue"
        accepted = Condition("Accepted", FALSE, reason, said, generation)
    unresolved = [found for rule in rules for found in rule.unresolved]
    resolved = Condition("ResolvedRefs", TRUE, "ResolvedRefs", "", generation)
    if unresolved:
        messages = "; ".join(dict.fromkeys(message for _, message in unresolved))
        resolved = Condition("ResolvedRefs", FALSE, unresolved[0][0], messages, generation)
    conditions = [accepted, resolved]
    if said and accepted.status == TRUE:
        message = f"Dropped Rule: {said}"  # the prefix is the Gateway API's (RouteConditionPartiallyInvalid)
        conditions.append(Condition("PartiallyInvalid", TRUE, "UnsupportedValue", message, generation))
    return RouteParentStatus(
        parent_ref=Reference(
            name=ref.name,
            group=ref.group,
            kind=ref.kind,
            namespace=ref.namespace,
            section_name=ref.section_name,
            port=ref.port,
        ),
        controller_name=CONTROLLER,
        conditions=tuple(conditions),
    )
