"""The functions that every request passes through, as loops to time and to count: n calls each.

A row of `functions()` is a name and a callable that makes n calls in compiled code and gives something true when they did
their work. What they work on is what the rig sends: the requests of bench/scenario.py, and answers as agents write them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from agw._fastpath.keys import KeySet
from agw._fastpath.limits import Buckets, own_memory
from agw._fastpath.table import Lookups, compile_table
from agw.snapshot.model import (
    Attachment,
    Backend,
    Credential,
    Entry,
    Limit,
    Listener,
    Match,
    PathMatch,
    Rule,
    WeightedBackend,
)
from bench.manifests import place
from bench.micro.native import loops
from bench.scenario import KEYS, body, post

CALLS = 1_000  # n is a multiple of this
ROUTES = 1_000
ASKED = 100  # routes, one after the other
END = b"\r\n\r\n"

REQUEST = post(key=KEYS[0], host=place(0)[0], path=f"{place(0)[1]}/v1/rpc").partition(END)[0] + END
RESPONSE = (
    b"HTTP/1.1 200 OK\r\n"
    b"date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    b"server: uvicorn\r\n"
    b"content-length: 130\r\n"
    b"content-type: application/json\r\n"
    b"\r\n"
)
EVENT = b'data: {"jsonrpc":"2.0","id":1,"result":{"kind":"status-update","taskId":"t","contextId":"c","final":false}}\r\n\r\n'
CHUNKED = (b"%x\r\n%s\r\n" % (len(EVENT), EVENT)) * 4 + b"0\r\n\r\n"

Loop = Callable[[int], object]


def table_of(routes: int) -> dict[str, Entry]:
    """A fleet, as bench/manifests.py writes it, in the form that tables are compiled from."""
    listener = "listener/n/g/http"
    entries: dict[str, Entry] = {listener: Listener("n/g", "http", 80), "backend/Backend/n/b": Backend("n/b")}
    for number in range(routes):
        host, path = place(number)
        entries[f"rule/HTTPRoute/n/r{number}/0"] = Rule(
            f"n/r{number}",
            0,
            (Attachment(listener, (host,)),),
            (Match(PathMatch("PathPrefix", path)),),
            (WeightedBackend("backend/Backend/n/b"),),
        )
    return entries


def route_match() -> Loop:
    """Find the rule among a thousand."""
    places = (place(number * (ROUTES // ASKED)) for number in range(ASKED))
    fields = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"300")]
    asks = [(b"POST", host.encode(), path.encode() + b"/v1/rpc", None, fields) for host, path in places]
    lookups = Lookups(compile_table(table_of(ROUTES)), 80, asks)
    return lambda calls: lookups.bench_lookup(calls // ASKED) == calls


def key_check() -> Loop:
    """Find the consumer of a key among two."""
    keys = [key.encode() for key in KEYS]
    known = KeySet([Credential(key.decode(), hashlib.sha256(key).digest()) for key in keys])
    return lambda calls: known.bench_lookup(keys, calls // len(keys)) == calls


def functions() -> Mapping[str, Loop]:
    """All of them, in the order in which a request meets them."""
    native = loops()
    buckets = Buckets(own_memory(1 << 20))
    limits = (Limit(requests=1_000_000, window_s=1, burst=1_000_000, per="Route"),)
    message = body(300)
    return {
        "request_head": lambda calls: native.request_head(REQUEST, calls),
        "route_match": route_match(),
        "key_check": key_check(),
        "limit_take": lambda calls: native.limit_take(buckets, limits, b"n/r0", calls) == calls,
        "envelope": lambda calls: native.envelope(message, calls),
        "write_request": lambda calls: native.write_request(REQUEST, calls),
        "response_head": lambda calls: native.response_head(RESPONSE, calls),
        "chunked_body": lambda calls: native.chunked_body(CHUNKED, calls),
        "write_response": lambda calls: native.write_response(RESPONSE, calls),
    }
