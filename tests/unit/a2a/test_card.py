"""Rewriting whole cards: both generations, what is kept, what is refused."""

import json
import sys

import pytest

from agw.a2a.card import (
    MAX_CARD_BYTES,
    CardOptions,
    PublicBase,
    Refused,
    Unread,
    is_card_path,
    rewrite_card,
)
from tests.unit.a2a.cards import BASE, DUAL, HOSTS, KEYS, V03, V1, rewrite

ALL = CardOptions(keys=KEYS)


def test_a_card_of_0_3_comes_back_through_the_gateway():
    assert rewrite(V03) == V03 | {"url": "http://127.0.0.1:8080/"}


def test_a_card_of_1_0_comes_back_through_the_gateway():
    interface = V1["supportedInterfaces"][0] | {"url": "http://127.0.0.1:8080/"}
    assert rewrite(V1) == V1 | {"supportedInterfaces": [interface]}


def test_one_document_of_both_generations_is_rewritten_in_all_places():
    card = rewrite(DUAL)

    assert card["url"] == "http://127.0.0.1:8080/compat"
    assert [i["url"] for i in card["additionalInterfaces"]] == [
        "http://127.0.0.1:8080/compat",
        "http://127.0.0.1:8080/rest",
    ]
    assert card["supportedInterfaces"][0]["url"] == "http://127.0.0.1:8080/"
    assert "9999" not in json.dumps(card)


def test_proto_names_are_read_too():
    card = {
        "supported_interfaces": [{"url": "localhost:1", "protocol_binding": "GRPC"}, {"url": "http://localhost:1/"}]
    }
    assert rewrite(card) == {"supported_interfaces": [{"url": "http://127.0.0.1:8080/"}]}


def test_everything_else_keeps_its_very_bytes():
    body = (
        b'{ "url" : "http://localhost:9999/",\n\t"x-number": [1.0, 1e3, 9007199254740993, -0],'
        b'"escape":"\\u00e9\\/\\ud800", "raw":"\xc3\xa9", "x-number": {"a":1,"a":2},'
        b'"provider":{"url":"http://localhost/us"},"documentationUrl":"http://localhost/docs",'
        b'"iconUrl":"http://localhost/i.png","capabilities":{"extensions":[{"uri":"http://localhost/ext"}]} }\r\n'
    )
    result = rewrite_card(body, base=BASE, hosts=HOSTS)
    assert result.body == body.replace(b"http://localhost:9999/", b"http://127.0.0.1:8080/")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"url":"http://localhost/"',
        b'{"url":"http://localhost/",}',
        b"\xff{}",
        b'\xff{"url":"http://localhost/"}',
        b"<html>404</html>",
        b'"http://localhost/"',
        b'["http://localhost/"]',
        b"null",
        b'{"url":1,"additionalInterfaces":{"url":"http://localhost/"},"supportedInterfaces":["http://localhost/",null]}',
        b'{"url":"","supportedInterfaces":[{"url":null},{}]}',
        b"{}",
    ],
)
def test_what_is_no_card_or_names_no_interface_is_passed_on_as_it_is(body):
    assert rewrite_card(body, base=BASE, hosts=HOSTS) is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"url":"http://localhost/"}'.encode("utf-16"), "it is not in UTF-8"),
        ('{"url":"http://localhost/"}'.encode("utf-16-be"), "it is not in UTF-8"),
        ('{"url":"http://localhost/"}'.encode("utf-32"), "it is not in UTF-8"),
        (b'{"url":"http://localhost/","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "it is nested too deeply"),
        (b'{"url":"http://localhost/","pad":"' + b"x" * MAX_CARD_BYTES + b'"}', "it has more than 256 KiB"),
    ],
)
def test_what_others_may_read_and_we_do_not_is_unread(body, reason):
    """Clients may find an interface in it: Python's reader of JSON, for one, knows each encoding by its look."""
    assert rewrite_card(body, base=BASE, hosts=HOSTS) == Unread(reason)


def test_a_byte_order_mark_hides_nothing():
    body = b'\xef\xbb\xbf{"url":"http://localhost/","n":NaN,"securitySchemes":{"big":{"type":' + b"9" * 5_000 + b"}}}"
    assert b'{"url":"http://127.0.0.1:8080/","n":NaN' in rewrite_card(body, base=BASE, hosts=HOSTS, options=ALL).body


