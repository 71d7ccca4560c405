"""Backends and Services: where the traffic of a reference goes, or why it cannot.

Rules: endpoints come from EndpointSlices, never from a cluster IP; an endpoint counts while `ready` is true or not
said. Of a Service of both families those of its first one count, by which its clients in the cluster reach it: the others
are the same pods again, where an agent that listens on one family may not answer. A grant is asked for before the object is looked for, so that nobody learns what exists in another namespace. A
reference that cannot be followed is a value: its share of the weight answers 500.

A Backend's target host is, in this order: an IP address; a Service of the set ("name", "name.ns", "name.ns.svc",
"name.ns.svc.cluster.local"); a DNS name that is resolved at run time (`hosts`). A Service of the set that has no EndpointSlice
stays without endpoints and is not looked up: in a cluster that would give the cluster IP, and on a laptop, where the
folder has the Service but nothing runs behind it, `--resolve` says where it is; a note tells so.

Must not: resolve a name.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from agw.errors import Problem
from agw.resources import agentgateway, core
from agw.resources import gateway as api
from agw.resources.durations import milliseconds
from agw.snapshot import model
from agw.translate import codes, hosts
from agw.translate.grants import Referrer, permits
from agw.translate.graph import Ask, Query
from agw.translate.inputs import BACKEND_OBJECT, CLUSTER_DOMAIN, GRANTS, SERVICE_OBJECT, SLICES
from agw.translate.result import Loser, ObjectKey
from agw.translate.status import FALSE, TRUE, BackendStatus, Condition

_CODES = {
    "InvalidKind": codes.REF_KIND,
    "RefNotPermitted": codes.REF_NOT_PERMITTED,
    "BackendNotFound": codes.REF_NOT_FOUND,
    "UnsupportedProtocol": codes.REF_UNSUPPORTED,
    "UnsupportedValue": codes.REF_UNSUPPORTED,
}
_SERVED_APP_PROTOCOLS = frozenset({"", "http", "kubernetes.io/ws", "a2a"})


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One port of a Service. reason: why it is no backend ("" it is one). sliced: it has EndpointSlices.

    field: of the reference, that the reason is about.
    """

    key: str
    entry: model.Backend | None = None
    reason: str = ""
    message: str = ""
    field: str = "name"
    sliced: bool = False
    endpoints: tuple[model.Endpoint, ...] = ()


def _service(ask: Ask, namespace: str, name: str, port: int) -> ServiceState:
    key, ref = f"backend/Service/{namespace}/{name}:{port}", f"{namespace}/{name}"
    service = ask(SERVICE_OBJECT, namespace, name)
    if service is None:
        return ServiceState(key, reason="BackendNotFound", message=f"there is no Service {ref}")
    if service.spec.type == "ExternalName":
        said = f"Service {ref} is an ExternalName: it could lead anywhere, so it is not followed (CVE-2021-25740)"
        return ServiceState(key, reason="UnsupportedValue", message=said)
    found = next((item for item in service.spec.ports if item.port == port and item.protocol == "TCP"), None)
    if found is None:
        has = ", ".join(str(item.port) for item in service.spec.ports) or "none"
        said = f"Service {ref} has no TCP port {port}, but {has}"
        return ServiceState(key, reason="BackendNotFound", message=said, field="port")
    if found.app_protocol.lower() not in _SERVED_APP_PROTOCOLS:
        said = f"port {port} of Service {ref} speaks {found.app_protocol}, which is not served yet"
        return ServiceState(key, reason="UnsupportedProtocol", message=said, field="port")
    slices = ask(SLICES, namespace, name)
    endpoints = _endpoints(_of_one_family(slices, service.spec.ip_families), found)
    target = model.Target(name="", host=f"{name}.{namespace}.svc", port=port, endpoints=endpoints)
    entry = model.Backend(ref=f"{ref}:{port}", kind="Service", targets=(target,))
    return ServiceState(key, entry, sliced=bool(slices), endpoints=endpoints)


