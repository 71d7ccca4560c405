"""GatewayClasses, Gateways and their listeners: whose they are, and which listeners can be served.

Rules (Gateway API, GatewayStatus): every condition is always written. A Gateway stays accepted while one of its
listeners is valid. `supportedKinds` is empty where the protocol is not served or no kind is left; a kind that is not
served makes `ResolvedRefs` false and does not stop the kinds that are.

Must not: know which routes attach (`attachedRoutes` is counted by whoever puts the translation together).
"""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from agw.errors import Problem
from agw.resources import gateway as api
from agw.snapshot import model
from agw.translate import codes
from agw.translate.graph import Ask, Query
from agw.translate.inputs import CLASS_OBJECT, GATEWAY_OBJECT
from agw.translate.result import CLASS_NAMES, CONTROLLER, Loser, ObjectKey
from agw.translate.status import (
    FALSE,
    TRUE,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerStatus,
    SupportedKind,
)

HTTP_ROUTE = SupportedKind(api.GROUP, "HTTPRoute")
_KINDS: Mapping[str, tuple[SupportedKind, ...]] = {"HTTP": (HTTP_ROUTE,)}
"""Protocols that are served, with the kinds of route that each takes."""


@dataclass(frozen=True, slots=True)
class ClassState:
    """ours: a GatewayClass of that name is ours, or there is none and the name is. refusal: why it is unusable."""

    ours: bool
    reason: str = ""
    refusal: str = ""
    status: GatewayClassStatus | None = None
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


@dataclass(frozen=True, slots=True)
class ListenerState:
    """A listener as routes see it. served: it can take traffic. kinds: of the routes that it takes."""

    name: str
    port: int
    protocol: str
    hostname: str
    served: bool
    kinds: tuple[SupportedKind, ...]
    namespaces: api.RouteNamespaces
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class GatewayState:
    """A Gateway of ours, or the reason why it is not. served: its accepted listeners take traffic."""

    ref: str
    ours: bool
    served: bool = False
    listeners: tuple[ListenerState, ...] = ()
    conditions: tuple[Condition, ...] = ()
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()

    def status(self, attached: Mapping[str, int]) -> GatewayStatus:
        """Give the status, with the accepted routes counted per listener name."""
        return GatewayStatus(
            conditions=self.conditions,
            listeners=tuple(
                ListenerStatus(
                    name=listener.name,
                    attached_routes=attached.get(listener.name, 0),
                    supported_kinds=listener.kinds,
                    conditions=listener.conditions,
                )
                for listener in self.listeners
            ),
        )

    def entries(self) -> dict[str, model.Entry]:
        """Give the listeners that are served, as entries of a snapshot."""
        return {
            listener_key(self.ref, listener.name): model.Listener(
                gateway=self.ref,
                name=listener.name,
                port=listener.port,
                protocol=listener.protocol,
                hostname=listener.hostname,
            )
            for listener in self.listeners
            if listener.served and self.served
        }


def listener_key(gateway: str, listener: str) -> str:
    """Key of a listener's entry; gateway is "namespace/name"."""
    return f"listener/{gateway}/{listener}"


def _class(ask: Ask, _namespace: str, name: str) -> ClassState:
    found = ask(CLASS_OBJECT, "", name)
    if found is None:
        if name in CLASS_NAMES:
            return ClassState(ours=True)
        known = " or ".join(CLASS_NAMES)
        return ClassState(ours=False, reason=f"there is no GatewayClass {name}, and only {known} needs none")
    subject = ObjectKey("GatewayClass", "", name)
    controller = found.spec.controller_name
    if controller != CONTROLLER:
        said = f"GatewayClass {name} belongs to controller {controller}, not to {CONTROLLER}"
        return ClassState(ours=False, reason=said, losers=(Loser(subject, "NotOurs", said),))
    generation = found.metadata.generation
    if found.spec.parameters_ref is not None:
        said = "parametersRef is not served: agw takes no parameters on a GatewayClass"
        return ClassState(
            ours=True,
            refusal=said,
            status=GatewayClassStatus((Condition("Accepted", FALSE, "InvalidParameters", said, generation),)),
            problems=(codes.error(codes.CLASS_INVALID, subject, "$.spec.parametersRef", said, "remove it"),),
            losers=(Loser(subject, "InvalidParameters", said, "$.spec.parametersRef"),),
        )
    accepted = Condition("Accepted", TRUE, "Accepted", "agw serves the Gateways of this class", generation)
    return ClassState(ours=True, status=GatewayClassStatus((accepted,)))


