"""What agents answer while the gateway is trained, by the name that a request gives in X-Answer, from the seed beside it.

An answer is in pieces, of which an agent sends one when its turn comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from training.traffic import chunked, identity, text

END = b""  # in place of a piece: the connection ends here
DATE = b"date: Tue, 02 Jun 2026 10:11:12 GMT\r\n"
SERVERS = (
    DATE + b"server: uvicorn\r\n",
    b'X-Powered-By: Express\r\nETag: W/"1a-8f3"\r\nDate: Tue, 02 Jun 2026 10:11:12 GMT\r\nKeep-Alive: timeout=5\r\n',
    b"Server: hypercorn-h11\r\n" + DATE.title(),
    DATE
    + b"x-request-id: 77\r\nvary: Accept-Encoding\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n",
)
CARD = json.dumps(
    {
        "name": "Trained agent",
        "description": "It answers whatever it is told to.",
        "url": "http://agent.internal:80/",
        "version": "1.0.0",
        "capabilities": {"streaming": True},
        "skills": [{"id": f"skill-{number}", "name": "A skill", "tags": ["a", "b"]} for number in range(12)],
    }
).encode()


def whole(random: Random, body: bytes, media: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    """An answer with its length."""
    head = b"HTTP/1.1 %b\r\n%bcontent-type: %b\r\ncontent-length: %d\r\n\r\n"
    return head % (status, random.choice(SERVERS), media, len(body)) + body


def coded(random: Random, body: bytes, media: bytes = b"text/html; charset=utf-8") -> bytes:
    """An answer in chunks."""
    head = b"HTTP/1.1 200 OK\r\n%bcontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
    return head % (random.choice(SERVERS), media) + chunked(random, body)


def task(random: Random, size: int = 80) -> bytes:
    """The result of an operation: a task of either generation, or a message."""
    number = random.randrange(200)
    old = random.random() < 0.6
    state = random.choice(("working", "completed") if old else ("TASK_STATE_WORKING", "TASK_STATE_COMPLETED"))
    found = {
        "id": f"task-{number}",
        "contextId": f"ctx-{number}",
        "status": {"state": state, "timestamp": "2026-06-02T10:11:12Z"},
        "artifacts": [{"artifactId": identity(random), "parts": [{"text": text(random, size)}]}],
    }
    result = {"kind": "task", **found} if old else {"task": found}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}, separators=(",", ":")).encode()


def events(random: Random, count: int) -> list[bytes]:
    """Events of a stream, each in a chunk of its own as servers write them."""
    found = []
    for _ in range(count):
        event = b"data: %b\r\n\r\n" % task(random, random.choice((10, 40, 300)))
        if random.random() < 0.1:
            event = b": ping\n\n"
        found.append(b"%x\r\n%b\r\n" % (len(event), event))
    return [*found, b"0\r\n\r\n"]


def stream(random: Random, count: int, together: int = 1) -> tuple[bytes, ...]:
    """An event stream: the head, then so many events in each piece."""
    head = b"HTTP/1.1 200 OK\r\n%bcontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    coming = events(random, count)
    pieces = (b"".join(coming[at : at + together]) for at in range(0, len(coming), together))
    return (head % random.choice(SERVERS), *pieces)


def bare(random: Random, status: bytes) -> bytes:
    """An answer without a body, or with one that ends with its connection."""
    return b"HTTP/1.1 " + status + b"\r\n" + random.choice(SERVERS) + b"\r\n"


def closing(random: Random) -> bytes:
    """An answer that is the last of its connection."""
    return whole(random, b"last").replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
BINARY = b"application/octet-stream"
ANSWERS: dict[str, Callable[[Random], tuple[bytes, ...]]] = {
    "said": lambda random: (whole(random, b'{"ok":true}'),),
    "task": lambda random: (whole(random, task(random)),),
    "long": lambda random: (whole(random, task(random, 4000)),),
    "events": lambda random: stream(random, 12),
    "quiet": lambda random: stream(random, 2),
    "burst": lambda random: stream(random, 20, together=5),
    "card": lambda random: (whole(random, CARD),),
    "page": lambda random: (whole(random, b"<p>" + text(random, 9000).encode(), b"text/html"),),
    "chunks": lambda random: (coded(random, text(random, 3000).encode()),),
    "file": lambda random: (whole(random, random.randbytes(1024) * 300, BINARY),),
    "chunked-file": lambda random: (coded(random, random.randbytes(1024) * 300, BINARY),),
    "none": lambda random: (bare(random, b"204 No Content"),),
    "same": lambda random: (bare(random, b"304 Not Modified"),),
    "until": lambda random: (bare(random, b"200 OK") + text(random, 500).encode(), END),
    "sorry": lambda random: (whole(random, b"oh", b"text/plain", b"500 Internal Server Error"),),
    "cut": lambda random: (whole(random, b"x" * 500)[:-100], END),
    "gone": lambda _: (END,),
    "closing": lambda random: (closing(random), END),
    "switch": lambda _: (SWITCH,),
}
