"""What a Gateway asks of whoever provisions its data plane: ports, addresses, labels, parameters.

Why it is a value of translation: it follows from the objects alone, so that a controller provisions again only where it
differs from before, and a laptop can say what is wrong with it.

Must not: know a Deployment or a Service.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agw.resources import gateway as api
from agw.translate.parameters import NO_PARAMETERS, Parameters

IP_ADDRESS = "IPAddress"
RESERVED_PORT = 15000
"""Of a data plane's pod, for its probes and metrics: no listener can have it."""


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """ports: of the listeners that are served, ascending. addresses: IP addresses that are asked for; () any will do."""

    namespace: str
    name: str
    uid: str
    ports: tuple[int, ...]
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    parameters: Parameters = NO_PARAMETERS


def unsupported_address(spec: api.GatewaySpec) -> tuple[int, str]:
    """(index, message) of the first asked-for address of a type that is not served; (-1, "") where there is none."""
    for index, address in enumerate(spec.addresses):
        if address.type != IP_ADDRESS:
            return index, f"addresses of type {address.type} cannot be asked for: {IP_ADDRESS} can"
    return -1, ""


def infrastructure(gateway: api.Gateway, ports: frozenset[int], parameters: Parameters) -> Infrastructure:
    """Make the value for a Gateway that is accepted."""
    metadata, wanted = gateway.metadata, gateway.spec.infrastructure or api.GatewayInfrastructure()
    return Infrastructure(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        ports=tuple(sorted(ports)),
        labels=wanted.labels,
        annotations=wanted.annotations,
        addresses=tuple(address.value for address in gateway.spec.addresses if address.value),
        parameters=parameters,
    )
