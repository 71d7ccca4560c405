"""Agent cards on the wire: which answers are rewritten, which pass as they are, and what else must come through whole."""

import asyncio
import gzip
import json
import random
import threading
from http.client import HTTPConnection

import pytest

from agw.a2a.card import MAX_CARD_BYTES
from tests.e2e.gateway import gateway
from tests.e2e.raw import Upstream

CARD = "/.well-known/agent-card.json"
INTERNAL = "http://internal:9999/a2a"
MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: agents}
spec:
  parentRefs: [{name: front}]
  rules:
  - backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: plain}]
  - matches: [{path: {type: PathPrefix, value: /outside}}]
    backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: outside}]
  - matches: [{path: {type: PathPrefix, value: /strict}}]
    backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: strict}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: plain}
spec: {type: A2A, a2a: {targets: [{name: a, static: {host: internal, port: 9999}}]}}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: outside}
spec:
  type: A2A
  a2a:
    targets: [{name: a, static: {host: internal, port: 9999}}]
    card: {externalURL: "https://agents.example.com/outside"}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: strict}
spec:
  type: A2A
  a2a:
    targets: [{name: a, static: {host: internal, port: 9999}}]
    card: {signatures: Reject, otherURLs: Drop}
"""


class Stage:
    """A gateway with open routes, and behind it an upstream that answers what a test lays down."""

    def __init__(self, upstream, front):
        self.upstream = upstream
        self.front = front
        self.base = front.url

    def ask(self, path, method="GET", body=None, **fields):
        """Make one request; the response and its body."""
        connection = HTTPConnection("127.0.0.1", self.front.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def lay(self, path, body, *lines, status="200 OK", length=True):
        """Lay down an answer."""
        head = [f"HTTP/1.1 {status}", "Content-Type: application/json", 'ETag: "agents"', *lines]
        head += [f"Content-Length: {len(body)}"] if length else []
        self.upstream.canned[path] = "\r\n".join([*head, "", ""]).encode() + body


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    (folder / "manifests.yaml").write_text(MANIFESTS)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    upstream = Upstream()
    asyncio.run_coroutine_threadsafe(upstream.__aenter__(), loop).result()
    try:
        resolve = f"--resolve=internal:9999=127.0.0.1:{upstream.port}"
        with gateway(folder, "-f", str(folder / "manifests.yaml"), resolve) as front:
            yield Stage(upstream, front)
    finally:
        asyncio.run_coroutine_threadsafe(upstream.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def card(url=INTERNAL, **more):
    return json.dumps({"name": "Hello", "url": url, **more}).encode()


def chunked(body):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"


@pytest.mark.parametrize("path", [CARD, "/.well-known/agent.json", f"/p/q{CARD}", f"{CARD}?v=1"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_card_is_rewritten_wherever_it_is_and_however_it_is_framed(stage, path, framing):
    match framing:
        case "length":
            stage.lay(path, card())
        case "chunked":
            stage.lay(path, chunked(card()), "Transfer-Encoding: chunked", length=False)
        case "close":
            stage.lay(path, card(), "Connection: close", length=False)

    response, body = stage.ask(path)

    assert response.status == 200
    assert body == card(f"{stage.base}/a2a")
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers["ETag"].startswith('W/"')
    assert "Transfer-Encoding" not in response.headers


@pytest.mark.parametrize(
    ("body", "lines", "status"),
    [
        (b"<html>gone</html>", (), "404 Not Found"),
        (card(), (), "401 Unauthorized"),
        (card()[:-1], (), "200 OK"),
        (b"", (), "200 OK"),
        (card(), ("Content-Encoding: br",), "200 OK"),
        (card(pad="x" * MAX_CARD_BYTES), (), "200 OK"),
        (card("https://partner.example.org/a2a", signatures=[{"signature": "x"}]), (), "200 OK"),
    ],
    ids=["404", "401", "broken", "empty", "br", "huge", "foreign"],
)
def test_what_is_no_card_to_rewrite_passes_byte_for_byte(stage, body, lines, status):
    stage.lay(CARD, body, *lines, status=status)

    response, received = stage.ask(CARD)

    assert f"{response.status} {response.reason}" == status
    assert received == body
    assert response.headers["ETag"] == '"agents"'
    assert response.headers["Content-Type"] == "application/json"


def test_a_card_that_comes_compressed_is_rewritten(stage):
    stage.lay(CARD, gzip.compress(card()), "Content-Encoding: gzip")

    response, body = stage.ask(CARD, Accept_Encoding="gzip")

    assert body == card(f"{stage.base}/a2a")
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("method", ["agent/getAuthenticatedExtendedCard", "GetExtendedAgentCard"])
def test_an_extended_card_is_rewritten_in_the_answer_to_a_call(stage, method):
    stage.lay("/", b'{"jsonrpc":"2.0","id":1,"result":%s}' % card())

    _, body = stage.ask(
        "/", "POST", json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}), Content_Type="application/json"
    )

    assert json.loads(body)["result"]["url"] == f"{stage.base}/a2a"


@pytest.mark.parametrize("path", ["/v1/card", "/tenant/extendedAgentCard", "/agent/authenticatedExtendedCard"])
def test_an_extended_card_is_rewritten_at_its_paths(stage, path):
    stage.lay(path, card())

    assert stage.ask(path)[1] == card(f"{stage.base}/a2a")


def test_the_agent_is_asked_for_the_whole_card_as_it_is(stage):
    stage.lay(CARD, card())
    conditions = {"If_None_Match": '"agents"', "If_Modified_Since": "Thu, 01 Jan 2026 00:00:00 GMT"}

    response, body = stage.ask(CARD, Accept_Encoding="gzip", Range="bytes=0-10", A2A_Version="1.0", **conditions)

    head = stage.upstream.last[0].decode().lower()
    assert response.status == 200
    assert body == card(f"{stage.base}/a2a")
    assert "a2a-version: 1.0" in head
    for name in ("if-none-match", "if-modified-since", "range", "accept-encoding: gzip"):
        assert name not in head


def test_fields_that_spoke_of_the_agents_bytes_are_gone_and_others_stay(stage):
    false = (
        "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
        "Digest: sha-256=x",
        "Content-MD5: x",
        "Accept-Ranges: bytes",
    )
    stage.lay(CARD, card(), *false, "Cache-Control: max-age=60", "Vary: A2A-Version")

    response, _ = stage.ask(CARD)

    assert [line for line in false if line.split(":")[0] in response.headers] == []
    assert response.headers["Cache-Control"] == "max-age=60"
    assert response.headers["Vary"] == "A2A-Version"


def test_a_client_cannot_choose_what_the_card_says(stage):
    stage.lay(CARD, card())
    spoofed = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "https", "Forwarded": "host=evil.example"}

    _, body = stage.ask(CARD, Host="evil.example", **spoofed)

    assert body == card(f"{stage.base}/a2a")


def test_the_configured_base_is_advertised_and_its_path_not_doubled(stage):
    stage.lay(f"/outside{CARD}", card("http://internal:9999/outside/a2a"))
    assert json.loads(stage.ask(f"/outside{CARD}")[1])["url"] == "https://agents.example.com/outside/a2a"


def test_a_signature_that_would_be_void_is_held_to_where_asked(stage):
    stage.lay(f"/strict{CARD}", card(signatures=[{"signature": "x"}]))
    response, body = stage.ask(f"/strict{CARD}")

    assert response.status == 502
    assert b"internal" not in body

    stage.lay(f"/strict{CARD}", card())
    assert stage.ask(f"/strict{CARD}")[0].status == 200


def test_foreign_interfaces_are_dropped_where_asked(stage):
    foreign = [{"url": "https://partner.example.org/", "protocolBinding": "JSONRPC"}]
    stage.lay(f"/strict{CARD}", card(supportedInterfaces=foreign))
    assert json.loads(stage.ask(f"/strict{CARD}")[1])["supportedInterfaces"] == []


def test_the_head_of_a_card_is_that_of_the_rewritten_one(stage):
    stage.lay(CARD, card())

    response, body = stage.ask(CARD, "HEAD")

    assert (response.status, body) == (200, b"")
    assert response.headers["ETag"] == stage.ask(CARD)[0].headers["ETag"]
    assert response.headers["Content-Length"] == str(len(card(f"{stage.base}/a2a")))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'[{"jsonrpc":"2.0","id":1,"method":"x"},{"jsonrpc":"1.0"}]',
        b'{"id":1,"id":2, "url":"http://internal:9999/"}',
        random.Random(1).randbytes(3 << 20),
        b'{"parts":[{"file":{"bytes":"' + b"QUJD" * (3 << 20) + b'"}}]}',
    ],
    ids=["broken", "batch", "duplicates", "3 MiB", "12 MiB"],
)
@pytest.mark.parametrize("path", ["/", "/rest/message:send", "/tasks/a%3Ab%20c:cancel?historyLength=0", CARD])
def test_bodies_and_paths_reach_the_agent_as_they_are(stage, body, path):
    stage.upstream.canned.pop(path, None)

    response, _ = stage.ask(path, "POST", body, Content_Type="application/a2a+json")

    head, received = stage.upstream.last
    assert response.status == 200
    assert received == body
    assert head.split()[1].decode() == path
    assert b"application/a2a+json" in head