SERVICE: Query[ServiceState] = Query("service", 1, _service)
"""(namespace, name, port)"""


def _of_one_family(slices: tuple[core.EndpointSlice, ...], families: tuple[str, ...]) -> tuple[core.EndpointSlice, ...]:
    """Keep the slices of a Service's first family; all of them where it does not say, or there are none of that one."""
    return tuple(item for item in slices if item.address_type in families[:1]) or slices


def _endpoints(slices: tuple[core.EndpointSlice, ...], port: core.ServicePort) -> tuple[model.Endpoint, ...]:
    found = {
        model.Endpoint(endpoint.addresses[0], number): None
        for item in slices
        if item.address_type != "FQDN" and (number := _slice_port(item, port))
        for endpoint in item.endpoints
        if endpoint.addresses and endpoint.conditions.ready is not False
    }
    return tuple(sorted(found, key=lambda endpoint: (endpoint.address, endpoint.port)))


def _slice_port(item: core.EndpointSlice, port: core.ServicePort) -> int:
    """Give the number that a slice has for a Service's port, by name; 0 where it has none."""
    for candidate in item.ports:
        if candidate.name == port.name and candidate.protocol == port.protocol:
            if candidate.port is not None:
                return candidate.port
            return port.target_port if isinstance(port.target_port, int) else port.port
    return 0


@dataclass(frozen=True, slots=True)
class BackendState:
    """A Backend. reason, message: why nothing of it can be used ("" something can)."""

    key: str
    entry: model.Backend
    status: BackendStatus
    reason: str = ""
    message: str = ""
    field: str = "name"
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


def _backend(ask: Ask, namespace: str, name: str) -> BackendState | None:
    backend = ask(BACKEND_OBJECT, namespace, name)
    if backend is None:
        return None
    subject, generation = ObjectKey("Backend", namespace, name), backend.metadata.generation
    if backend.unread:
        return _unread(subject, backend)
    a2a = backend.spec.a2a
    resolved = [_target(ask, subject, index, target) for index, target in enumerate(a2a.targets)]
    refused = [(reason, target.error) for target, reason, _ in resolved if reason]
    conditions = [
        Condition("Accepted", TRUE, "Accepted", "", generation),
        Condition("ResolvedRefs", FALSE, refused[0][0], "; ".join(said for _, said in refused), generation)
        if refused
        else Condition("ResolvedRefs", TRUE, "ResolvedRefs", "", generation),
    ]
    entry = model.Backend(
        ref=f"{namespace}/{name}",
        protocol="A2A",
        targets=tuple(target for target, _, _ in resolved),
        card=model.Card(
            external_url=a2a.card.external_url,
            signatures=a2a.card.signatures,
            other_urls=a2a.card.other_urls,
            advertise_security=a2a.card.advertise_security,
        ),
        health=_health(a2a.health),
        affinity=a2a.affinity.type,
        keep_alive_ms=milliseconds(a2a.stream.keep_alive),
    )
    whole = len(refused) == len(resolved)
    return BackendState(
        key=f"backend/Backend/{namespace}/{name}",
        entry=entry,
        status=BackendStatus(tuple(conditions)),
        reason=refused[0][0] if whole else "",
        message=refused[0][1] if whole else "",
        problems=tuple(problem for _, _, found in resolved for problem in found),
        losers=tuple(
            Loser(subject, reason, target.error, f"$.spec.a2a.targets[{index}]")
            for index, (target, reason, _) in enumerate(resolved)
            if reason
        ),
    )


BACKEND: Query[BackendState | None] = Query("backend", 2, _backend)
"""(namespace, name)"""


