"""A controller replica in a test's own loop, against a real API server; and the rest of a cluster, played by the test."""

from __future__ import annotations

import asyncio
import contextlib
import uuid

import msgspec
import pytest

from agw.controller import names
from agw.controller.ownership import LABEL
from agw.controller.process import Options, Process
from agw.controller.provision import Installation
from agw.kube import Client, Key, NotFound, Resource, Scope
from agw.kube.lease import Timing
from agw.settings import Address
from agw.translate.result import CONTROLLER
from tests.controller.crds import crds
from tests.ports import free_port

CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
GROUP = "gateway.networking.k8s.io"
CLASSES = Resource(GROUP, "v1", "gatewayclasses", "GatewayClass", namespaced=False)
GATEWAYS = Resource(GROUP, "v1", "gateways", "Gateway")
ROUTES = Resource(GROUP, "v1", "httproutes", "HTTPRoute")
OWN = "agentgateway.alibabacloud.com"
BACKENDS = Resource(OWN, "v1alpha1", "backends", "Backend")
POLICIES = Resource(OWN, "v1alpha1", "trafficpolicies", "TrafficPolicy")
GRANTS = Resource(GROUP, "v1", "referencegrants", "ReferenceGrant")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")

PATIENCE = 60.0
MADE = names.made("gw")
_QUICK = Timing(lease=3.0, renew=2.0, retry=0.2)


class Log:
    """Keeps what is logged."""

    def __init__(self):
        self.lines = []

    def _keep(self, level):
        return lambda event, **fields: self.lines.append((level, event, fields))

    def __getattr__(self, level):
        return self._keep(level)


