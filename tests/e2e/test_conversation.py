"""The seed's steps 3 and 4 with the official SDKs of both generations as servers and clients, all requests counted."""

import asyncio
import json

import pytest

from tests.e2e.counting import BypassError, all_through
from tests.e2e.gateway import BAR, FOO, gateway
from tests.e2e.people import AGENTS, agent, get
from tests.e2e.raw import Client

PAIRS = [("0.3", "0.3"), ("0.3", "1"), ("1", "1"), ("1+0.3", "0.3"), ("1+0.3", "1")]  # agent, client
CREDENTIALS = [("bearer", FOO), ("bearer", BAR), ("api-key", FOO), ("by-card", BAR)]
HELLO = ("said", "say", "hello")
CARD = "/.well-known/agent-card.json"

AROUND = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: plain}}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: plain}}
spec:
  parentRefs: [{{name: plain}}]
  rules:
  - backendRefs: [{{name: agent, port: 9999}}]
---
apiVersion: v1
kind: Service
metadata: {{name: agent}}
spec:
  ports: [{{name: http, port: 9999}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: agent-1, labels: {{kubernetes.io/service-name: agent}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [127.0.0.1], conditions: {{ready: true}}}}]
"""


@pytest.mark.parametrize(("server", "client"), PAIRS)
@pytest.mark.parametrize("key", CREDENTIALS)
def test_a_message_is_answered(scene, server, client, key):
    behind, front = scene.pair(server)

    with all_through(front, behind) as passed:
        result = scene.client(client).converse(front.url, HELLO, key=key)

    assert result["error"] is None
    assert result["said"] == {"said": ["Hello World"]}
    assert [request["method"] for request in passed.requests] == ["GET", "POST"]
    assert all(request["url"].startswith(f"{front.url}/") for request in result["sent"])


@pytest.mark.parametrize(("server", "client"), PAIRS)
@pytest.mark.parametrize("key", [FOO, BAR])
def test_a_stream_delivers_each_event_before_the_next_is_sent(scene, server, client, key):
    behind, front = scene.pair(server)
    stream = ("heard", "stream", 5, f"{client}-{key}")

    with all_through(front, behind) as passed:
        result = scene.client(client).converse(front.url, stream, key=("bearer", key), ack=f"{behind.url}/-/ack/")

    assert result["error"] is None
    assert result["said"] == {"heard": ["task", *(f"event {n}" for n in range(5)), "completed"]}
    assert passed.at_gateway == 2


@pytest.mark.parametrize(("server", "client"), PAIRS)
def test_without_a_key_nobody_gets_in(scene, server, client):
    behind, front = scene.pair(server)

    with all_through(front, behind, refused=2) as passed:
        nothing = scene.client(client).converse(front.url, HELLO)
        wrong = scene.client(client).converse(front.url, HELLO, key=("bearer", f"{FOO}x"))

    assert passed.requests == []
    for result in (nothing, wrong):
        error = result["error"]
        assert error["error"] == {"0.3": "A2AClientHTTPError", "1": "AgentCardResolutionError"}[client]
        assert f"Failed to fetch agent card from {front.url}{CARD}" in error["text"]
        assert "Client error '401 Unauthorized'" in error["text"]


def test_the_agent_gets_the_version_and_not_the_key(scene):
    behind, front = scene.pair("1+0.3")

    with all_through(front, behind) as passed:
        scene.client("1").converse(front.url, HELLO, key=("bearer", FOO))
        scene.client("1").converse(front.url, HELLO, key=("api-key", FOO))

    assert {request["fields"].get("a2a-version") for request in passed.requests if request["method"] == "POST"} == {
        "1.0"
    }
    for request in passed.requests:
        assert {"authorization", "x-api-key"}.isdisjoint(request["fields"])


@pytest.mark.parametrize("server", AGENTS)
def test_the_card_says_nothing_but_the_gateway(scene, server):
    behind, front = scene.pair(server)
    fields = {"Authorization": f"Bearer {FOO}"}

    status, body = get(front.port, CARD, fields)
    original = json.loads(get(behind.port, CARD)[1])
    card = json.loads(body)

    assert status == 200
    assert str(behind.port) not in body.decode()
    added = {"securitySchemes", "security", "securityRequirements"}
    unsigned = set(original) - {"signatures"}
    assert set(card) == unsigned | added
    kept = unsigned - added - {"url", "additionalInterfaces", "supportedInterfaces"}
    assert {name: card[name] for name in kept} == {name: original[name] for name in kept}


def test_a_client_that_has_the_card_is_not_sent_it_again(scene):
    _, front = scene.pair("1")

    async def ask_twice():
        async with Client("127.0.0.1", front.port, {"X-API-Key": FOO}) as client:
            first = await client.request("GET", CARD)
            second = await client.request("GET", CARD, fields={"If-None-Match": first.fields["etag"]})
            return first, second

    first, second = asyncio.run(ask_twice())
    assert (first.status, second.status, second.body) == (200, 304, b"")
    assert "content-length" not in second.fields  # RFC 9110 8.6: it would have to be that of the 200
    assert first.fields["etag"] == second.fields["etag"]
    assert first.fields["etag"].startswith('W/"')


def test_counting_catches_a_client_that_is_led_past_the_gateway(scene, tmp_path):
    """A plain Service is no A2A backend: its card is not rewritten, and the client follows it to the agent."""
    with agent("0.3") as behind:
        (tmp_path / "plain.yaml").write_text(AROUND.format(port=behind.port))
        with gateway(tmp_path, "-f", str(tmp_path / "plain.yaml")) as front:
            caught = pytest.raises(BypassError, match="1 at the gateway, 0 refused, 2 at the agent")
            with caught, all_through(front, behind):
                result = scene.client("0.3").converse(front.url, HELLO)

            assert result["said"] == {"said": ["Hello World"]}  # it notices nothing