def _unread(subject: ObjectKey, backend: agentgateway.Backend) -> BackendState:
    """Give a Backend that could not be read: nothing of it is used, since what is not known could be what protects it."""
    ref, generation = f"{subject.namespace}/{subject.name}", backend.metadata.generation
    said = "; ".join(f"{each.path}: {each.message}" for each in backend.unread)
    return BackendState(
        key=f"backend/Backend/{ref}",
        entry=model.Backend(ref=ref, protocol="A2A"),
        status=BackendStatus(
            (
                Condition("Accepted", FALSE, "Invalid", said, generation),
                Condition("ResolvedRefs", FALSE, "Invalid", "it cannot be read", generation),
            )
        ),
        reason="UnsupportedValue",
        message=f"Backend {ref} cannot be read: {said}",
        problems=tuple(
            codes.error(codes.BACKEND_UNREAD, subject, each.path, f"{each.message}: routes to it answer 500")
            for each in backend.unread
        ),
        losers=(Loser(subject, "Invalid", said, "$.spec"),),
    )


def _health(check: agentgateway.HealthCheck | None) -> model.HealthCheck | None:
    if check is None:
        return None
    return model.HealthCheck(
        path=check.path,
        interval_ms=milliseconds(check.interval),
        timeout_ms=milliseconds(check.timeout),
        healthy=check.healthy_threshold,
        unhealthy=check.unhealthy_threshold,
    )


def _target(
    ask: Ask, subject: ObjectKey, index: int, target: agentgateway.BackendTarget
) -> tuple[model.Target, str, list[Problem]]:
    """(target, reason why it is refused or "", what to say)."""
    host, port, path = target.static.host, target.static.port, f"$.spec.a2a.targets[{index}].static"
    made = model.Target(name=target.name, host=host, port=port, weight=target.weight)
    literal = _ip(host)
    if literal:
        return _with(made, endpoints=(model.Endpoint(literal, port),)), "", []
    domain = ask(CLUSTER_DOMAIN)
    place = hosts.in_cluster(host, subject.namespace, domain) if domain else hosts.on_laptop(host, subject.namespace)
    namespace, name = place.namespace, place.service
    exists = place.whole and ask(SERVICE_OBJECT, namespace, name) is not None
    reason, problem = _refused(ask, subject, f"{path}.host", host, place) if exists or place.inside else ("", None)
    if problem is not None:
        return _with(made, error=problem.message), reason, [problem]
    if not exists:
        return _with(made, host=place.host, dns=True), "", []
    state = ask(SERVICE, namespace, name, port)
    if state.reason:
        field = "host" if state.field == "name" else state.field
        problem = codes.error(_CODES[state.reason], subject, f"{path}.{field}", state.message)
        return _with(made, error=state.message), state.reason, [problem]
    problems = _about_endpoints(subject, f"{path}.host", f"{namespace}/{name}", f"{host}:{port}", state)
    return _with(made, endpoints=state.endpoints), "", problems


def _refused(ask: Ask, subject: ObjectKey, path: str, host: str, place: hosts.Place) -> tuple[str, Problem | None]:
    """(reason, what to say) where what a host names in the cluster is not the subject's to refer to."""
    namespace, name = place.namespace, place.service
    if not namespace:
        said = f"{host} is below the cluster's domain, and neither a Service nor a pod has such a name"
        return "BackendNotFound", codes.error(codes.REF_NOT_FOUND, subject, path, said)
    if namespace == subject.namespace or _permitted(ask, subject, "", "Service", (namespace, name)):
        return "", None
    said = f"{host} is in namespace {namespace}, and no ReferenceGrant there lets Backends of {subject.namespace} "
    said += "refer to it"
    hint = _grant_hint(subject, namespace, f"Service {name}" if name else "any Service")
    return "RefNotPermitted", codes.error(codes.REF_NOT_PERMITTED, subject, path, said, hint)


def _with(target: model.Target, **fields: object) -> model.Target:
    values = {name: getattr(target, name) for name in target.__struct_fields__}
    return model.Target(**(values | fields))


