"""Where probes play: a namespace with an agent of two pods, a Gateway of two, and what is known of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import RigError
from bench.cluster.api import Api, ApiError, Object

NAMESPACE = "agw-probes"
OTHER = "agw-probes-other"
GATEWAY = "probed"
PATIENCE = 120.0
GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"

# An agent that answers at once and says which of its kinds it is; keep-alive, so that only agw opens connections.
AGENT = """
import asyncio, os
ANSWER = os.environ["KIND"].encode()
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            for line in head.lower().split(b"\\r\\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.partition(b":")[2]))
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(ANSWER), ANSWER))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", int(os.environ.get("PORT", "9999")))
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A Gateway that serves. address: its load balancer's."""

    api: Api
    address: str

    def pods(self) -> list[str]:
        """Addresses of the data plane's pods that are ready."""
        listed = self.api.get("pods", NAMESPACE, query=f"labelSelector={GATEWAY_LABEL}%3D{GATEWAY}")
        return [pod["status"]["podIP"] for pod in listed["items"] if _is_ready(pod)]

    def pod_names(self) -> list[str]:
        """Names of the same."""
        listed = self.api.get("pods", NAMESPACE, query=f"labelSelector={GATEWAY_LABEL}%3D{GATEWAY}")
        return [pod["metadata"]["name"] for pod in listed["items"] if _is_ready(pod)]


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        each["type"] == "Ready" and each["status"] == "True" for each in conditions
    )


@contextmanager
def stage() -> Iterator[Stage]:
    """Make the namespaces and all in them; delete them at the end."""
    api = Api()
    for namespace in (NAMESPACE, OTHER):
        _fresh(api, namespace)
    try:
        for kind in ("one", "two"):
            for resource, body in agent(kind):
                api.create(resource, NAMESPACE, body)
        api.create("configmaps", NAMESPACE, {"metadata": {"name": "two-pods"}, "data": {"replicas": "2"}})
        api.create("gateways", NAMESPACE, gateway())
        wait_until(lambda: bool(_address(api)), "the Gateway is programmed")
        here = Stage(api, _address(api))
        wait_until(lambda: len(here.pods()) == 2, "two pods of the data plane are ready")
        yield here
    finally:
        for namespace in (NAMESPACE, OTHER):
            api.delete("namespaces", "", namespace)


def _fresh(api: Api, namespace: str) -> None:
    """Make a namespace; one that an earlier run left is waited out."""
    try:
        api.delete("namespaces", "", namespace)
    except ApiError as error:
        if error.status != 404:
            raise

    def created() -> bool:
        try:
            api.create("namespaces", "", {"metadata": {"name": namespace}})
        except ApiError:
            return False
        return True

    wait_until(created, f"the namespace {namespace} is there")


def _address(api: Api) -> str:
    status = api.get("gateways", NAMESPACE, GATEWAY).get("status", {})
    programmed = [each for each in status.get("conditions", []) if each["type"] == "Programmed"]
    addresses = status.get("addresses", [])
    return addresses[0]["value"] if addresses and programmed and programmed[0]["status"] == "True" else ""


def agent(kind: str) -> Iterator[tuple[str, Object]]:
    """A Deployment of two pods and its Service, in the image of the gateway, which has Python."""
    labels = {"app": f"agent-{kind}"}
    container = {
        "name": "agent",
        "image": os.environ.get("AGW_IMAGE", "agw:dev"),
        "command": ["python", "-c", AGENT],
        "env": [{"name": "KIND", "value": kind}],
        "ports": [{"containerPort": 9999}],
        "readinessProbe": {"tcpSocket": {"port": 9999}, "periodSeconds": 1},
    }
    yield (
        "deployments",
        {
            "metadata": {"name": f"agent-{kind}"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
                },
            },
        },
    )
    yield (
        "services",
        {
            "metadata": {"name": f"agent-{kind}"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 9999}]},
        },
    )


def gateway() -> Object:
    """One listener on port 80, two pods."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY},
        "spec": {
            "gatewayClassName": "ack-agent-gateway",
            "infrastructure": {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "two-pods"}},
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }


def route(name: str, path: str, service: str = "agent-one", **reference: Any) -> Object:  # noqa: ANN401 - JSON
    """An HTTPRoute with one rule. reference: more of the backendRef."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": GATEWAY}],
            "rules": [
                {
                    "matches": [{"path": {"type": "Exact", "value": path}}],
                    "backendRefs": [{"name": service, "port": 80, **reference}],
                }
            ],
        },
    }


def conditions(api: Api, resource: str, name: str) -> dict[str, Object]:
    """Conditions of an object under its first parent or ancestor, by type."""
    status = api.get(resource, NAMESPACE, name).get("status", {})
    entries = status.get("parents") or status.get("ancestors") or [status]
    return {each["type"]: each for each in entries[0].get("conditions", [])}


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
    """Poll; seconds that it took. RigError where it does not come."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > patience:
            message = f"not within {patience:g} s: {what}"
            raise RigError(message)
        time.sleep(0.02)  # between two looks at the condition
    return time.monotonic() - began


class Poller:
    """One keep-alive connection to an address of the gateway, made again where the other side closes it."""

    def __init__(self, address: str, port: int = 80) -> None:
        """Connect when first asked."""
        self._address = address, port
        self._socket: socket.socket | None = None

    def status(self, path: str, fields: str = "") -> int:
        """Status of a GET."""
        return self.ask(path, fields)[0]

    def ask(self, path: str, fields: str = "") -> tuple[int, bytes]:
        """Status and body of a GET."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: agents.example.com\r\n{fields}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        while len(body) < length:
            body += self._receive()
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return int(head[9:12]), body

    def _receive(self) -> bytes:
        assert self._socket is not None
        chunk = self._socket.recv(65536)
        if not chunk:
            self.close()
            message = "closed without an answer"
            raise ConnectionError(message)
        return chunk

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds and resident MB of processes, where this machine can see them."""

    cpu: float
    rss: float


def cost(*words: str) -> Cost:
    """Of all processes whose command line has all these words; zeros where they run on another machine."""
    cpu = rss = 0.0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "cmdline").read_bytes().split(b"\0")
            if all(word.encode() in line for word in words) and b"-c" not in line:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                rss += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        except (FileNotFoundError, ProcessLookupError):
            continue
    return Cost(cpu, rss)
