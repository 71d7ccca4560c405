"""Which public base a card gets, and what a client gets for it."""

from __future__ import annotations

import gzip
import json

import pytest

from agw.dataplane.cards import CardRequest, Cards, public_base
from agw.settings import Address
from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    Backend,
    Card,
    Endpoint,
    Filters,
    Listener,
    PathEdit,
    Policy,
    Rewrite,
    Rule,
    Target,
    WeightedBackend,
)

LAPTOP = {80: Address("127.0.0.1", 8080)}
POD = {80: Address("::", 8080)}
CARD = json.dumps({"name": "x", "url": "http://agent:9999/a", "preferredTransport": "JSONRPC"}).encode()
RULE = "rule/HTTPRoute/default/r/0"


@pytest.mark.parametrize(
    ("external", "hostname", "authority", "served", "base"),
    [
        # 1. what the Backend says
        ("https://public.example/a", "gw.example", "evil.example", LAPTOP, "https://public.example/a"),
        # 2. an exact hostname; of the listener's port and the one at which it is served, the one that the client used
        ("", "gw.example", "gw.example:8080", LAPTOP, "http://gw.example:8080"),
        ("", "gw.example", "gw.example", LAPTOP, "http://gw.example"),
        ("", "gw.example", "gw.example:8080", POD, "http://gw.example:8080"),
        ("", "gw.example", "gw.example", POD, "http://gw.example"),
        ("", "gw.example", "gw.example:666", POD, "http://gw.example"),
        ("", "gw.example", "gw.example:666", LAPTOP, "http://gw.example:8080"),
        ("", "gw.example", "gw.example:666", {}, "http://gw.example"),
        # 3. a wildcard: the Host, which has matched it
        ("", "*.example", "a.example:8080", LAPTOP, "http://a.example:8080"),
        ("", "*.example", "A.Example.", POD, "http://a.example"),
        # 4. the one address at which the listener is served
        ("", "", "evil.example", LAPTOP, "http://127.0.0.1:8080"),
        ("", "", "evil.example", {80: Address("::1", 8080)}, "http://[::1]:8080"),
        # 5. only else the Host
        ("", "", "10.0.0.9", POD, "http://10.0.0.9"),
        ("", "", "[2001:db8::1]:81", POD, "http://[2001:db8::1]:81"),
    ],
)
def test_the_public_base(external, hostname, authority, served, base):
    assert str(public_base(external, hostname, CardRequest(80, authority), served)) == base


@pytest.mark.parametrize(
    ("external", "hostname", "authority", "base"),
    [
        ("http://public.example/a", "gw.example", "gw.example", "http://public.example/a"),
        ("", "gw.example", "gw.example", "https://gw.example"),
        ("", "gw.example", "gw.example:8443", "https://gw.example"),
        ("", "gw.example", "gw.example:80", "https://gw.example"),
        ("", "*.example", "a.example", "https://a.example"),
        ("", "*.example", "a.example:8443", "https://a.example:8443"),
        ("", "", "agents.example.org", "https://agents.example.org"),
    ],
)
@pytest.mark.parametrize("served", [LAPTOP, POD, {}])
def test_behind_a_trusted_proxy_that_speaks_https_the_base_is_that_proxys(external, hostname, authority, base, served):
    assert str(public_base(external, hostname, CardRequest(80, authority, https=True), served)) == base


def test_no_host_and_nothing_else_is_no_base():
    assert public_base("", "", CardRequest(80, ""), POD) is None


def cards(*hostnames, card=None, policy="", attached="", backends=1, filters=None):
    entries = {
        "listener/default/gw/http": Listener("default/gw", "http", 80),
        "listener/default/gw/other": Listener("default/gw", "other", 81),
        "backend/b": Backend(
            "default/b",
            protocol="A2A",
            card=card or Card(),
            targets=(Target("t", "agent", 9999, endpoints=(Endpoint("10.0.0.7", 9999),)),),
        ),
        "backend/plain": Backend("default/plain"),
        "policy/keys": Policy(api_key=ApiKeyAuth(credentials="credentials/default/s")),
        RULE: Rule(
            route="default/r",
            index=0,
            attachments=(
                Attachment("listener/default/gw/other", ("other.example",)),
                Attachment("listener/default/gw/http", hostnames or ("",), policy=attached),
            ),
            backends=(WeightedBackend("backend/plain"), WeightedBackend("backend/b"))[2 - backends - 1 :],
            policy=policy,
            filters=filters,
        ),
    }
    found = Cards()
    found.use(entries)
    found.serve(80, LAPTOP[80])
    return found


def url(answer):
    return json.loads(answer[1])["url"]


def test_a_card_comes_back_through_the_listener():
    status, body, etag = cards().answer(RULE, CARD, CardRequest(80, "x"))
    assert (status, json.loads(body)["url"]) == (200, "http://127.0.0.1:8080/a")
    assert etag.startswith('W/"')


@pytest.mark.parametrize(
    ("external", "edit", "public"),
    [
        ("", PathEdit("/", "/agents/x"), "http://127.0.0.1:8080/agents/x/a"),
        ("", PathEdit("/a", "/agents/x"), "http://127.0.0.1:8080/agents/x"),
        ("", PathEdit("/a", "/"), "http://127.0.0.1:8080"),
        ("", PathEdit("/a"), "http://127.0.0.1:8080/a"),
        ("", None, "http://127.0.0.1:8080/a"),
        ("https://public.example/x", PathEdit("/", "/agents/x"), "https://public.example/x/a"),
        ("https://public.example", PathEdit("/a", "/"), "https://public.example"),
    ],
)
def test_an_agent_behind_a_rewrite_is_found_under_what_clients_ask_for(external, edit, public):
    filters = Filters(rewrite=Rewrite("agent.internal", edit))
    found = cards(card=Card(external_url=external), filters=filters).answer(RULE, CARD, CardRequest(80, "x"))
    assert url(found) == public


