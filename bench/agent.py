"""A small A2A agent for load: a card, one-answer messages and event streams, in both protocol generations' names.

Why not an SDK's agent: it would be the slowest part of every run, and the run is about the gateway. It keeps no tasks
and understands only the messages of bench/locustfile.py. The card names the address that the agent listens on, so a
client that believes a card which the gateway did not rewrite goes past the gateway, and is noticed.

    python -m bench.agent 127.0.0.1:9999 [EVENTS] [INTERVAL_MS]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")
SEND = ("message/send", "SendMessage")
STREAM = ("message/stream", "SendStreamingMessage")


@dataclass(frozen=True, slots=True)
class Agent:
    """What the agent is. base: its own URL; events: per stream; interval: seconds between them."""

    base: str
    events: int = 5
    interval: float = 0.02


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived whole."""

    method: str
    path: str
    body: bytes


def card(agent: Agent) -> dict[str, object]:
    """The agent card, with the endpoints of both generations."""
    return {
        "name": "Bench Agent",
        "description": "Answers at once",
        "version": "1.0.0",
        "protocolVersion": "0.3.0",
        "url": f"{agent.base}/",
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": [{"url": f"{agent.base}/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "capabilities": {"streaming": True},
        "defaultInputModes": ["text"],
        "defaultOutputModes": ["text"],
        "skills": [{"id": "echo", "name": "Echo", "description": "Says hello", "tags": []}],
    }


def message(number: int) -> dict[str, object]:
    """An agent's message; number: which of a stream it is, from 1."""
    return {
        "kind": "message",
        "role": "agent",
        "messageId": f"answer-{number}",
        "parts": [{"kind": "text", "text": f"Hello {number}"}],
    }


def rpc(identity: object, result: object) -> bytes:
    """A JSON-RPC response."""
    return json.dumps({"jsonrpc": "2.0", "id": identity, "result": result}).encode()


def whole(status: str, body: bytes) -> bytes:
    """A response with a length."""
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def chunk(data: bytes) -> bytes:
    """A chunk of a body; of nothing, the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request; IncompleteReadError when there is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _version = line.split(" ")
    values = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    body = await reader.readexactly(int(values.get("content-length", "0")))
    return Request(method, target.partition("?")[0], body)


async def stream(agent: Agent, identity: object, writer: asyncio.StreamWriter) -> None:
    """An event stream: the first event at once, the others at the interval."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for number in range(1, agent.events + 1):
        if number > 1:
            await asyncio.sleep(agent.interval)
        writer.write(chunk(b"data: %b\n\n" % rpc(identity, message(number))))
        await writer.drain()
    writer.write(chunk(b""))


async def answer(agent: Agent, request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    if request.method == "GET" and request.path in CARD_PATHS:
        writer.write(whole("200 OK", json.dumps(card(agent)).encode()))
        return
    call = json.loads(request.body) if request.method == "POST" and request.body else {}
    if call.get("method") in STREAM:
        await stream(agent, call.get("id"), writer)
    elif call.get("method") in SEND:
        writer.write(whole("200 OK", rpc(call.get("id"), message(1))))
    else:
        writer.write(whole("404 Not Found", b"{}"))


async def converse(agent: Agent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until the client is done with it."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
        while True:
            await answer(agent, await read_request(reader), writer)
            await writer.drain()


async def serve(agent: Agent, host: str, port: int) -> None:
    """Listen until cancelled."""
    server = await asyncio.start_server(
        lambda reader, writer: converse(agent, reader, writer), host, port, backlog=1024
    )
    async with server:
        await server.serve_forever()


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted; 2 on wrong usage."""
    if not 1 <= len(arguments) <= 3 or ":" not in arguments[0]:
        print("usage: python -m bench.agent HOST:PORT [EVENTS] [INTERVAL_MS]", file=sys.stderr)
        return 2
    host, _, port = arguments[0].rpartition(":")
    numbers = [int(argument) for argument in arguments[1:]] + [5, 20][len(arguments) - 1 :]
    agent = Agent(f"http://{arguments[0]}", numbers[0], numbers[1] / 1000)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(agent, host, int(port)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
