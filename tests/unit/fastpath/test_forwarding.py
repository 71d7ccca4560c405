"""Chains of addresses, trace context, networks: what is believed of a request, value by value."""

import pytest

from agw._fastpath.forwarding import Forwarding
from agw._fastpath.networks import Networks
from agw._fastpath.trace_context import traceparent, tracestate

PEER = "192.0.2.9"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("hops", "chain", "client"),
    [
        (0, [b"10.0.0.1"], PEER),
        (1, [], PEER),
        (1, [b"10.0.0.1"], "10.0.0.1"),
        (1, [b"6.6.6.6, 10.0.0.1"], "10.0.0.1"),
        (2, [b"6.6.6.6, 10.0.0.1,10.0.0.2"], "10.0.0.1"),
        (2, [b"6.6.6.6", b"10.0.0.1", b"10.0.0.2"], "10.0.0.1"),
        (3, [b"10.0.0.2"], "10.0.0.2"),
        (2, [b"10.0.0.1 , , 10.0.0.2,\t"], "10.0.0.1"),
        (2, [b"10.0.0.1, spoof, 10.0.0.2"], "10.0.0.2"),
        (2, [b"10.0.0.1", b"unknown", b"10.0.0.2"], "10.0.0.2"),
        (1, [b"10.0.0.1, "], "10.0.0.1"),
        (1, [b"10.0.0.1:1234"], "10.0.0.1"),
        (1, [b"2001:db8::1"], "2001:db8::1"),
        (1, [b"[2001:DB8::1]"], "2001:db8::1"),
        (1, [b"[2001:db8::1]:65535"], "2001:db8::1"),
        (1, [b"::ffff:10.0.0.1"], "10.0.0.1"),
    ],
)
def test_the_client_behind_the_trusted_hops(hops, chain, client):
    assert Forwarding(trusted_hops=hops).client_address(chain, PEER) == client


@pytest.mark.parametrize(
    "entry",
    [
        b"", b" ", b"unknown", b"_hidden", b"10.0.0", b"10.0.0.256", b"010.0.0.1", b"10.0.0.1:", b"10.0.0.1:x",
        b"10.0.0.1:123456", b"[10.0.0.1]", b"[::1", b"::1]", b"[::1]x", b"[::1]:", b"[]", b"fe80::1%eth0", b"1:2:3",
        b"10.0.0.1 10.0.0.2", b'"10.0.0.1"', b"10.0.0.1;x", b"a" * 16_000, b"[" * 50, b":" * 50, b"1" * 56,
    ],
)  # fmt: skip
def test_what_is_no_address_ends_the_chain(entry):
    assert Forwarding(trusted_hops=32).client_address([b"10.0.0.1," + entry + b",10.0.0.2"], PEER) == (
        "10.0.0.1" if not entry.strip() else "10.0.0.2"
    )
    assert Forwarding(trusted_hops=32).client_address([entry], PEER) == PEER


def test_hops_count_for_trusted_peers_alone_where_any_are_named():
    rules = Forwarding(["192.0.2.0/24"], 1)
    assert rules.client_address([b"10.0.0.1"], PEER) == PEER
    assert rules.client_address([b"10.0.0.1"], PEER, trusted=True) == "10.0.0.1"


@pytest.mark.parametrize(
    "bad", [{"trusted_hops": -1}, {"trusted_hops": 33}, {"pseudonym": "a b"}, {"pseudonym": "a" * 33}]
)
def test_rules_that_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        Forwarding(**bad)


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        (TRACE, True),
        (TRACE[:-2] + b"ff", True),
        (TRACE.upper(), False),
        (TRACE + b" ", False),
        (TRACE + b"-x", False),
        (TRACE[:-1], False),
        (b"01" + TRACE[2:], False),
        (b"ff" + TRACE[2:], False),
        (TRACE.replace(b"-", b"_"), False),
        (b"00-" + b"0" * 32 + TRACE[35:], False),
        (TRACE[:36] + b"0" * 16 + TRACE[52:], False),
        (TRACE.replace(b"0af7", b"0ag7"), False),
        (TRACE.replace(b"0af7", b"0a-7"), False),
        (b"", False),
    ],
)
def test_traceparent(value, sound):
    assert traceparent(value) is sound


@pytest.mark.parametrize(
    ("values", "sound"),
    [
        ([b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"], True),
        ([b"rojo=1", b"congo=2"], True),
        ([b"rojo=1 ,\tcongo=2, ,"], True),
        ([b"a" * 256 + b"=" + b"v" * 256], True),
        ([b"t" * 241 + b"@" + b"s" * 14 + b"=1"], True),
        ([b"0t@s=1"], True),
        ([b"a_-*/9=!~"], True),
        ([b"a= b"], True),
        ([b",".join(b"k%d=1" % n for n in range(32))], True),
        ([b",".join(b"k%d=1" % n for n in range(33))], False),
        ([b",".join(b"k%d=1" % n for n in range(20)), b",".join(b"j%d=1" % n for n in range(20))], False),
        ([b"a=1,a=2"], False),
        ([b"a=1", b"a=1"], False),
        ([], False),
        ([b""], False),
        ([b" , "], False),
        ([b"a"], False),
        ([b"a="], False),
        ([b"=1"], False),
        ([b"A=1"], False),
        ([b"0a=1"], False),
        ([b"a b=1"], False),
        ([b"a=1=2"], False),
        ([b"a=\x80"], False),
        ([b"a=x\ty"], False),
        ([b"a" * 257 + b"=1"], False),
        ([b"a=" + b"v" * 257], False),
        ([b"t" * 242 + b"@s=1"], False),
        ([b"t@" + b"s" * 15 + b"=1"], False),
        ([b"t@0s=1"], False),
        ([b"t@s@u=1"], False),
        ([b"@s=1"], False),
        ([b"t@=1"], False),
    ],
)
def test_tracestate(values, sound):
    assert tracestate(values) is sound


@pytest.mark.parametrize(
    ("networks", "address", "held"),
    [
        ([], "10.0.0.1", False),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", True),
        (["10.0.0.1"], "10.0.0.1", True),
        (["0.0.0.0/0"], "255.1.2.3", True),
        (["0.0.0.0/0"], "::1", False),
        (["::/0"], "10.0.0.1", True),
        (["2001:db8::/33"], "2001:db8:7fff::1", True),
        (["2001:db8::/33"], "2001:db8:8000::1", False),
        (["192.0.2.0/24", "::1/128"], "::1", True),
        (["192.0.2.0/24"], "no address", False),
    ],
)
def test_networks(networks, address, held):
    assert Networks(networks).holds(address) is held


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "a", "", "::1/129"])
def test_what_is_no_network(text):
    with pytest.raises(ValueError, match=r"."):
        Networks([text])
