"""What has become of the data planes: how far a Deployment is, which addresses a Service has; and what that means.

Rules (Gateway API, GatewayConditionProgrammed): a Gateway is programmed where its configuration is accepted, its data
plane runs, and it has an address and the listeners' ports. While it waits, the reason and the message say for what. An
address that was asked for counts alone: where the load balancer has another one, or none, it is AddressNotUsable. What
cannot be made comes before all of that: what there is may serve on, but it is not what was asked for.

Must not: send, or decide what is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from agw.controller.trouble import Trouble
from agw.translate.infrastructure import Infrastructure
from agw.translate.status import FALSE, TRUE, Address, Condition


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """One condition of a Deployment."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


class OwnerReference(msgspec.Struct, frozen=True):
    """Whose an object is."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """metadata, as far as drift can be in it."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_timestamp: str = ""


class _Spec(msgspec.Struct, frozen=True):
    replicas: dict[str, object] | None = msgspec.field(default=None, name="f:replicas")


class _Fields(msgspec.Struct, frozen=True):
    spec: _Spec = msgspec.field(default=_Spec(), name="f:spec")


class Manager(msgspec.Struct, frozen=True, rename="camel"):
    """Who set which fields, as far as the number of replicas is among them. operation: Apply | Update."""

    manager: str = ""
    operation: str = ""
    fields_v1: _Fields = msgspec.field(default=_Fields(), name="fieldsV1")


class DeploymentMetadata(Metadata, frozen=True):
    """metadata of a Deployment."""

    managed_fields: tuple[Manager, ...] = ()


class DeploymentStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Status of a Deployment."""

    replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    observed_generation: int = 0
    conditions: tuple[Part, ...] = ()


class DeploymentSpec(msgspec.Struct, frozen=True):
    """Spec of a Deployment, as far as somebody else sets it."""

    replicas: int = 1


class Deployment(msgspec.Struct, frozen=True):
    """A Deployment of ours."""

    metadata: DeploymentMetadata
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()

    @property
    def scalers(self) -> frozenset[tuple[str, str]]:
        """Who has set the number of replicas, as (manager, operation); nobody where it is the API's default."""
        return frozenset(
            (each.manager, each.operation)
            for each in self.metadata.managed_fields
            if each.fields_v1.spec.replicas is not None
        )


class Ingress(msgspec.Struct, frozen=True):
    """One address of a load balancer."""

    ip: str = ""
    hostname: str = ""


class LoadBalancer(msgspec.Struct, frozen=True):
    """Where a load balancer answers."""

    ingress: tuple[Ingress, ...] = ()


class ServiceStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Status of a Service."""

    load_balancer: LoadBalancer = LoadBalancer()
    conditions: tuple[Part, ...] = ()


class ServiceSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Spec of a Service; parts is everything, for comparison."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    ip_family_policy: str = ""
    load_balancer_ip: str = msgspec.field(default="", name="loadBalancerIP")
    external_traffic_policy: str = ""
    ports: tuple[dict[str, object], ...] = ()
    selector: dict[str, str] = {}


class Service(msgspec.Struct, frozen=True):
    """A Service of ours."""

    metadata: Metadata
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class Thing(msgspec.Struct, frozen=True):
    """Another object of ours. data: of a ConfigMap."""

    metadata: Metadata
    data: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a Gateway's data plane stands."""

    addresses: tuple[Address, ...]
    programmed: Condition


def standing(
    wanted: Infrastructure,
    deployment: Deployment | None,
    service: Service | None,
    generation: int,
    trouble: Trouble | None = None,
) -> Standing:
    """Say how a data plane that is wanted stands; None: not made yet. trouble: what of it cannot be made."""
    found = addresses(service) if service is not None else ()
    beside = f"; but cannot be made: {trouble.said}" if trouble is not None and trouble.serves else ""
    if trouble is not None and not trouble.serves:
        reason, said = trouble.reason, f"its data plane cannot be made: {trouble.said}"
    else:
        reason, said = _unassigned(wanted, service, found)
    if not reason:
        reason, said = _closed(wanted, service)
    if not reason:
        reason, said = _unavailable(deployment)
    if reason:
        return Standing(found, Condition("Programmed", FALSE, reason, f"{said}{beside}", generation))
    at = ", ".join(address.value for address in found)
    return Standing(found, Condition("Programmed", TRUE, "Programmed", f"served at {at}{beside}", generation))


def addresses(service: Service) -> tuple[Address, ...]:
    """Addresses of a Service: those of its load balancer; without one its cluster IP, of each family."""
    if service.spec.type != "LoadBalancer":
        has = service.spec.cluster_ips or (service.spec.cluster_ip,)
        return tuple(Address("IPAddress", address) for address in has if address not in {"", "None"})
    found = [
        Address("IPAddress", item.ip) if item.ip else Address("Hostname", item.hostname)
        for item in service.status.load_balancer.ingress
        if item.ip or item.hostname
    ]
    return tuple(dict.fromkeys(found))[:16]


def _unassigned(wanted: Infrastructure, service: Service | None, has: tuple[Address, ...]) -> tuple[str, str]:
    if len(wanted.addresses) > 1:
        return "AddressNotUsable", f"one address can be asked for, not {len(wanted.addresses)}"
    if wanted.addresses:
        asked = wanted.addresses[0]
        if service is not None and service.spec.type != "LoadBalancer":
            return "AddressNotUsable", f"a Service of type {service.spec.type} has no address to choose"
        if asked not in {address.value for address in has}:
            instead = ", ".join(address.value for address in has)
            said = f"but {instead}" if instead else "so far"
            return "AddressNotUsable", f"the load balancer has not got {asked} {said}"
    if not has:
        failed = [part.message for part in service.status.conditions if part.status == FALSE] if service else []
        said = "; ".join(filter(None, failed)) or "the load balancer has no address yet"
        return "AddressNotAssigned", said
    return "", ""


def _closed(wanted: Infrastructure, service: Service | None) -> tuple[str, str]:
    has = {port.get("port") for port in service.spec.ports} if service is not None else set()
    lacking = [str(port) for port in wanted.ports if port not in has]
    return ("Pending", f"its Service has no port {', '.join(lacking)} yet") if lacking else ("", "")


def _unavailable(deployment: Deployment | None) -> tuple[str, str]:
    if deployment is None:
        return "Pending", "the data plane is being made"
    status = deployment.status
    if status.available_replicas:
        return "", ""
    why = [
        part.message
        for part in status.conditions
        if (part.type, part.status) in {("ReplicaFailure", TRUE), ("Progressing", FALSE)} and part.message
    ]
    said = "; ".join(why) or "its pods are starting"
    return "NoResources" if why else "Pending", f"no pod of the data plane is available: {said}"
