"""GatewayClasses, Gateways and their listeners: whose they are, and which listeners can be served.

Rules (Gateway API, GatewayStatus): every condition is always written. A Gateway stays accepted while one of its
listeners is valid. `supportedKinds` is empty where the protocol is not known or no kind is left; a kind that is not
served makes `ResolvedRefs` false and does not stop the kinds that are. HTTPS is known and not served yet: its kinds and
certificates are judged, and routes attach and are counted, as on a listener whose certificate is missing.

Must not: know which routes attach (`attachedRoutes` is counted by whoever puts the translation together).
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agw.errors import Problem
from agw.resources import gateway as api
from agw.snapshot import model
from agw.translate import certificates, codes
from agw.translate.features import SUPPORTED
from agw.translate.graph import Ask, Query
from agw.translate.infrastructure import RESERVED_PORT, Infrastructure, infrastructure, unsupported_address
from agw.translate.inputs import CLASS_OBJECT, GATEWAY_OBJECT, IN_CLUSTER
from agw.translate.parameters import NO_PARAMETERS, PARAMETERS, Parameters, class_alone, merge
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
_KNOWN: Mapping[str, tuple[SupportedKind, ...]] = {**_KINDS, "HTTPS": (HTTP_ROUTE,)}


@dataclass(frozen=True, slots=True)
class ClassState:
    """ours: a GatewayClass of that name is ours, or there is none and the name is. refusal: why it is unusable.

    parameters: what holds for all its Gateways.
    """

    ours: bool
    parameters: Parameters = NO_PARAMETERS
    reason: str = ""
    refusal: str = ""
    status: GatewayClassStatus | None = None
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


@dataclass(frozen=True, slots=True)
class ListenerState:
    """A listener as routes see it. served: it can take traffic. kinds: of the routes that may attach, served or not."""

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
    """A Gateway of ours, or the reason why it is not. served: its accepted listeners take traffic.

    infrastructure: what its data plane needs; None where it is refused or not served.
    """

    ref: str
    ours: bool
    served: bool = False
    listeners: tuple[ListenerState, ...] = ()
    conditions: tuple[Condition, ...] = ()
    infrastructure: Infrastructure | None = None
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
        if ask(IN_CLUSTER):
            return ClassState(ours=False, reason=f"there is no GatewayClass {name}")
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
    parameters, wrong = _parameters(ask, found.spec.parameters_ref, "")
    if wrong:
        said = "; ".join(wrong)
        return ClassState(
            ours=True,
            refusal=said,
            status=_class_status(Condition("Accepted", FALSE, "InvalidParameters", said, generation)),
            problems=tuple(codes.error(codes.CLASS_INVALID, subject, "$.spec.parametersRef", each) for each in wrong),
            losers=(Loser(subject, "InvalidParameters", said, "$.spec.parametersRef"),),
        )
    accepted = Condition("Accepted", TRUE, "Accepted", "agw serves the Gateways of this class", generation)
    return ClassState(ours=True, parameters=parameters, status=_class_status(accepted))


def _class_status(accepted: Condition) -> GatewayClassStatus:
    return GatewayClassStatus((accepted,), SUPPORTED)


CLASS: Query[ClassState] = Query("class", 2, _class)
"""("", name)"""


def _parameters(
    ask: Ask, ref: api.ParametersReference | api.LocalParametersReference | None, namespace: str
) -> tuple[Parameters, list[str]]:
    """(parameters, what is wrong with them or with the reference). namespace: "" for a class's, whose reference has its own."""
    if ref is None:
        return NO_PARAMETERS, []
    if (ref.group, ref.kind) != ("", "ConfigMap"):
        return NO_PARAMETERS, [f"parametersRef names a {ref.kind} of group {ref.group or 'core'}: a ConfigMap is read"]
    where = ref.namespace if isinstance(ref, api.ParametersReference) else namespace
    if not where:
        return NO_PARAMETERS, [f"parametersRef needs the namespace of ConfigMap {ref.name}"]
    state = ask(PARAMETERS, where, ref.name)
    wrong = [f"ConfigMap {where}/{ref.name}: {said}" if key else said for key, said in state.wrong]
    if namespace and state.reserved:
        said = f"{', '.join(state.reserved)} can be set for all Gateways of a class only"
        wrong.append(
            f"ConfigMap {where}/{ref.name}: {said}, in the ConfigMap that the GatewayClass's parametersRef names"
        )
    return state.parameters, wrong


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
    checked = [_listener(ask, subject, gateway, index, conflicts) for index in range(len(gateway.spec.listeners))]
    listeners = tuple(listener for listener, _ in checked)
    problems = [problem for _, found in checked for problem in found]
    losers = [
        Loser(subject, _refusal(listener), _refusal_message(listener), f"$.spec.listeners[{index}]")
        for index, listener in enumerate(listeners)
        if not listener.served
    ]
    parameters, wrong = _parameters(ask, (gateway.spec.infrastructure or _NONE).parameters_ref, namespace)
    wrong += class_alone(parameters)
    reason, said, path = _whole(gateway, of, wrong)
    refused = bool(reason)
    if refused:
        problems.append(codes.error(codes.GATEWAY_INVALID, subject, path, said))
        losers.append(Loser(subject, reason, said))
    else:
        reason, said = _of_listeners(listeners)
    problems += _unserved(subject, gateway.spec)
    served = any(listener.served for listener in listeners)
    generation = gateway.metadata.generation
    ports = frozenset(listener.port for listener in listeners if listener.served)
    return GatewayState(
        ref,
        ours=True,
        served=served,
        listeners=listeners,
        conditions=(
            Condition("Accepted", TRUE if served and not refused else FALSE, reason, said, generation),
            Condition("Programmed", TRUE, "Programmed", "served", generation)
            if served and not refused
            else Condition("Programmed", FALSE, "Invalid", said if refused else "no listener is served", generation),
        ),
        infrastructure=infrastructure(gateway, ports, merge(of.parameters, parameters))
        if served and not refused and not gateway.metadata.deletion_timestamp
        else None,
        problems=tuple(problems),
        losers=tuple(losers),
    )


