"""What it costs in memory to know a cluster: 5,000 HTTPRoutes and 200 Services, reflected by one process.

The objects are written to a real API server (KUBECONFIG, or one started from KUBEBUILDER_ASSETS) as people's tools
write them, with managed fields and kubectl's last-applied annotation, which are most of their bytes. A second process
then watches them with agw.kube into what the controller keeps of them, and says how much memory it has, before and after a restart of
the list, for either way of listing.

    python -m bench.kube_memory [--routes 5000] [--services 200] [--at-most-mb 100]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from agw.controller.decode import reader
from agw.kube import AlreadyExists, Client, Key, Options, Resource, Scope, Watcher, plain
from agw.resources.core import Service
from agw.resources.gateway import HTTPRoute
from tests.cluster import apiserver

GROUP = "gateway.networking.k8s.io"
ROUTES = Resource(GROUP, "v1", "httproutes", "HTTPRoute")
SERVICES = Resource("", "v1", "services", "Service")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
SPACE = "memory"
AT_ONCE = 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, default=5000)
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--at-most-mb", type=float, help="exit 1 when the peak is above")
    parser.add_argument("--reflect", choices=["streaming", "pages"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reflect:
        asyncio.run(reflect(arguments.routes, arguments.services, streaming=arguments.reflect == "streaming"))
        sys.exit(arguments.at_most_mb is not None and _memory("VmHWM") > arguments.at_most_mb)
    if os.environ.get("KUBECONFIG"):
        sys.exit(measure(os.environ["KUBECONFIG"], arguments))
    programs = apiserver.assets()
    if programs is None:
        sys.exit("no API server: set KUBECONFIG, or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver")
    with tempfile.TemporaryDirectory() as folder, apiserver.running(Path(folder), programs) as server:
        sys.exit(measure(str(server.kubeconfig), arguments))


def measure(kubeconfig: str, arguments: argparse.Namespace) -> int:
    """Write the objects, then let a process of each kind reflect them. Return how many had too much memory."""
    asyncio.run(write(kubeconfig, arguments.routes, arguments.services))
    passed = ["--routes", str(arguments.routes), "--services", str(arguments.services)]
    passed += ["--at-most-mb", str(arguments.at_most_mb)] if arguments.at_most_mb is not None else []
    command = [sys.executable, "-m", "bench.kube_memory", *passed, "--reflect"]
    environment = {**os.environ, "KUBECONFIG": kubeconfig}
    return sum(
        subprocess.run([*command, way], check=False, env=environment).returncode != 0 for way in ("pages", "streaming")
    )


async def write(kubeconfig: str, routes: int, services: int) -> None:
    """Create what is not there."""
    async with Client.find(kubeconfig, manager="bench") as client:
        await _routes_are_served(client)
        await client.apply(NAMESPACES, Key("", SPACE), {})
        turn = asyncio.Semaphore(AT_ONCE)

        async def create(resource: Resource, body: dict[str, object]) -> None:
            async with turn:
                try:
                    await client.create(resource, body, namespace=SPACE)
                except AlreadyExists:
                    return

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(services):
                group.create_task(create(SERVICES, service(number)))
            for number in range(routes):
                group.create_task(create(ROUTES, route(number, services)))
        print(f"wrote {routes} routes and {services} services in {time.monotonic() - began:.1f} s", flush=True)


async def _routes_are_served(client: Client) -> None:
    # Validation is not what is measured here, and rules would only slow the writing.
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
    }
    names = {"kind": "HTTPRoute", "plural": "httproutes", "singular": "httproute"}
    approved = {"api-approved.kubernetes.io": "unapproved, a measurement"}
    listed = await client.list(CRDS, plain, Scope(fields=f"metadata.name=httproutes.{GROUP}"))
    if not listed.items:
        body = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
        metadata = {"annotations": approved}
        await client.apply(CRDS, Key("", f"httproutes.{GROUP}"), {"metadata": metadata, "spec": body})
    while True:
        found = await client.get(CRDS, Key("", f"httproutes.{GROUP}"), plain)
        conditions = {each["type"]: each["status"] for each in found.get("status", {}).get("conditions") or ()}
        if conditions.get("Established") == "True":
            return
        await asyncio.sleep(0.05)  # between two looks at the condition


def service(number: int) -> dict[str, object]:
    """A Service as a chart would make it."""
    body: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"agent-{number}", "namespace": SPACE, "labels": {"app": f"agent-{number}"}},
        "spec": {"selector": {"app": f"agent-{number}"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }
    return _applied(body)


def route(number: int, services: int) -> dict[str, object]:
    """An HTTPRoute with two rules."""
    backend = {"name": f"agent-{number % max(1, services)}", "port": 80}
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-team", "value": "blue"}]}}
    match = {"path": {"type": "PathPrefix", "value": f"/agents/{number}"}}
    rules = [
        {"matches": [match], "filters": [header], "backendRefs": [backend]},
        {"matches": [{"path": {"type": "Exact", "value": "/.well-known/agent-card.json"}}], "backendRefs": [backend]},
    ]
    metadata = {"name": f"route-{number}", "namespace": SPACE, "labels": {"team": "blue"}}
    spec = {"parentRefs": [{"name": "gateway"}], "hostnames": [f"agent-{number}.example.com"], "rules": rules}
    return _applied({"apiVersion": ROUTES.api_version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec})


def _applied(body: dict[str, object]) -> dict[str, object]:
    metadata = body["metadata"]
    assert isinstance(metadata, dict)
    last = json.dumps(body)
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": last}
    return {**body, "metadata": {**metadata, "annotations": annotations}}


async def reflect(routes: int, services: int, *, streaming: bool) -> None:
    """Watch everything into dictionaries, and print what that takes."""
    before = _memory("VmRSS")
    options = Options(streaming=streaming)
    async with Client.find() as client:
        known = await asyncio.gather(
            _first(Watcher(client, ROUTES, reader(HTTPRoute, ROUTES.api_version), options=options), routes),
            _first(Watcher(client, SERVICES, reader(Service, SERVICES.api_version), options=options), services),
        )
        once = _memory("VmRSS")
        again = await asyncio.gather(
            _first(Watcher(client, ROUTES, reader(HTTPRoute, ROUTES.api_version), options=options), routes),
            _first(Watcher(client, SERVICES, reader(Service, SERVICES.api_version), options=options), services),
        )
        del known
        way = "streaming" if streaming else "pages"
        print(f"{way:10} before {before:6.1f} MB, reflected {once:6.1f} MB, "
              f"listed again {_memory('VmRSS'):6.1f} MB, peak {_memory('VmHWM'):6.1f} MB ({sum(map(len, again))} objects)",
              flush=True)  # fmt: skip


async def _first(watcher: Watcher, at_least: int) -> dict[Key, object]:  # type: ignore[type-arg]
    async with aclosing(aiter(watcher)) as batches:
        async for batch in batches:
            assert batch.restart
            assert not batch.failed, next(iter(batch.failed.values()))
            assert len(batch.applied) >= at_least
            return dict(batch.applied)
    raise AssertionError


def _memory(name: str) -> float:
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
