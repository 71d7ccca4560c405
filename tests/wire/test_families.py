"""A socket of both families: a client of IPv4 is told of, logged, trusted and taken for a balancer as on one of IPv4."""

from __future__ import annotations

import json
import socket
import struct
from ipaddress import ip_address

import pytest

from agw._fastpath.access_log import AccessLog
from agw._fastpath.forwarding import Forwarding
from tests.wire.gateway import OK, replies, serving, until

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
HERE = {"127.0.0.1": "127.0.0.0/8", "::1": "::1/128"}
FAMILIES = [
    "127.0.0.1",
    pytest.param("::1", marks=pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6")),
]


def other(at):
    """A network of the other family."""
    return next(network for address, network in HERE.items() if address != at)


async def exchange(at, data=GET, path=None, **options):
    """Send one request to a socket of both families; give what reached the agent, and what the access log has."""
    async with serving(replies(OK), everywhere=True, **options) as gateway:
        if path is not None:
            gateway.reactor.log_access(AccessLog(str(path), -1, counters=gateway.counters))
        client = await gateway.client(data, at)
        assert (await client.response()).status == 200
        [request] = gateway.requests()
        if path is None:
            return request, {}
        await until(lambda: path.read_text().count("\n") == 1, "a line")
        return request, json.loads(path.read_text())


@pytest.mark.parametrize("at", FAMILIES)
async def test_its_address_is_told_and_logged(at, tmp_path):
    request, told = await exchange(at, path=tmp_path / "log", forwarding=Forwarding(forwarded=True))
    assert request.one("x-forwarded-for") == at.encode()
    node = f'for="[{at}]";' if ":" in at else f"for={at};"
    assert request.one("forwarded").startswith(node.encode())
    host, _, port = told["peer"].rpartition(":")
    assert host == (f"[{at}]" if ":" in at else at)
    assert port.isdigit()


@pytest.mark.parametrize("at", FAMILIES)
async def test_it_is_trusted_by_a_network_of_its_own_family(at):
    request, _ = await exchange(at, forwarding=Forwarding([HERE[at]], 1))
    assert request.one("x-forwarded-for") == f"192.0.2.7, {at}".encode()
    request, _ = await exchange(at, forwarding=Forwarding([other(at)], 1))
    assert request.one("x-forwarded-for") == at.encode()


def proxy_header(source):
    """A PROXY header of version 2 with this source, mapped where it is of IPv4, as a balancer with such a socket sends."""
    address = ip_address(source)
    packed = address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed
    block = packed + bytes(16) + struct.pack("!HH", 4711, 80)
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x21, len(block)) + block


@pytest.mark.parametrize("at", FAMILIES)
@pytest.mark.parametrize("source", ["192.0.2.9", "2001:db8::9"])
async def test_a_balancer_of_either_family_may_speak_for_a_client_of_either(at, source, tmp_path):
    data = proxy_header(source) + GET
    request, told = await exchange(at, data, tmp_path / "log", proxies=[HERE[at]])
    assert request.one("x-forwarded-for") == source.encode()
    assert told["peer"] == (f"[{source}]:4711" if ":" in source else f"{source}:4711")


@pytest.mark.parametrize("at", FAMILIES)
async def test_a_balancer_is_known_by_a_network_of_its_own_family(at):
    request, _ = await exchange(at, proxies=[other(at)])
    assert request.one("x-forwarded-for") == at.encode()