class Cluster:
    """The API server as a test sees it: objects in a namespace of its own."""

    def __init__(self, client, namespace, kubeconfig):
        self.client = client
        self.namespace = namespace
        self.kubeconfig = str(kubeconfig)

    async def create(self, resource, name, body, **metadata):
        whole = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, **metadata} | ({"namespace": self.namespace} if resource.namespaced else {}),
            **body,
        }
        return msgspec.json.decode(
            await self.client.create(resource, whole, namespace=self.namespace if resource.namespaced else "")
        )

    def key(self, resource, name):
        return Key(self.namespace if resource.namespaced else "", name)

    async def get(self, resource, name):
        try:
            return await self.client.get(resource, self.key(resource, name), msgspec.json.decode)
        except NotFound:
            return None

    async def patch(self, resource, name, body, subresource=""):
        return await self.client.patch(resource, self.key(resource, name), body, subresource=subresource)

    async def delete(self, resource, name):
        with contextlib.suppress(NotFound):
            await self.client.delete(resource, self.key(resource, name))

    async def list(self, resource):
        return (await self.client.list(resource, msgspec.json.decode, Scope(self.namespace))).items

    async def until(self, resource, name, condition):
        """Wait until an object (None: there is none) is as the condition wants, and return it."""
        found = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(found := await self.get(resource, name)):
                    await asyncio.sleep(0.05)  # between two looks
        except TimeoutError:
            raise AssertionError(f"{resource.kind} {name} never was as expected: {found}") from None
        return found

    async def gateway(self, name="gw", **spec):
        given = {"gatewayClassName": "ack-agent-gateway", "listeners": [listener()], **spec}
        return await self.create(GATEWAYS, name, {"spec": given})

    async def route(self, name="r", *, service="svc", **spec):
        given = {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": service, "port": 80}]}], **spec}
        return await self.create(ROUTES, name, {"spec": given})

    async def give_address(self, name, address="192.0.2.1"):
        """Do what a cloud's load balancer does."""
        body = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
        await self.patch(SERVICES, name, body, subresource="status")

    async def start_pods(self, name, count=2):
        """Do what the Deployment controller and a kubelet do."""
        status = {"replicas": count, "availableReplicas": count, "readyReplicas": count, "updatedReplicas": count}
        await self.patch(DEPLOYMENTS, name, {"status": status}, subresource="status")

    async def has_controllers(self):
        """Whether kube-controller-manager runs here: it gives namespaces, the first of all too, a ServiceAccount."""
        with contextlib.suppress(NotFound):
            await self.client.get(SERVICE_ACCOUNTS, Key("default", "default"), msgspec.json.decode)
            return True
        return False

    async def needs_controllers(self):
        """Skip where owners and pods are nobody's work: a bare API server has no kube-controller-manager."""
        if not await self.has_controllers():
            pytest.skip("no kube-controller-manager")  # what is tested is what it does with what we made

    async def events(self, reason):
        return [event for event in await self.list(EVENTS) if event.get("reason") == reason]


def listener(name="http", port=80, protocol="HTTP", **more):
    return {"name": name, "port": port, "protocol": protocol, **more}


def condition(status, kind, where=None):
    """(status, reason) of a condition of an object, or of one of its listeners or entries."""
    conditions = (where if where is not None else (status or {}).get("status", {})).get("conditions") or ()
    return next(((item["status"], item["reason"]) for item in conditions if item["type"] == kind), (None, None))


def fresh(found):
    """Whether all conditions of a Gateway are about its current generation."""
    if not found or not found.get("status", {}).get("conditions"):
        return False
    return all(
        item.get("observedGeneration") == found["metadata"]["generation"] for item in found["status"]["conditions"]
    )


async def ask(port, path):
    """GET a page of a health port: (status, text)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


def options(namespace, name="one", **installation):
    publish = Address("127.0.0.1", free_port())
    given = {"namespace": namespace, "controller": str(publish), "image": "agw:test", **installation}
    return Options(
        namespace=namespace,
        name=name,
        lease="controller",
        certificates="controller-tls",
        hosts=("127.0.0.1",),
        publish=publish,
        health=Address("127.0.0.1", free_port()),
        installation=Installation(**given),
        timing=_QUICK,
    )


@contextlib.asynccontextmanager
async def controller(kubeconfig, namespace, log=None, **given):
    """A replica that runs as long as the context lasts."""
    async with Client.find(str(kubeconfig), manager=CONTROLLER) as client:
        process = Process(client, options(namespace, **given), log or Log())
        task = asyncio.create_task(process.run())
        try:
            yield process
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def install(client):
    """Install the CRDs, once per server."""
    for crd in crds():
        name = crd["metadata"]["name"]
        await client.apply(CRDS, Key("", name), crd)
    for crd in crds():
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await client.get(CRDS, Key("", crd["metadata"]["name"]), msgspec.json.decode)
                if condition(found, "Established")[0] == "True":
                    break
                await asyncio.sleep(0.05)  # between two looks


async def hand_over(client, namespace):
    """Have all classes be those of the installation in that namespace, whichever test's they were; None: nobody's."""
    for found in (await client.list(CLASSES, msgspec.json.decode)).items:
        if found["spec"]["controllerName"] == CONTROLLER:
            await client.patch(
                CLASSES, Key("", found["metadata"]["name"]), {"metadata": {"labels": {LABEL: namespace}}}
            )


@contextlib.asynccontextmanager
async def cluster(kubeconfig):
    """A namespace of this test's own, on a server with the CRDs and our GatewayClass."""
    async with Client.find(str(kubeconfig), manager="tests") as client:
        await install(client)
        namespace = f"t-{uuid.uuid4().hex[:10]}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await client.create(NAMESPACES, body)
        yours = Cluster(client, namespace, kubeconfig)
        await client.apply(CLASSES, Key("", "ack-agent-gateway"), {"spec": {"controllerName": CONTROLLER}})
        await hand_over(client, namespace)
        try:
            yield yours
        finally:
            # Nobody ends a namespace on a bare server: what the next test's controller should not see is deleted.
            for resource in (POLICIES, ROUTES, BACKENDS, GATEWAYS, GRANTS):
                for found in await yours.list(resource):
                    await yours.delete(resource, found["metadata"]["name"])


async def eventually(condition, patience=20):
    """Wait until a condition of this process holds."""
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.05)  # between two looks


def scenario(function):
    """Run a coroutine that takes (its cluster, a running controller)."""

    def test(kubeconfig):
        async def run():
            async with cluster(kubeconfig) as yours, controller(kubeconfig, yours.namespace) as process:
                await function(yours, process)

        asyncio.run(run())

    test.__name__ = function.__name__
    return test


def parent(route):
    """What a route's status says of its one parent that is ours."""
    (entry,) = [entry for entry in route["status"]["parents"] if entry["controllerName"] == CONTROLLER]
    return entry


def of_ours(route):
    """What a route's status says of parents that are ours; nothing of a route that is not there."""
    entries = (route or {}).get("status", {}).get("parents", ())
    return [entry for entry in entries if entry["controllerName"] == CONTROLLER]
