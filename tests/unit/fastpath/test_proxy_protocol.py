"""The PROXY header: every form, every cut, and what is refused."""

import ipaddress
import struct

import pytest

from agw._fastpath.proxy_protocol import proxy_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REFUSED = 2


def header(block=b"", *, command=0x21, family=0x00, length=None):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(block) if length is None else length) + block


def tcp(source, port, *, values=b""):
    address = ipaddress.ip_address(source)
    ports = struct.pack(">HH", port, 443)
    return header(address.packed * 2 + ports + values, family=0x11 if address.version == 4 else 0x21)


ACCEPTED = {
    "IPv4": (tcp("192.0.2.1", 50_000), ("192.0.2.1", 50_000)),
    "IPv6": (tcp("2001:db8::1", 1), ("2001:db8::1", 1)),
    "IPv4 in IPv6": (tcp("::ffff:192.0.2.1", 2), ("192.0.2.1", 2)),
    "values": (tcp("192.0.2.1", 3, values=b"\x04\x00\x02ab\x20\x00\x00"), ("192.0.2.1", 3)),
    "a long value": (tcp("192.0.2.1", 4, values=b"\xea" + struct.pack(">H", 4000) + b"x" * 4000), ("192.0.2.1", 4)),
    "local": (header(command=0x20), ("", 0)),
    "local with a block": (header(b"anything", command=0x20, family=0x77), ("", 0)),
    "unspecified": (header(b"anything"), ("", 0)),
    "Unix": (header(b"/" * 216, family=0x31), ("", 0)),
    "Unix with values": (header(b"/" * 216 + b"\x01\x00\x01x", family=0x31), ("", 0)),
}


@pytest.mark.parametrize(("data", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_at_the_last_byte_and_not_before(data, expected):
    for size in range(len(data)):
        assert proxy_header(data[:size]) is None, size
    assert proxy_header(data) == (*expected, len(data))
    assert proxy_header(data + b"GET / HTTP/1.1\r\n") == (*expected, len(data))


BAD = {
    "version 1": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "a request": b"GET / HTTP/1.1\r\n",
    "empty lines": b"\r\n\r\nGET / HTTP/1.1\r\n",
    "other signature": SIGNATURE[:-1] + b"\r\x21\x11\0\0",
    "version 1 in binary": header(command=0x11),
    "version 3": header(command=0x31),
    "unknown command": header(command=0x22),
    "datagrams": header(b"\0" * 12, family=0x12),
    "unknown family": header(b"\0" * 12, family=0x41),
    "unknown transport": header(b"\0" * 12, family=0x13),
    "a family without a transport": header(b"\0" * 12, family=0x10),
    "IPv4 too short": header(b"\0" * 11, family=0x11),
    "IPv6 too short": header(b"\0" * 35, family=0x21),
    "Unix too short": header(b"\0" * 215, family=0x31),
    "a value that runs over": tcp("192.0.2.1", 1, values=b"\x04\x00\x05ab"),
    "a value without its length": tcp("192.0.2.1", 1, values=b"\x04\x00"),
    "too long": header(length=4081, family=0x11),
    "far too long": header(length=65_535, command=0x20),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_refused_and_never_taken_back(data):
    assert proxy_header(data) == REFUSED
    answers = [proxy_header(data[:size]) for size in range(len(data) + 1)]
    assert answers == [None] * answers.index(REFUSED) + [REFUSED] * (len(answers) - answers.index(REFUSED))
