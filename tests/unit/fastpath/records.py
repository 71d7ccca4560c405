"""Records made byte for byte after the layout in record.pxd: it is a format between processes, so a change must show."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

HEADER, SLOTS, SIZE = 64, 64, 912
LAYOUT = struct.Struct("<HHBBBBQqqqQQqQ16s16sHHHHHBBBBBBBBBBB3x32s144s128s128s64s128s16s144s")
VALUES = {
    "version": 5,
    "size": SIZE,
    "kind": 0,
    "reason": 3,
    "flags": 0,
    "operation": 1,
    "sequence": 1,
    "started": 1_700_000_000_123_456_789,
    "first_byte": 250,
    "total": 1200,
    "request_bytes": 300,
    "response_bytes": 130,
    "first_event": 400,
    "events": 7,
    "peer": IPv6Address("::ffff:192.0.2.1").packed,
    "endpoint": IPv6Address("2001:db8::1").packed,
    "status": 401,
    "port": 80,
    "peer_port": 50000,
    "endpoint_port": 8000,
    "rule": 3,
}
TEXTS = {
    "trace_id": b"0af7651916cd43dd8448eb211c80319c",
    "route": b"HTTPRoute/default/r",
    "listener": b"default/gw/http",
    "backend": b"Backend/default/b",
    "consumer": b"alice",
    "request_id": b"abc-1",
    "method": b"GET",
    "path": b"/a/b",
}
ROOMS = {
    "trace_id": 32,
    "route": 144,
    "listener": 128,
    "backend": 128,
    "consumer": 64,
    "request_id": 128,
    "method": 16,
    "path": 144,
}
NAMES = [
    *VALUES,
    *(f"{name}_len" for name in [*list(TEXTS)[1:], "trace_id"]),
    "task_state",
    "affinity",
    "a2a_version",
    *TEXTS,
]


def record(sequence, **changes):
    """Make a record; a text has its length with it unless `NAME_len` says another."""
    values = {**VALUES, "task_state": 4, "affinity": 0, "a2a_version": 0, **TEXTS, **changes, "sequence": sequence}
    lengths = {f"{name}_len": len(values[name]) for name in TEXTS}
    return LAYOUT.pack(*({**lengths, **values}[name] for name in NAMES))
