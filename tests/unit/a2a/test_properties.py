"""What holds for every card: nothing leads past the gateway, nothing unknown is lost, once is enough."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from agw.a2a.card import CardOptions, PublicBase, Rewritten, rewrite_card
from agw.a2a.urls import is_local, parse_address
from tests.unit.a2a.cards import HOSTS, KEYS

LISTS = ("additionalInterfaces", "supportedInterfaces")
KNOWN = {
    "url",
    "preferredTransport",
    *LISTS,
    "securitySchemes",
    "security",
    "securityRequirements",
    "signatures",
    "skills",
}

hosts = st.sampled_from(
    [*HOSTS, "localhost", "127.0.0.1", "0.0.0.0", "[::1]", "x.svc", "agents.example.com", "partner.example.org"]
)
forms = st.sampled_from(
    [
        "http://{}:9999",
        "https://{}/",
        "http://{}/hello/a2a?q#f",
        "{}:50051",
        "//{}/x",
        "dns:///{}:1",
        "ws://{}/",
        "/a2a",
        "",
    ]
)
urls = st.builds(lambda form, host: form.format(host), forms, hosts)
bindings = st.sampled_from(["JSONRPC", "HTTP+JSON", "GRPC", "grpc", ""])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
unknown = st.dictionaries(st.text().filter(lambda name: name not in KNOWN), values, max_size=3)


def interface(binding):
    """An interface of one generation, with members that nobody knows."""
    known = st.fixed_dictionaries({}, optional={"url": urls, binding: bindings})
    names = {"protocolBinding", "protocol_binding", "transport"}
    extra = unknown.map(lambda members: {name: value for name, value in members.items() if name not in names})
    return st.builds(lambda first, second: first | second, extra, known)


requirements = st.lists(st.dictionaries(st.sampled_from(["own", "gatewayApiKey"]), st.just([]), max_size=2), max_size=2)
cards = st.builds(
    lambda extra, known: extra | known,
    unknown,
    st.fixed_dictionaries(
        {},
        optional={
            "url": urls,
            "preferredTransport": bindings,
            "additionalInterfaces": st.lists(interface("transport"), max_size=3),
            "supportedInterfaces": st.lists(interface("protocolBinding") | values, max_size=3),
            "signatures": st.just([{"signature": "x"}]),
            "security": requirements | values,
            "securityRequirements": values,
            "securitySchemes": st.just({"own": {"type": "http", "scheme": "basic"}}) | values,
            "skills": values,
        },
    ),
)
bases = st.sampled_from(["https://agents.example.com/hello", "http://127.0.0.1:8080", "https://agents.example.com"])
options = st.builds(CardOptions, other_urls=st.sampled_from(["Keep", "Drop"]), keys=st.sampled_from([(), KEYS]))
bodies = st.builds(
    lambda card, indent, ascii_only: json.dumps(card, indent=indent, ensure_ascii=ascii_only).encode(errors="replace"),
    cards,
    st.sampled_from([None, 2]),
    st.booleans(),
)


def interfaces(card):
    """(url, binding) of all interfaces that a reader of either generation sees."""
    found = [(card.get("url"), card.get("preferredTransport"))]
    for name, binding in zip(LISTS, ("transport", "protocolBinding"), strict=True):
        entries = card.get(name)
        found += (
            [(e.get("url"), e.get(binding)) for e in entries if isinstance(e, dict)]
            if isinstance(entries, list)
            else []
        )
    return [(url, str(binding)) for url, binding in found if isinstance(url, str)]


@settings(deadline=None)
@given(bodies, bases, options)
def test_a_card_is_the_same_as_the_result_of_a_call(body, base, options):
    public = PublicBase.parse(base)
    alone = rewrite_card(body, base=public, hosts=HOSTS, options=options, extended=True)
    wrapped = b'{"jsonrpc":"2.0","result":%s,"id":"url"}'
    result = rewrite_card(wrapped % body, base=public, hosts=HOSTS, options=options, rpc=True)
    assert (alone and wrapped % alone.body) == (result and result.body)


@given(bodies, bases, options)
def test_no_interface_leads_past_the_gateway(body, base, options):
    public = PublicBase.parse(base)
    result = rewrite_card(body, base=public, hosts=HOSTS, options=options)

    card = json.loads(result.body if isinstance(result, Rewritten) else body)
    for url, binding in interfaces(card):
        address = parse_address(url, grpc=binding.upper() == "GRPC")
        if address is None:
            continue
        at_the_gateway = parse_address(base)
        if address.host != at_the_gateway.host:
            assert options.other_urls == "Keep"
            assert not is_local(address.host)
            assert address.host not in HOSTS
        elif is_local(address.host):  # the gateway's own loopback address: its own port, then
            assert address.port == at_the_gateway.port


@given(bodies, bases, options)
def test_rewriting_twice_is_rewriting_once(body, base, options):
    public = PublicBase.parse(base)
    once = rewrite_card(body, base=public, hosts=HOSTS, options=options)

    if isinstance(once, Rewritten):
        assert rewrite_card(once.body, base=public, hosts=HOSTS, options=options) is None


@given(bodies, bases, options)
def test_what_nobody_knows_survives_in_its_place(body, base, options):
    result = rewrite_card(body, base=PublicBase.parse(base), hosts=HOSTS, options=options)
    if not isinstance(result, Rewritten):
        return

    before, after = json.loads(body), json.loads(result.body)
    kept = [(name, value) for name, value in before.items() if name not in KNOWN]
    assert [(name, value) for name, value in after.items() if name not in KNOWN] == kept
    assert "signatures" not in after


@given(st.binary(max_size=200), bases, options)
def test_no_body_is_an_error(body, base, options):
    rewrite_card(body, base=PublicBase.parse(base), hosts=HOSTS, options=options)
