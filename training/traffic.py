"""What clients ask while the gateway is trained, and what agents answer: rows of data, drawn by their weight.

A client says in X-Answer what its agent is to answer, with a seed, so that an agent needs to know nothing. Weights are of a hundred,
roughly, and follow what gateways for agents see: mostly messages of some hundred bytes with a key, then polls and
streams, some plain HTTP, few large bodies, and a steady trickle of what is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from training.served import KEYS, SITES, TEAMS, key

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. statuses: that may come back. last: it ends its connection. tunnel: bytes of both sides follow it."""

    data: bytes
    statuses: tuple[int, ...] = (200,)
    last: bool = False
    head: bool = False
    tunnel: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the mix."""

    name: str
    weight: float
    make: Callable[[Random], Ask]


# What some HTTP libraries send of themselves.
LIBRARIES = (
    ("accept: application/json, text/event-stream", "accept-encoding: gzip, deflate", "user-agent: agents/2.3 python"),
    ("Accept: */*", "Accept-Encoding: gzip, deflate, br, zstd", "Connection: keep-alive", "User-Agent: py-client/0.9"),
    ("accept: */*", "accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate"),
    ("User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"),
    ("User-Agent: curl/8.5.0", "Accept: */*"),
    ("User-Agent: Java-http-client/21.0.2", "Accept: application/json", "X-Request-ID: 5f0c1f4e-2d1b-4ad8-9a3f"),
    (
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36",
        'sec-ch-ua: "Chromium";v="128", "Not;A=Brand";v="24"',
        "Accept: application/json, text/plain, */*",
        "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
        "Accept-Encoding: gzip, deflate, br",
        "Cookie: session=8d1f0c6a9b; theme=dark; consent=1",
        "Referer: https://app.training.test/console/agents?view=all",
        "Sec-Fetch-Site: same-site",
        "Connection: keep-alive",
    ),
)
TRACED = ("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: vendor=t61rcWkgMzE")
PASSED = ("X-Forwarded-For: 198.51.100.7, 10.1.2.3", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.training.test")
WORDS = ("plan", "a", "trip", "to", "the", "coast", "in", "May", "für", "zwei", 'with "quotes"', "and\nlines", "€ 20")


def text(random: Random, size: int) -> str:
    """About so many characters of something like language."""
    words: list[str] = []
    while size > 0:
        words.append(random.choice(WORDS))
        size -= len(words[-1]) + 1
    return " ".join(words)


def identity(random: Random) -> str:
    """A UUID, or nearly."""
    digits = f"{random.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def written(method: str, target: str, host: str, lines: tuple[str, ...], body: bytes = b"") -> bytes:
    """A request's bytes; a body is announced by its length."""
    length = (f"Content-Length: {len(body)}",) if body or method in {"POST", "PUT"} else ()
    return "\r\n".join((f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, *length, "", "")).encode() + body


def lines(random: Random, answer: str, *more: str) -> tuple[str, ...]:
    """The fields of one library, and of ours."""
    traced = TRACED if random.random() < 0.25 else ()
    passed = PASSED if random.random() < 0.25 else ()
    return (*random.choice(LIBRARIES), *traced, *passed, *more, f"X-Answer: {answer} {random.getrandbits(24)}")


def credential(random: Random, number: int | None = None) -> str:
    """A key where most clients put it."""
    known = key(random.randrange(2, KEYS) if number is None else number)
    return f"Authorization: Bearer {known}" if random.random() < 0.8 else f"X-API-Key: {known}"


def team(random: Random, rest: str = "") -> str:
    """The path of an agent."""
    return f"/teams/{random.randrange(TEAMS)}{rest}"


# --- A2A --------------------------------------------------------------------------------------------------------------


def message(random: Random, method: str, size: int) -> Message:
    """A message to an agent, in either generation's words."""
    old = "/" in method
    part = {"kind": "text", "text": text(random, size)} if old else {"text": text(random, size)}
    inner: Message = {"messageId": identity(random), "role": "user" if old else "ROLE_USER", "parts": [part]}
    if random.random() < 0.6:
        inner["contextId"] = f"ctx-{random.randrange(200)}"
    if random.random() < 0.3:
        inner["taskId"] = f"task-{random.randrange(200)}"
    if random.random() < 0.2:
        inner["metadata"] = {"locale": "en", "depth": [1, 2, {"three": None}], "ok": True, "ratio": 0.25}
    return {"message": inner, "configuration": {"acceptedOutputModes": ["text"], "blocking": True}}


def rpc(random: Random, method: str, params: Message) -> bytes:
    """A JSON-RPC request, compact as SDKs write it, or spaced."""
    whole = {"jsonrpc": "2.0", "id": random.choice((1, identity(random))), "method": method, "params": params}
    separators = (",", ":") if random.random() < 0.8 else (", ", ": ")
    return json.dumps(whole, separators=separators, ensure_ascii=random.random() < 0.5).encode()


