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
    """One kind of traffic. reply: bytes of the answer's body. requests: sent in turn, over all connections."""

    name: str
    about: str
    requests: tuple[bytes, ...]
    connections: int = 32
    reply: int = 130


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


def post(size: int = 300, *, key: str = "", host: str = "agents.example.com", path: str = "/") -> bytes:
    """A whole POST with a body of `size` bytes, as httpx writes it; key: an API key, sent as a bearer token."""
    fields = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "User-Agent: python-httpx/0.28.1",
        f"Content-Length: {size}",
        "Content-Type: application/json",
    ]
    if key:
        fields.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*fields, "", ""]).encode() + body(size)


def script(requests: Sequence[bytes]) -> bytes:
    """The file that `load` sends from: each request behind its size."""
    return b"".join(struct.pack("<I", len(request)) + request for request in requests)


POST300 = Scenario(
    name="post300",
    about="300-byte POST, 130-byte reply, keep-alive, 32 connections, API key authentication with 2 keys",
    requests=tuple(post(key=key) for key in KEYS),
)
SCENARIOS = {scenario.name: scenario for scenario in (POST300,)}
