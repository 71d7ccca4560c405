"""What is asked of the proxies, as data: the requests in their exact bytes, the answer, how many clients.

A scenario's requests are rendered here, once, so that the load generator has nothing to do but send them. Sizes are of
bodies: a 300-byte JSON-RPC message and a 130-byte result; the heads come on top, with the fields that Python's A2A SDK
sends through httpx, since fields are most of what a proxy has to read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

KEYS = ("key-value-foo", "key-value-bar")  # as in the seed's Secret


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of traffic. requests: sent in turn, over all connections. reply: bytes of the answer's body.

    fresh: each request has a connection of its own, and says so. rate: requests are sent at fixed times, that many a
    second; 0: as soon as a connection is free. events: an answer is an event stream of so many events, one each
    interval_us, and `reply` says nothing.
    """

    name: str
    about: str
    requests: tuple[bytes, ...]
    connections: int = 32
    reply: int = 130
    fresh: bool = False
    rate: int = 0
    events: int = 0
    interval_us: int = 10_000


def body(size: int) -> bytes:
    """A JSON-RPC message/send of exactly `size` bytes."""
    front = (
        b'{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{"kind":"message","role":"user",'
        b'"messageId":"6dbc13b5-bd57-4c2b-b503-24e381b6c8d6","parts":[{"kind":"text","text":"'
    )
    back = b'"}]}}}'
    room = size - len(front) - len(back)
    if room < 0:
        message = f"a message takes at least {size - room} bytes"
        raise ValueError(message)
    return front + b"x" * room + back


def request(
    size: int = 300, *, key: str = "", host: str = "agents.example.com", path: str = "/", last: bool = False
) -> bytes:
    """A whole request, as httpx writes it: a POST with a body of `size` bytes, with 0 a GET.

    key: an API key, sent as a bearer token. last: it asks that the connection be closed behind its answer.
    """
    fields = [
        f"{'POST' if size else 'GET'} {path} HTTP/1.1",
        f"Host: {host}",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        f"Connection: {'close' if last else 'keep-alive'}",
        "User-Agent: python-httpx/0.28.1",
    ]
    if size:
        fields += [f"Content-Length: {size}", "Content-Type: application/json"]
    if key:
        fields.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*fields, "", ""]).encode() + (body(size) if size else b"")


def post(size: int = 300, *, key: str = "", host: str = "agents.example.com", path: str = "/") -> bytes:
    """A whole POST with a body of `size` bytes."""
    return request(size, key=key, host=host, path=path)


def script(requests: Sequence[bytes]) -> bytes:
    """The file that `load` sends from: each request behind its size."""
    return b"".join(struct.pack("<I", len(request)) + request for request in requests)
