"""The demo's client: the seed's conversation through a gateway, by the official SDK: `python -m agw.demo.client`.

It writes `{"ready": true}` to stdout once it has imported the SDK, which it does while the gateway starts. Then it reads
one JSON line from stdin, `{"url": ..., "keys": [...]}`, and writes one JSON line a step:
`{"step": ..., "ok": true, "text": ...}`, the last one with the number of requests that it sent and the authorities
that they went to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.errors import AgentCardResolutionError
from a2a.helpers import get_stream_response_text, new_text_message
from a2a.types import AgentCard, Role, SendMessageRequest

TIMEOUT = 30.0  # seconds
REPLY = "Hello World"


@dataclass
class Conversation:
    """What was said, and where every request went."""

    url: str
    failed: bool = False
    sent: Counter[str] = field(default_factory=Counter)

    def http(self, key: str = "") -> httpx.AsyncClient:
        """Return an HTTP client that counts, with the key where there is one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(headers=headers, timeout=TIMEOUT, event_hooks={"request": [self._count]})

    async def _count(self, request: httpx.Request) -> None:
        self.sent[request.url.netloc.decode()] += 1

    def tell(self, step: str, text: str, *, ok: bool) -> None:
        """Write a step's line."""
        self.failed = self.failed or not ok
        _write({"step": step, "ok": ok, "text": text})

    async def without_key(self) -> None:
        """See that a client without a key is refused."""
        async with self.http() as http:
            try:
                card = await A2ACardResolver(http, self.url).get_agent_card()
            except AgentCardResolutionError as error:
                self.tell("no key", f"HTTP {error.status_code}", ok=error.status_code == httpx.codes.UNAUTHORIZED)
            else:
                self.tell("no key", f"let in: {card.name}", ok=False)

    async def with_key(self, key: str) -> None:
        """Card, blocking send and stream with a key."""
        async with self.http(key) as http:
            card = await A2ACardResolver(http, self.url).get_agent_card()
            self.tell(f"{key}: agent card", f"{card.name}: {_interfaces(card)}", ok=bool(card.name))
            for step, streaming in (("send", False), ("stream", True)):
                texts = await _ask(card, http, streaming=streaming)
                self.tell(f"{key}: {step}", f"hello -> {', '.join(texts) or 'nothing'}", ok=texts == [REPLY])


def _interfaces(card: AgentCard) -> str:
    spoken = ", ".join(f"{each.protocol_binding} {each.protocol_version}" for each in card.supported_interfaces)
    return f"{spoken}, at {', '.join(sorted({each.url for each in card.supported_interfaces}))}"


async def _ask(card: AgentCard, http: httpx.AsyncClient, *, streaming: bool) -> list[str]:
    """Send "hello" to where the card says, and return the texts of the answers."""
    client = ClientFactory(ClientConfig(streaming=streaming, httpx_client=http)).create(card)
    request = SendMessageRequest(message=new_text_message("hello", role=Role.ROLE_USER))
    return [get_stream_response_text(event) async for event in client.send_message(request)]


def _write(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


async def converse(url: str, keys: list[str]) -> bool:
    """Have the whole conversation; return whether every step went as it must."""
    conversation = Conversation(url)
    steps = [conversation.without_key(), *(conversation.with_key(key) for key in keys)]
    for number, step in enumerate(steps):
        try:
            await step
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what this step shows
            name = "no key" if number == 0 else keys[number - 1]
            conversation.tell(name, f"{type(error).__name__}: {error}", ok=False)
    _write({"requests": conversation.sent.total(), "sent_to": dict(conversation.sent)})
    return not conversation.failed


def main() -> None:
    """Read the one line, converse, and exit with 0 when all went well."""
    with contextlib.suppress(KeyboardInterrupt):
        _write({"ready": True})
        line = sys.stdin.readline()
        if line:
            asked = json.loads(line)
            sys.exit(0 if asyncio.run(converse(asked["url"], asked["keys"])) else 1)


if __name__ == "__main__":
    main()
