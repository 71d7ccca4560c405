"""Conversations by the line: what both clients share, and with those in ../javascript how they are asked and answer.

A line of JSON on stdin is a conversation with the agent whose card is at `url`, over the endpoint that the card names:

    url      where the card is
    binding  JSONRPC or HTTP+JSON
    key      null, or [how, key]: "bearer" and "api-key" go with every request, "card-only" with the card's alone, "by-card"
             too, and the SDK puts the key into calls where the card says so
    ack      where events are acknowledged, by name; without it nothing is acknowledged
    steps    [label, name, argument ..]: what to call, in this order

What came of it is a line of JSON on stdout:

    said     of each step what the SDK gave, or {"error": type, "text": .., "status": of HTTP, where the error has one};
             null where the SDK has no such call
    sent     the requests that went out: step, method, URL, A2A's fields, and what they were answered with
    error    the exception's type and text where there was no conversation

A step fails alone: the next ones are made all the same.
"""

import asyncio
import hashlib
import json
import ssl
import sys

import httpx

EXTENSION = "https://example.com/extensions/echo/v1"
WATCHED = ("a2a-version", "a2a-extensions", "x-a2a-extensions")
ANSWERED = ("content-type", "a2a-extensions", "x-a2a-extensions")
TLS = ssl.create_default_context()  # made once: it takes longer than a conversation


class Talk:
    """One conversation: where to, with which credentials, and what came of it."""

    def __init__(self, job, side):
        self.job = job
        self._side = side
        self.result = {"said": {}, "sent": [], "error": None}
        self._step = "card"
        self._at_head = None

    def http(self):
        """Make the HTTP client: the credentials that go with every request, and a record of what goes out."""
        how, key = self.job["key"] or ("", "")
        headers = {"bearer": {"Authorization": f"Bearer {key}"}, "api-key": {"X-API-Key": key}}.get(how, {})
        hooks = {"request": [self._on_request], "response": [self._on_response]}
        return httpx.AsyncClient(timeout=30, headers=headers, event_hooks=hooks, verify=TLS)

    def card_fields(self):
        """Give what the card request alone carries."""
        how, key = self.job["key"] or ("", "")
        return {"headers": {"X-API-Key": key}} if how in {"by-card", "card-only"} else {}

    def by_card(self):
        """Give the key that the SDK shall put where the card says, if any."""
        how, key = self.job["key"] or ("", "")
        return key if how == "by-card" else None

    async def _on_request(self, request):
        fields = {name: request.headers[name] for name in WATCHED if name in request.headers}
        self.result["sent"].append(
            {"step": self._step, "method": request.method, "url": str(request.url), "fields": fields, "answer": None}
        )

    async def _on_response(self, response):
        fields = {name: response.headers[name] for name in ANSWERED if name in response.headers}
        self.result["sent"][-1]["answer"] = [response.status_code, fields]
        if self._at_head and response.is_success:
            name, self._at_head = self._at_head, None
            await self.acknowledge(name)

    async def acknowledge(self, name, times=1):
        """Tell the agent on the side channel that an event of this stream has come."""
        for _ in range(times if self.job["ack"] else 0):
            await self._side.post(self.job["ack"] + name)

    def acknowledge_at_head(self, name):
        """Have the next good answer acknowledged when its head is there: a stream may begin with what is still to come."""
        self._at_head = name

    async def have(self, conversation):
        """Go through the steps."""
        for label, name, *arguments in self.job["steps"]:
            self._step = label
            step = getattr(conversation, name, None)
            try:
                self.result["said"][label] = step and await step(*arguments)
            except Exception as error:  # noqa: BLE001 - the test judges it
                self.result["said"][label] = told(error)


def told(error):
    """Say what an exception is; some carry the HTTP status beside their text."""
    told = {"error": type(error).__name__, "text": str(error)}
    return {**told, "status": error.status_code} if hasattr(error, "status_code") else told


def a_file(size):
    """Make a file of this size, no two places of which look alike, and its description (see sidecar.described)."""
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    return data, f"{size} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"


def compared(data, said, back, text):
    """Say whether a file came back as it was sent, and was understood."""
    return "whole" if (back, text) == (data, said) else f"sent {said}, answered {text}, came back as {len(back)} bytes"


async def _serve(converse):
    async with httpx.AsyncClient(verify=TLS) as side:
        for line in sys.stdin:  # nothing else goes on meanwhile
            talk = Talk(json.loads(line), side)
            try:
                await converse(talk)
            except Exception as error:  # noqa: BLE001 - the test judges it
                talk.result["error"] = told(error)
            sys.stdout.write(json.dumps(talk.result) + "\n")
            sys.stdout.flush()


def serve(converse):
    """Have conversations until stdin ends."""
    asyncio.run(_serve(converse))