GATEWAY: Query[GatewayState | None] = Query("gateway", 3, _gateway)
"""(namespace, name)"""


_NONE = api.GatewayInfrastructure()


def _whole(gateway: api.Gateway, of: ClassState, wrong: list[str]) -> tuple[str, str, str]:
    """(reason, message, path) of what refuses the Gateway as a whole; ("", "", "") where nothing does."""
    if of.refusal:
        said = f"GatewayClass {gateway.spec.gateway_class_name} is not accepted: {of.refusal}"
        return "InvalidParameters", said, "$.spec.gatewayClassName"
    if wrong:
        return "InvalidParameters", "; ".join(wrong), "$.spec.infrastructure.parametersRef"
    index, said = unsupported_address(gateway.spec)
    if said:
        return "UnsupportedAddress", said, f"$.spec.addresses[{index}].type"
    return "", "", ""


def _of_listeners(listeners: tuple[ListenerState, ...]) -> tuple[str, str]:
    """(reason, message) of a Gateway's `Accepted`, by its listeners."""
    bad = [listener.name for listener in listeners if not listener.served]
    if bad:
        return "ListenersNotValid", f"not served: listener{'s' if len(bad) > 1 else ''} {', '.join(bad)}"
    return "Accepted", "every listener is valid"


def _unserved(subject: ObjectKey, spec: api.GatewaySpec) -> list[Problem]:
    problems = []
    if spec.tls is not None:
        problems.append(codes.warning(codes.GATEWAY_UNSERVED, subject, "$.spec.tls", "tls is not served yet: ignored"))
    if spec.allowed_listeners is not None and spec.allowed_listeners.namespaces.from_ != "None":
        said = "ListenerSets are not served yet: none attaches"
        problems.append(codes.warning(codes.GATEWAY_UNSERVED, subject, "$.spec.allowedListeners", said))
    return problems


def _conflicts(listeners: tuple[api.Listener, ...]) -> frozenset[tuple[int, str]]:
    """Give the (port, hostname) pairs that more than one served listener claims: neither can be told from the other."""
    claims = Counter((item.port, item.hostname.lower()) for item in listeners if item.protocol in _KINDS)
    return frozenset(claim for claim, count in claims.items() if count > 1)


def _listener(
    ask: Ask, subject: ObjectKey, gateway: api.Gateway, index: int, conflicts: frozenset[tuple[int, str]]
) -> tuple[ListenerState, list[Problem]]:
    listener, generation = gateway.spec.listeners[index], gateway.metadata.generation
    path, hostname = f"$.spec.listeners[{index}]", listener.hostname.lower()
    problems: list[Problem] = []
    of_protocol = _KNOWN.get(listener.protocol, ())
    wanted = listener.allowed_routes.kinds
    named = tuple(SupportedKind(kind.group, kind.kind) for kind in wanted)
    kinds = tuple(kind for kind in dict.fromkeys(named) if kind in of_protocol) if wanted else of_protocol
    strange = [f"{kind.group}/{kind.kind}" for kind in named if kind not in of_protocol]
    accepted = Condition("Accepted", TRUE, "Accepted", "", generation)
    conflicted = Condition("Conflicted", FALSE, "NoConflicts", "", generation)
    resolved = Condition("ResolvedRefs", TRUE, "ResolvedRefs", "", generation)
    if listener.protocol not in _KINDS:
        said = f"protocol {listener.protocol} is not served yet: only HTTP is"
        accepted = Condition("Accepted", FALSE, "UnsupportedProtocol", said, generation)
        problems.append(codes.error(codes.LISTENER_PROTOCOL, subject, f"{path}.protocol", said))
    elif listener.port == RESERVED_PORT and ask(IN_CLUSTER):
        said = f"port {listener.port} is the data plane's own, for its probes and metrics"
        accepted = Condition("Accepted", FALSE, "PortUnavailable", said, generation)
        problems.append(codes.error(codes.LISTENER_CONFLICT, subject, f"{path}.port", said, "choose another port"))
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
    elif listener.protocol == "HTTPS":
        reason, said = certificates.unresolved(ask, subject.namespace, listener.tls)
        if reason:
            resolved = Condition("ResolvedRefs", FALSE, reason, said, generation)
            problems.append(codes.error(codes.LISTENER_CERTIFICATE, subject, f"{path}.tls", said))
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


def _refusal(listener: ListenerState) -> str:
    return next(item.reason for item in listener.conditions if item.type != "Programmed" and item.status == FALSE)


def _refusal_message(listener: ListenerState) -> str:
    return next(item.message for item in listener.conditions if item.type != "Programmed" and item.status == FALSE)