def asking(random: Random, body: bytes, answer: str, rest: str = "") -> Ask:
    """A POST of JSON to some team's agent."""
    version = ("A2A-Version: 1.0",) if random.random() < 0.4 else ()
    fields = lines(random, answer, "Content-Type: application/json", credential(random), *version)
    return Ask(written("POST", team(random, rest), "agents.training.test", fields, body))


def send(random: Random) -> Ask:
    """A message that is answered at once."""
    method = random.choice(("message/send", "message/send", "SendMessage"))
    size = random.choice((20, 60, 150, 400, 1200, 5000))
    return asking(random, rpc(random, method, message(random, method, size)), random.choice(("task", "said", "long")))


def stream(random: Random) -> Ask:
    """A message that is answered by events."""
    method = random.choice(("message/stream", "SendStreamingMessage"))
    return asking(
        random, rpc(random, method, message(random, method, 200)), random.choice(("events", "burst", "quiet"))
    )


def poll(random: Random) -> Ask:
    """A look at a task."""
    method = random.choice(("tasks/get", "GetTask", "tasks/cancel", "CancelTask"))
    return asking(random, rpc(random, method, {"id": f"task-{random.randrange(200)}", "historyLength": 3}), "task")


def rest(random: Random) -> Ask:
    """HTTP+JSON."""
    if random.random() < 0.5:
        body = json.dumps(message(random, "SendMessage", 200)).encode()
        return asking(random, body, "task", random.choice(("/v1/message:send", "/message:send")))
    fields = lines(random, "task", credential(random))
    return Ask(written("GET", team(random, f"/v1/tasks/task-{random.randrange(200)}"), "agents.training.test", fields))


def card(random: Random) -> Ask:
    """An agent card."""
    fields = lines(random, "card", credential(random))
    where = random.choice(("/.well-known/agent-card.json", "/.well-known/agent.json"))
    return Ask(written("GET", team(random, where), "agents.training.test", fields))


# --- plain HTTP -------------------------------------------------------------------------------------------------------


def site(random: Random) -> str:
    """A host of its own."""
    number = random.randrange(SITES)
    return random.choice((f"site-{number}.training.test", f"tenant-{number}.apps.training.test"))


def get(random: Random) -> Ask:
    """A GET, sometimes through a query that is none of ours."""
    query = f"?page={random.randrange(9)}&q=caf%C3%A9+now&sort=-date" if random.random() < 0.4 else ""
    target = random.choice(
        ("/", "/index.html", f"/assets/app.{random.getrandbits(32):08x}.js", "/a/./b/../c", "/%7Eme/x")
    )
    answer = random.choice(("said", "page", "chunks", "none", "same", "until"))
    statuses = {"none": (204,), "same": (304,)}.get(answer, (200,))
    return Ask(written("GET", target + query, site(random), lines(random, answer)), statuses, last=answer == "until")


def look(random: Random) -> Ask:
    """A HEAD."""
    return Ask(written("HEAD", "/", site(random), lines(random, "page")), head=True)


def put(random: Random) -> Ask:
    """A form, a document, now and then in chunks."""
    body = text(random, random.choice((30, 300, 2000, 12000))).encode()
    fields = lines(random, "said", "Content-Type: text/plain; charset=utf-8")
    method = random.choice(("POST", "PUT", "PATCH"))
    if random.random() < 0.3:
        coded = (*fields, "Transfer-Encoding: chunked")
        head = "\r\n".join((f"{method} /documents HTTP/1.1", f"Host: {site(random)}", *coded, "", "")).encode()
        return Ask(head + chunked(random, body))
    return Ask(written(method, "/documents", site(random), fields, body))


def upload(random: Random) -> Ask:
    """A file."""
    body = random.randbytes(4096) * random.choice((8, 32, 128))
    expect = ("Expect: 100-continue",) if random.random() < 0.2 else ()
    fields = lines(random, "said", "Content-Type: application/octet-stream", *expect)
    return Ask(written("POST", "/files", site(random), fields, body))


def attachment(random: Random) -> Ask:
    """A file within a message to an agent."""
    params = message(random, "message/send", 100)
    params["message"]["parts"].append({"kind": "file", "file": {"bytes": "QUJD" * random.choice((2_000, 20_000))}})
    return asking(random, rpc(random, "message/send", params), "task")


def download(random: Random) -> Ask:
    """A large answer."""
    return Ask(written("GET", "/files/1", site(random), lines(random, random.choice(("file", "chunked-file")))))