def _about_endpoints(subject: ObjectKey, path: str, ref: str, address: str, state: ServiceState) -> list[Problem]:
    if not state.sliced:
        said = f"Service {ref} has no EndpointSlice, so where it runs is not known: 503 until it is"
        hint = f"outside a cluster say it: --resolve {address}=127.0.0.1:{address.rpartition(':')[2]}"
        return [codes.info(codes.NO_SLICES, subject, path, said, hint)]
    if not state.endpoints:
        return [codes.info(codes.NO_READY_ENDPOINT, subject, path, f"Service {ref} has no ready endpoint: 503")]
    return []


def _ip(host: str) -> str:
    """Give an IP address in its plain form, "" for anything else; brackets around an IPv6 address are taken off."""
    try:
        return str(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class RefState:
    """What a backendRef leads to: key of an entry, or the reason why not, and the field of the reference it is about."""

    key: str = ""
    reason: str = ""
    message: str = ""
    field: str = "name"
    hint: str = ""
    note: Problem | None = None

    @property
    def code(self) -> str:
        """Code of the problem to report."""
        return _CODES[self.reason]


def _reference(ask: Ask, route: str, kind: str, backend: str, port: int) -> RefState:
    if kind not in {"/Service", f"{agentgateway.GROUP}/Backend"}:
        group, _, name = kind.rpartition("/")
        said = f"{name} of group {group or 'core'} is no backend: Service, or Backend of {agentgateway.GROUP}, is"
        return RefState(reason="InvalidKind", message=said, field="kind")
    group, _, kind = kind.rpartition("/")
    route_kind, _, route_namespace = route.partition("/")
    namespace, _, name = backend.partition("/")
    subject = ObjectKey(route_kind, route_namespace, "")
    if namespace != route_namespace and not _permitted(ask, subject, group, kind, (namespace, name)):
        said = f"{kind} {backend} is in another namespace, and no ReferenceGrant there lets {route_kind}s of "
        said += f"{route_namespace} refer to it"
        hint = _grant_hint(subject, namespace, f"{kind} {name}")
        return RefState(reason="RefNotPermitted", message=said, field="namespace", hint=hint)
    state = ask(BACKEND, namespace, name) if kind == "Backend" else _referred_service(ask, namespace, name, port)
    if state is None:
        said = f"there is no Backend {backend}"
        return RefState(reason="BackendNotFound", message=said)
    if state.reason:
        return RefState(reason=state.reason, message=state.message, field=state.field)
    if isinstance(state, ServiceState):
        about = _about_endpoints(subject, "", backend, f"{name}.{namespace}.svc:{port}", state)
        return RefState(state.key, note=about[0] if about else None)
    return RefState(state.key)


def _referred_service(ask: Ask, namespace: str, name: str, port: int) -> ServiceState:
    if port:
        return ask(SERVICE, namespace, name, port)
    said = f"a reference to a Service needs a port: {namespace}/{name}"
    return ServiceState("", reason="UnsupportedValue", message=said, field="name")


REFERENCE: Query[RefState] = Query("reference", 3, _reference)
"""("route kind/namespace", "group/kind", "namespace/name", port or 0)

A value between routes and what they name, so that a changed endpoint does not concern the routes.
"""


def about(subject: ObjectKey, path: str, state: RefState) -> list[Problem]:
    """Say what is wrong with a reference at a path, or worth knowing of it."""
    if state.note is not None:
        return [codes.info(state.note.code, subject, f"{path}.name", state.note.message, state.note.hint)]
    if not state.reason:
        return []
    return [codes.error(state.code, subject, f"{path}.{state.field}", state.message, state.hint)]


def _permitted(ask: Ask, subject: ObjectKey, group: str, kind: str, to: tuple[str, str]) -> bool:
    """Say whether a ReferenceGrant in the other namespace lets the subject refer to (namespace, name)."""
    from_group = agentgateway.GROUP if subject.kind == "Backend" else api.GROUP
    return permits(ask(GRANTS, to[0]), Referrer(from_group, subject.kind, subject.namespace), group, kind, to[1])


def _grant_hint(subject: ObjectKey, namespace: str, to: str) -> str:
    return f"add a ReferenceGrant in namespace {namespace}: from {subject.kind} of {subject.namespace}, to {to}"