CLASS: Query[ClassState] = Query("class", 1, _class)
"""("", name)"""


def _gateway(ask: Ask, namespace: str, name: str) -> GatewayState | None:
    gateway = ask(GATEWAY_OBJECT, namespace, name)
    if gateway is None:
        return None
    subject, ref = ObjectKey("Gateway", namespace, name), f"{namespace}/{name}"
    of = ask(CLASS, "", gateway.spec.gateway_class_name)
    if not of.ours:
        note = codes.info if ask(CLASS_OBJECT, "", gateway.spec.gateway_class_name) else codes.warning
        near = difflib.get_close_matches(gateway.spec.gateway_class_name, CLASS_NAMES, 1)
        hint = f"did you mean {near[0]}?" if near else ""
        problem = note(codes.CLASS_UNKNOWN, subject, "$.spec.gatewayClassName", of.reason, hint)
        return GatewayState(ref, ours=False, problems=(problem,), losers=(Loser(subject, "NotOurs", of.reason),))
    conflicts = _conflicts(gateway.spec.listeners)
    checked = [_listener(subject, gateway, index, conflicts) for index in range(len(gateway.spec.listeners))]
    listeners = tuple(listener for listener, _ in checked)
    problems = [problem for _, found in checked for problem in found]
    losers = [
        Loser(subject, _refusal(listener), _refusal_message(listener), f"$.spec.listeners[{index}]")
        for index, listener in enumerate(listeners)
        if not listener.served
    ]
    reason, said = _whole(gateway, of, listeners)
    refused = reason not in {"", "ListenersNotValid"}
    if refused:
        listeners = tuple(_unprogrammed(listener, said) for listener in listeners)
        path = "$.spec.infrastructure.parametersRef" if not of.refusal else "$.spec.gatewayClassName"
        problems.append(codes.error(codes.GATEWAY_INVALID, subject, path, said))
        losers.append(Loser(subject, reason, said))
    problems += _unserved(subject, gateway.spec)
    served = any(listener.served for listener in listeners)
    generation = gateway.metadata.generation
    return GatewayState(
        ref,
        ours=True,
        served=served,
        listeners=listeners,
        conditions=(
            Condition("Accepted", TRUE if served else FALSE, reason or "Accepted", said, generation),
            Condition("Programmed", TRUE, "Programmed", "served", generation)
            if served
            else Condition("Programmed", FALSE, "Invalid", "no listener is served", generation),
        ),
        problems=tuple(problems),
        losers=tuple(losers),
    )


GATEWAY: Query[GatewayState | None] = Query("gateway", 2, _gateway)
"""(namespace, name)"""


def _whole(gateway: api.Gateway, of: ClassState, listeners: tuple[ListenerState, ...]) -> tuple[str, str]:
    """(reason, message) of what is wrong with the Gateway as a whole; ("", ...) where nothing is."""
    infrastructure = gateway.spec.infrastructure
    if of.refusal:
        return "InvalidParameters", f"GatewayClass {gateway.spec.gateway_class_name} is not accepted: {of.refusal}"
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        wanted = infrastructure.parameters_ref
        return "InvalidParameters", f"parametersRef names {wanted.kind} {wanted.name}: agw takes no parameters"
    bad = [listener.name for listener in listeners if not listener.served]
    if bad:
        return "ListenersNotValid", f"not served: listener{'s' if len(bad) > 1 else ''} {', '.join(bad)}"
    return "", "every listener is valid"


def _unserved(subject: ObjectKey, spec: api.GatewaySpec) -> list[Problem]:
    problems = []
    if spec.tls is not None:
        problems.append(codes.warning(codes.GATEWAY_UNSERVED, subject, "$.spec.tls", "tls is not served yet: ignored"))
    if spec.allowed_listeners is not None and spec.allowed_listeners.namespaces.from_ != "None":
        said = "ListenerSets are not served yet: none attaches"
        problems.append(codes.warning(codes.GATEWAY_UNSERVED, subject, "$.spec.allowedListeners", said))
    if spec.addresses:
        said = "asked-for addresses are not served yet: the listeners' own are used"
        problems.append(codes.warning(codes.GATEWAY_UNSERVED, subject, "$.spec.addresses", said))
    return problems