def once(random: Random) -> Ask:
    """A request on a connection of its own."""
    ask = get(random) if random.random() < 0.5 else send(random)
    line, _, others = ask.data.partition(b"\r\n")
    kept = others.replace(b"Connection: keep-alive\r\n", b"", 1)
    return Ask(line + b"\r\nConnection: close\r\n" + kept, ask.statuses, last=True)


def pick(random: Random) -> Ask:
    """What is chosen by more than host and path."""
    host, target, more = random.choice(
        (
            ("site-3.training.test", "/picky/x?region=eu&a=b", ("X-Tier: gold",)),
            ("site-2.training.test", "/v2/items/77", ()),
            ("site-1.training.test", "/healthz", ()),
            ("unheard-of.test", "/anywhere", ()),
        )
    )
    return Ask(written("POST", target, host, lines(random, "said", *more), b"{}"))


def odd(random: Random) -> Ask:
    """The rules that do more than forward."""
    where, answer, statuses, more = random.choice(
        (
            ("/moved", "said", (301,), ()),
            ("/edited", "said", (200,), ("X-Internal: 1",)),
            ("/copied", "said", (200,), ()),
            ("/shared", "said", (200,), ("Origin: https://app.training.test",)),
            ("/again", "sorry", (500,), ()),
            ("/dead", "said", (200, 502, 503), ()),
        )
    )
    return Ask(written("GET", where, "odd.training.test", lines(random, answer, *more)), statuses)


def preflight(random: Random) -> Ask:
    """What a browser asks before it asks."""
    fields = lines(random, "said", "Origin: https://app.training.test", "Access-Control-Request-Method: POST")
    return Ask(written("OPTIONS", "/shared/x", "odd.training.test", fields), (200, 204))


def tunnel(random: Random) -> Ask:
    """A WebSocket."""
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    fields = (*upgrade, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "X-Answer: switch 0")
    return Ask(written("GET", "/socket", site(random), fields), (101,), last=True, tunnel=True)


# --- refused, failed --------------------------------------------------------------------------------------------------


def refused(random: Random) -> Ask:
    """Without a key, with a wrong one, without a route, without a right, over a limit, without a backend."""
    wrong = "Authorization: Bearer sk-train-0000-wrong"
    denied = written(
        "POST",
        "/teams/1",
        "agents.training.test",
        lines(random, "said", "Content-Type: application/json", credential(random, 1)),
        rpc(random, "message/send", message(random, "message/send", 50)),
    )
    return random.choice(
        (
            Ask(written("GET", "/teams/0", "agents.training.test", lines(random, "said", wrong)), (401,)),
            Ask(written("GET", "/teams/0", "agents.training.test", lines(random, "said")), (401,)),
            Ask(written("GET", "/nowhere", "agents.training.test", lines(random, "said")), (404,)),
            Ask(denied, (200, 403)),
            Ask(written("GET", "/spent", "odd.training.test", lines(random, "said")), (200, 429)),
            Ask(written("GET", "/broken", "odd.training.test", lines(random, "said")), (500,)),
        )
    )


def malformed(random: Random) -> Ask:
    """What scanners and bugs send."""
    return Ask(
        random.choice(
            (
                b"GET / HTTP/1.1\r\n\r\n",
                b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
            )
        ),
        (400,),
        last=True,
    )


def failing(random: Random) -> Ask:
    """An agent that fails, or ends its connection behind an answer."""
    answer = random.choice(("sorry", "cut", "gone", "closing"))
    statuses = {"sorry": (500,), "gone": (502,), "cut": (200, 502), "closing": (200,)}[answer]
    return Ask(written("GET", "/", site(random), lines(random, answer)), statuses, last=answer == "cut")


MIX = (
    Kind("send", 34, send),
    Kind("poll", 10, poll),
    Kind("stream", 8, stream),
    Kind("rest", 6, rest),
    Kind("get", 10, get),
    Kind("put", 7, put),
    Kind("once", 5, once),
    Kind("pick", 3, pick),
    Kind("odd", 3, odd),
    Kind("refused", 3, refused),
    Kind("card", 2, card),
    Kind("attachment", 2, attachment),
    Kind("look", 1, look),
    Kind("upload", 1, upload),
    Kind("download", 1, download),
    Kind("preflight", 1, preflight),
    Kind("failing", 1, failing),
    Kind("malformed", 1, malformed),
    Kind("tunnel", 0.5, tunnel),
)


def chunked(random: Random, body: bytes) -> bytes:
    """A body in the chunked coding."""
    coded = []
    while body:
        piece, body = body[: (size := random.choice((50, 700, 8000)))], body[size:]
        coded.append(b"%x\r\n%b\r\n" % (len(piece), piece))
    return b"".join((*coded, b"0\r\n\r\n"))
