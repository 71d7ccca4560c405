"""What `agw controller` does: find the cluster, and run a replica of the controller in it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import click
import uvloop

from agw.cli.output import Failure
from agw.controller import process
from agw.controller.provision import Installation
from agw.dataplane.harden import harden
from agw.dataplane.logs import Log, capture_standard_logging
from agw.kube import Client, CredentialsError
from agw.settings import Address, parse_address
from agw.translate import CONTROLLER
from agw.translate.hosts import CLUSTER_LOCAL

_RESOLV_CONF = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags, as given."""

    kubeconfig: str
    namespace: str
    name: str
    service: str
    image: str
    image_pull_policy: str
    replicas: int
    publish: str
    advertise: str
    health: str
    cluster_domain: str
    log_level: str
    log_format: str


def serve(flags: Flags) -> int:
    """Run until a signal ends it; return the exit code."""
    log = Log(flags.log_level, flags.log_format)
    capture_standard_logging(log)
    harden(core_dumps=False)  # it reads Secrets
    try:
        # Its TLS connections take a fifth of the memory that asyncio's do, and there is one for each data plane.
        return uvloop.run(_serve(flags, log))
    except CredentialsError as error:
        raise Failure(str(error), hint="--kubeconfig FILE, KUBECONFIG, or run it in a pod.") from None
    except OSError as error:
        raise Failure(f"cannot listen: {error}") from None


async def _serve(flags: Flags, log: Log) -> int:
    async with Client.find(flags.kubeconfig, manager=CONTROLLER, user_agent="agw-controller") as client:
        return await process.run(client, _options(flags, client.namespace), log)


def _options(flags: Flags, found: str) -> process.Options:
    if not flags.image:
        raise click.UsageError("--image names the image of the data planes: this program's own, usually.")
    namespace = flags.namespace or found or "default"
    publish = _address(flags.publish, "--publish")
    host = f"{flags.service}.{namespace}.svc"
    domain = flags.cluster_domain.strip(".").lower() or cluster_domain(_RESOLV_CONF)
    advertise = _address(flags.advertise, "--advertise") if flags.advertise else Address(host, publish.port)
    return process.Options(
        namespace=namespace,
        name=flags.name or socket.gethostname(),
        lease=flags.service,
        certificates=f"{flags.service}-tls",
        hosts=tuple(dict.fromkeys((advertise.host, host, f"{host}.{domain}"))),
        publish=publish,
        health=_address(flags.health, "--health"),
        installation=Installation(
            namespace=namespace,
            controller=str(advertise),
            image=flags.image,
            image_pull_policy=flags.image_pull_policy,
            replicas=flags.replicas,
        ),
        domain=domain,
    )


def cluster_domain(path: Path) -> str:
    """Return the cluster's DNS domain as a pod's resolver has it (`search ns.svc.DOMAIN svc.DOMAIN DOMAIN`)."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return CLUSTER_LOCAL
    words = [word.strip(".").lower() for line in lines if line.startswith("search") for word in line.split()[1:]]
    return next((word.removeprefix("svc.") for word in words if word.startswith("svc.")), CLUSTER_LOCAL)


def _address(text: str, flag: str) -> Address:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}.", param_hint=f"'{flag}'") from None
    return Address("" if text.startswith(":") else address.host, address.port)