def _conflicts(listeners: tuple[api.Listener, ...]) -> frozenset[tuple[int, str]]:
    """Give the (port, hostname) pairs that more than one served listener claims: neither can be told from the other."""
    claims = Counter((item.port, item.hostname.lower()) for item in listeners if item.protocol in _KINDS)
    return frozenset(claim for claim, count in claims.items() if count > 1)


def _listener(
    subject: ObjectKey, gateway: api.Gateway, index: int, conflicts: frozenset[tuple[int, str]]
) -> tuple[ListenerState, list[Problem]]:
    listener, generation = gateway.spec.listeners[index], gateway.metadata.generation
    path, hostname = f"$.spec.listeners[{index}]", listener.hostname.lower()
    problems: list[Problem] = []
    of_protocol = _KINDS.get(listener.protocol, ())
    wanted = listener.allowed_routes.kinds
    named = tuple(SupportedKind(kind.group, kind.kind) for kind in wanted)
    kinds = tuple(kind for kind in dict.fromkeys(named) if kind in of_protocol) if wanted else of_protocol
    strange = [f"{kind.group}/{kind.kind}" for kind in named if kind not in of_protocol]
    accepted = Condition("Accepted", TRUE, "Accepted", "", generation)
    conflicted = Condition("Conflicted", FALSE, "NoConflicts", "", generation)
    resolved = Condition("ResolvedRefs", TRUE, "ResolvedRefs", "", generation)
    if not of_protocol:
        said = f"protocol {listener.protocol} is not served yet: only HTTP is"
        accepted = Condition("Accepted", FALSE, "UnsupportedProtocol", said, generation)
        problems.append(codes.error(codes.LISTENER_PROTOCOL, subject, f"{path}.protocol", said))
    elif (listener.port, hostname) in conflicts:
        said = (
            f"another listener has port {listener.port} and {f'hostname {hostname}' if hostname else 'no hostname'} too"
        )
        accepted = Condition("Accepted", FALSE, "HostnameConflict", said, generation)
        conflicted = Condition("Conflicted", TRUE, "HostnameConflict", said, generation)
        problems.append(codes.error(codes.LISTENER_CONFLICT, subject, f"{path}.hostname", said, "keep one of them"))
    if strange and of_protocol:
        said = f"not a kind of route that {listener.protocol} listeners take: {', '.join(strange)}"
        resolved = Condition("ResolvedRefs", FALSE, "InvalidRouteKinds", said, generation)
        problems.append(codes.error(codes.LISTENER_KINDS, subject, f"{path}.allowedRoutes.kinds", said))
    served = accepted.status == TRUE and bool(kinds)
    programmed = (
        Condition("Programmed", TRUE, "Programmed", "", generation)
        if served
        else Condition("Programmed", FALSE, "Invalid", accepted.message or resolved.message, generation)
    )
    state = ListenerState(
        name=listener.name,
        port=listener.port,
        protocol=listener.protocol,
        hostname=hostname,
        served=served,
        kinds=kinds,
        namespaces=listener.allowed_routes.namespaces,
        conditions=(accepted, programmed, resolved, conflicted),
    )
    return state, problems


def _unprogrammed(listener: ListenerState, said: str) -> ListenerState:
    """Give a listener of a Gateway that is refused as a whole: in order by itself, and not served."""
    conditions = tuple(
        replace(item, status=FALSE, reason="Invalid", message=said) if item.type == "Programmed" else item
        for item in listener.conditions
    )
    return dataclasses.replace(listener, served=False, conditions=conditions)


def _refusal(listener: ListenerState) -> str:
    return next(item.reason for item in listener.conditions if item.type != "Programmed" and item.status == FALSE)


def _refusal_message(listener: ListenerState) -> str:
    return next(item.message for item in listener.conditions if item.type != "Programmed" and item.status == FALSE)
