"""What users of the official SDKs see where the gateway answers in place of the agent: never less than the HTTP status."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from http.client import HTTPConnection

import pytest

from tests.e2e.gateway import gateway
from tests.e2e.people import CLIENTS, client
from tests.e2e.raw import Upstream
from tests.ports import free_port

CARD = "/.well-known/agent-card.json"
BINDINGS = ("JSONRPC", "HTTP+JSON")
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{status}}}
spec:
  parentRefs: [{{name: front}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /{status}}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}}]
  - matches: [{{method: POST, path: {{type: PathPrefix, value: /{status}}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: {backend}}}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {{name: p{status}}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r{status}}}]
  traffic: {policy}
"""
BACKEND = """
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec: {{type: A2A, a2a: {{targets: [{{name: a, static: {{host: {name}, port: 9999}}}}]}}}}
"""
SENDING = "operations: [SendMessage, SendStreamingMessage]"
POLICIES = {
    401: "{authentication: {apiKeyAuth: {secretRef: {name: keys}, publicAgentCard: true}}}",
    403: "{authorization: {rules: [{operations: [GetAgentCard], action: Allow}]}}",
    429: f"{{rateLimit: {{local: [{{requests: 1, unit: Day, {SENDING}}}]}}}}",
    503: "{timeouts: {request: 30s}}",
}
MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {key1: key-value-foo}
"""


def card(status, generation, binding):
    """A card whose one endpoint is on the route that answers so."""
    url = f"http://agent:9999/{status}"
    common = {
        "name": "Hello",
        "description": "says hello",
        "version": "1",
        "capabilities": {"streaming": True},
        "defaultInputModes": ["text"],
        "defaultOutputModes": ["text"],
        "skills": [],
    }
    if generation == "0.3":
        return common | {"url": url, "preferredTransport": binding, "protocolVersion": "0.3.0"}
    interface = {"url": url, "protocolBinding": binding, "protocolVersion": "1.0"}
    return common | {"supportedInterfaces": [interface]}


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """A gateway with a route for each status."""
    folder = tmp_path_factory.mktemp("refusals")
    manifests = MANIFESTS + BACKEND.format(name="agent") + BACKEND.format(name="gone")
    for status, policy in POLICIES.items():
        manifests += ROUTE.format(status=status, policy=policy, backend="gone" if status == 503 else "agent")
    (folder / "manifests.yaml").write_text(manifests)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    upstream = Upstream()
    asyncio.run_coroutine_threadsafe(upstream.__aenter__(), loop).result()
    for status in POLICIES:
        for generation in ("0.3", "1"):
            for binding in BINDINGS:
                body = json.dumps(card(status, generation, binding)).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                upstream.canned[f"/{status}/{generation}/{binding}{CARD}"] = head.encode() + body
    try:
        resolve = [f"--resolve=agent:9999=127.0.0.1:{upstream.port}", f"--resolve=gone:9999=127.0.0.1:{free_port()}"]
        with gateway(folder, "-f", str(folder / "manifests.yaml"), *resolve) as running:
            connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
            connection.request("POST", "/429/message:send", "{}", {"Content-Type": "application/json"})
            connection.getresponse().read()
            connection.close()
            yield running
    finally:
        asyncio.run_coroutine_threadsafe(upstream.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module", params=CLIENTS)
def user(request):
    """A client of each SDK."""
    with client(request.param) as running:
        yield running


def says(told, status):
    """Whether an SDK's error has the status, in its text or beside it."""
    return told.get("status") == status or bool(re.search(rf"\b{status}\b", told["text"]))


@pytest.mark.parametrize("status", POLICIES)
@pytest.mark.parametrize("binding", BINDINGS)
def test_a_user_sees_the_status(front, user, status, binding):
    generation = user.name.removeprefix("js-")
    url = f"{front.url}/{status}/{generation}/{binding}/"  # JavaScript takes the last segment of one without it off
    steps = (("blocking", "say", "hello"), ("streaming", "stream", 1, "hello"))
    told = user.converse(url, *steps, binding=binding)
    assert told["error"] is None
    assert {name for name, said in told["said"].items() if not says(said, status)} == set(), told["said"]
