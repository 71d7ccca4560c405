"""Core objects: Secret, ConfigMap, Namespace, Service, EndpointSlice; the fields that translation needs.

A Secret's values are `SecretBytes`: they never print themselves, so that no log, error or dump can.
"""

from __future__ import annotations

import hmac

from msgspec import field

from agw.resources.meta import Object, ObjectMeta, Value


class SecretBytes:
    """Bytes that redact themselves: `reveal()` is the one way to the value."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Keep the value."""
        self._value = value

    def reveal(self) -> bytes:
        """Give the value to the code that must hash or compare it."""
        return self._value

    def __len__(self) -> int:
        """Give the length in bytes."""
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, SecretBytes) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        """Hash by value; Python's hash of bytes is keyed per process."""
        return hash(self._value)

    def __repr__(self) -> str:
        """Say nothing about the value."""
        return "SecretBytes(<redacted>)"

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse to be pickled or copied into a dump."""
        msg = "a Secret's value cannot be serialised"
        raise TypeError(msg)

    def __copy__(self) -> SecretBytes:
        """Values are frozen: the copy is the value."""
        return self

    def __deepcopy__(self, memo: object) -> SecretBytes:
        """Values are frozen: the copy is the value."""
        return self


class Secret(Object, frozen=True):
    """data: stringData laid over data, both decoded."""

    data: dict[str, SecretBytes] = {}
    type: str = "Opaque"


class ConfigMap(Object, frozen=True):
    """data: text by key; what is binary is of no use here."""

    data: dict[str, str] = {}


class Namespace(Object, frozen=True):
    """A namespace; its labels decide about `allowedRoutes`. Cluster-scoped."""


class ServicePort(Value, frozen=True):
    """target_port: a number, a name, or None (the port itself). app_protocol: `kubernetes.io/h2c` and such, or ""."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    app_protocol: str = ""


class ServiceSpec(Value, frozen=True):
    """type: ClusterIP | NodePort | LoadBalancer | ExternalName. cluster_ip: "None" for a headless Service.

    ip_families: IPv4, IPv6 or both, the first one first.
    """

    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}
    cluster_ip: str = field(default="", name="clusterIP")
    ip_families: tuple[str, ...] = ()
    external_name: str = ""


class Service(Object, frozen=True):
    """A Service."""

    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Value, frozen=True):
    """None: not said; `ready` not said counts as ready (EndpointSlice API)."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Value, frozen=True):
    """addresses: equivalent to one another; the first is used."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    hostname: str = ""
    node_name: str = ""
    zone: str = ""


class SlicePort(Value, frozen=True):
    """port: None means that all ports are meant."""

    name: str = ""
    port: int | None = None
    protocol: str = "TCP"
    app_protocol: str = ""


class EndpointSlice(Object, frozen=True):
    """address_type: IPv4 | IPv6 | FQDN. The Service is named by the label kubernetes.io/service-name."""

    address_type: str
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[SlicePort, ...] = ()

    @property
    def service(self) -> str:
        """Name of the Service that the slice belongs to, or ""."""
        return service_of(self.metadata)


def service_of(metadata: ObjectMeta) -> str:
    """Name of the Service that a slice's metadata points to, or ""."""
    return metadata.labels.get("kubernetes.io/service-name", "")