def test_an_agent_that_goes_by_the_host_that_a_rewrite_gives_it_is_ours():
    asked = CARD.replace(b"agent:9999", b"agent.example.org")
    assert cards().answer(RULE, asked, CardRequest(80, "x")) is None
    rewritten = cards(filters=Filters(rewrite=Rewrite("agent.example.org"))).answer(RULE, asked, CardRequest(80, "x"))
    assert url(rewritten) == "http://127.0.0.1:8080/a"


def test_the_most_specific_hostname_that_matched_decides():
    found = cards("*.example", "gw.example")
    assert url(found.answer(RULE, CARD, CardRequest(80, "gw.example"))) == "http://gw.example/a"
    assert url(found.answer(RULE, CARD, CardRequest(80, "a.example"))) == "http://a.example/a"


def test_a_host_that_matched_no_hostname_is_not_believed():
    assert url(cards("gw.example").answer(RULE, CARD, CardRequest(80, "evil.test"))) == "http://127.0.0.1:8080/a"


def test_a_card_that_the_client_has_is_a_304():
    found = cards()
    etag = found.answer(RULE, CARD, CardRequest(80, "x"))[2]
    assert found.answer(RULE, CARD, CardRequest(80, "x", etag)) == (304, b"", etag)
    assert found.answer(RULE, CARD, CardRequest(80, "x", '"other"'))[0] == 200


def test_a_signed_card_that_must_not_lose_its_signature_is_a_502():
    signed = json.dumps({"url": "http://agent:9999", "signatures": [{"protected": "x", "signature": "y"}]}).encode()
    found = cards(card=Card(signatures="Reject"))
    status, reason, etag = found.answer(RULE, signed, CardRequest(80, "x"))
    assert (status, etag) == (502, "")
    assert b"signed" in reason
    wrapped = b'{"result":' + signed + b"}"
    assert found.answer(RULE, wrapped, CardRequest(80, "x", rpc=True))[0] == 502


def test_a_card_that_nothing_gives_a_url_is_a_502_and_what_is_none_passes():
    found = cards()
    found.serve(80, None)
    assert found.answer(RULE, CARD, CardRequest(80, ""))[0] == 502
    assert found.answer(RULE, b'{"result":' + CARD + b"}", CardRequest(80, "", rpc=True))[0] == 502
    assert found.answer(RULE, b'{"error":{}}', CardRequest(80, "", rpc=True)) is None
    assert found.answer(RULE, b"no card", CardRequest(80, "")) is None


def test_the_result_of_a_call_has_no_tag_and_is_no_304():
    wrapped = b'{"jsonrpc":"2.0","id":1,"result":' + CARD + b"}"
    status, body, etag = cards().answer(RULE, wrapped, CardRequest(80, "x", rpc=True))
    assert (status, etag) == (200, "")
    assert json.loads(body)["result"]["url"] == "http://127.0.0.1:8080/a"


def test_a_card_that_stays_as_it_is_keeps_its_agents_tag():
    public = CARD.replace(b"http://agent:9999", b"http://127.0.0.1:8080")
    asked = CardRequest(80, "x", if_none_match='"a"', etag='W/"a"')
    assert cards().answer(RULE, public, asked) == (304, b"", 'W/"a"')
    assert cards().answer(RULE, public, CardRequest(80, "x", if_none_match='"b"', etag='"a"')) is None
    assert cards().answer(RULE, public, CardRequest(80, "x", if_none_match="*")) is None
    assert cards().answer(RULE, CARD, asked)[0] == 200


def test_a_coded_card_is_looked_into():
    found = cards().answer(RULE, gzip.compress(CARD), CardRequest(80, "x", coding="gzip"))
    assert url(found) == "http://127.0.0.1:8080/a"
    assert cards().answer(RULE, CARD, CardRequest(80, "x", coding="gzip")) is None


def test_the_policys_keys_are_advertised_where_they_are_in_force():
    def schemes(**fields):
        body = cards(**fields).answer(RULE, CARD, CardRequest(80, "x"))[1]
        return json.loads(body).get("securitySchemes")

    assert schemes() is None
    assert schemes(policy="policy/keys")
    assert schemes(attached="policy/keys")
    assert schemes(policy="policy/keys", card=Card(advertise_security=False)) is None


def test_what_is_no_a2a_backend_passes_as_it_is():
    found = cards()
    assert found.answer("rule/unknown", CARD, CardRequest(80, "x")) is None
    assert Cards().answer(RULE, CARD, CardRequest(80, "x")) is None
    assert found.answer(RULE, b"no card", CardRequest(80, "x")) is None


def test_the_context_of_the_reactor_is_read():
    context = {
        "authority": "x:1",
        "port": "80",
        "if_none_match": "*",
        "scheme": "https",
        "form": "rpc",
        "backend": "backend/Backend/d/b",
        "etag": '"a"',
        "coding": "GZip",
    }
    backend = "backend/Backend/d/b"
    told = CardRequest(80, "x:1", "*", '"a"', "gzip", https=True, rpc=True, backend=backend)
    assert CardRequest.of(context) == told
    plain = CardRequest(80, "x:1", "*", '"a"', "gzip", backend=backend)
    assert CardRequest.of({**context, "form": "card", "scheme": "http"}) == plain
    assert CardRequest.of({**context, "form": "extended"}).extended
    assert CardRequest.of({**context, "unread": "why"}).unread == "why"