def test_bytes_that_are_no_utf_8_hide_nothing():
    body = b'{"name":"\xff","url":"http://localhost/\xe9","x":"\\udcff"}'
    result = rewrite_card(body, base=BASE, hosts=HOSTS, options=ALL)
    assert result.body.startswith(b'{"name":"\xff","url":"http://127.0.0.1:8080/\\udce9","x":"\\udcff"')


def test_a_result_of_json_rpc_is_rewritten_and_nothing_around_it():
    body = b'{"id":"http://localhost/","result":%s,"error":{"url":"http://localhost/"},"url":"http://localhost/"}'
    result = rewrite_card(body % b'{"url":"http://localhost/","signatures":[1]}', base=BASE, hosts=HOSTS, rpc=True)
    assert result.body == body % b'{"url":"http://127.0.0.1:8080/"}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32007,"message":"x"},"url":"http://localhost/"}',
        b'{"result":"http://localhost/"}',
        b'{"result":["http://localhost/"]}',
        b'{"Result":{"url":"http://localhost/"}}',
        b'{"result":{"result":{"url":"http://localhost/"}}}',
        b'[{"result":{"url":"http://localhost/"}}]',
    ],
)
def test_an_answer_of_json_rpc_without_a_card_is_passed_on_as_it_is(body):
    assert rewrite_card(body, base=BASE, hosts=HOSTS, rpc=True) is None


@pytest.mark.parametrize("card", [b"{}", b'{"id":7,"security":[]}', b'{"skills":[{"security":[{"x":[]}]}]}'])
def test_what_names_no_interface_is_a_card_only_where_cards_alone_are(card):
    wrapped = b'{"result":%s}' % card
    assert rewrite_card(card, base=BASE, hosts=HOSTS, options=ALL, extended=True) is None
    assert rewrite_card(wrapped, base=BASE, hosts=HOSTS, options=ALL, rpc=True) is None
    assert rewrite_card(card, base=BASE, hosts=HOSTS, options=ALL)


def test_one_result_that_must_keep_its_signature_refuses_the_answer():
    body = b'{"result":{"url":"http://localhost/"},"result":{"url":"http://localhost/","signatures":[1]}}'
    result = rewrite_card(body, base=BASE, hosts=HOSTS, options=CardOptions(signatures="Reject"), rpc=True)
    assert isinstance(result, Refused)


def test_every_depth_of_nesting_is_rewritten_or_passed_on():
    limit = sys.getrecursionlimit()
    for depth in (*range(1, limit, 101), *range(limit - 60, limit + 10)):
        body = b'{"url":"http://localhost/","skills":[{"security":' + b"[" * depth + b"]" * depth + b"}]}"
        result = rewrite_card(body, base=BASE, hosts=HOSTS, options=ALL)
        assert isinstance(result, Unread) or b"localhost" not in result.body


def test_names_that_repeat_are_all_rewritten():
    body = b'{"url":"http://localhost/a","url":"http://localhost/b","supportedInterfaces":[{"\\u0075rl":"http://localhost/c"}]}'
    assert b"localhost" not in rewrite_card(body, base=BASE, hosts=HOSTS).body


def test_a_public_card_is_passed_on_byte_for_byte_with_its_signatures():
    card = V1 | {
        "supportedInterfaces": [{"url": f"{BASE}/hello", "protocolBinding": "JSONRPC"}],
        "signatures": [{"x": 1}],
    }
    assert rewrite(card) is None


def test_signatures_go_with_the_first_changed_byte():
    assert rewrite({"signatures": [{"protected": "e30", "signature": "x"}], **V03}) == rewrite(V03)


def test_signatures_can_be_held_to_instead():
    assert "signature" in rewrite(V03 | {"signatures": [{"signature": "x"}]}, signatures="Reject")
    assert rewrite(V03 | {"signatures": []}, signatures="Reject")["url"] == "http://127.0.0.1:8080/"
    assert rewrite(V03, signatures="Reject")["url"] == "http://127.0.0.1:8080/"


def test_foreign_interfaces_stay_or_go_by_policy():
    foreign = {"url": "https://partner.example.org/a2a", "protocolBinding": "JSONRPC"}
    card = {"supportedInterfaces": [foreign, {"url": "http://localhost/", "protocolBinding": "JSONRPC"}]}

    assert rewrite(card)["supportedInterfaces"][0] == foreign
    assert rewrite(card, other_urls="Drop")["supportedInterfaces"] == [
        {"url": "http://127.0.0.1:8080/", "protocolBinding": "JSONRPC"}
    ]
    assert rewrite({"supportedInterfaces": [foreign]}, other_urls="Drop") == {"supportedInterfaces": []}


@pytest.mark.parametrize(
    "entry",
    [
        {"url": "demo-a2a-agent-server:50051", "protocolBinding": "GRPC"},
        {"url": "demo-a2a-agent-server", "protocolBinding": "grpc"},
        {"url": "http://localhost:50051", "protocolBinding": "GRPC"},
        {"url": "grpc://localhost:50051", "protocolBinding": "GRPC"},
        {"url": "dns:///localhost:50051", "protocolBinding": "GRPC"},
        {"url": "ws://localhost:9999/ws", "protocolBinding": "https://example.com/websocket"},
    ],
)
def test_what_the_gateway_cannot_serve_is_not_shown(entry):
    served = {"url": f"{BASE}/", "protocolBinding": "JSONRPC"}
    assert rewrite({"supportedInterfaces": [entry, served]}) == {"supportedInterfaces": [served]}


def test_grpc_elsewhere_is_somebody_elses():
    card = {"supportedInterfaces": [{"url": "grpc.example.org:443", "protocolBinding": "GRPC"}]}
    assert rewrite(card) is None


def test_where_the_main_url_goes_an_additional_interface_takes_its_place():
    card = {
        "url": "http://localhost:50051",
        "preferredTransport": "GRPC",
        "additionalInterfaces": [
            {"url": "http://localhost:50051", "transport": "GRPC"},
            {"url": "http://localhost:9999/rest", "transport": "HTTP+JSON"},
        ],
    }
    assert rewrite(card) == {
        "url": "http://127.0.0.1:8080/rest",
        "preferredTransport": "HTTP+JSON",
        "additionalInterfaces": [{"url": "http://127.0.0.1:8080/rest", "transport": "HTTP+JSON"}],
    }


def test_where_the_main_url_goes_and_nothing_is_left_so_does_its_transport():
    assert rewrite({"url": "http://localhost:50051", "preferredTransport": "GRPC", "name": "x"}) == {"name": "x"}


def test_a_foreign_main_url_without_transport_is_replaced_with_one():
    card = {
        "url": "https://partner.example.org/",
        "additionalInterfaces": [{"url": f"{BASE}/", "transport": "JSONRPC"}],
    }
    assert rewrite(card, other_urls="Drop") == card | {"url": f"{BASE}/", "preferredTransport": "JSONRPC"}


@pytest.mark.parametrize(
    ("base", "url", "public"),
    [
        ("https://agents.example.com", "http://agent.ns.svc:80/a2a", "https://agents.example.com/a2a"),
        (
            "https://agents.example.com/weather",
            "http://agent.ns.svc/weather-v2",
            "https://agents.example.com/weather/weather-v2",
        ),
        ("https://agents.example.com/gw", "http://agent.ns.svc/", "https://agents.example.com/gw/"),
        ("https://agents.example.com/gw", "http://agent.ns.svc/gw/x", "https://agents.example.com/gw/x"),
    ],
)
def test_the_configured_base_goes_in_front(base, url, public):
    assert rewrite(V03 | {"url": url}, base=PublicBase.parse(base))["url"] == public


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/.well-known/agent-card.json", True),
        ("/.well-known/agent.json", True),
        ("/p/q/.well-known/agent-card.json", True),
        ("/.well-known/agent-card.json/", False),
        ("/.well-known/agent-card.jsonx", False),
        ("/x.well-known/agent-card.json", False),
        ("/agent-card.json", False),
        ("/", False),
    ],
)
def test_which_requests_ask_for_a_card(path, wanted):
    assert is_card_path(path) is wanted


def test_options_are_hashable_so_that_results_can_be_cached():
    assert len({CardOptions(), CardOptions(), BASE}) == 2
