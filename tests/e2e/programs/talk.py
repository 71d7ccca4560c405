"""The command line and the result that both clients share.

    client_X.py URL [--bearer KEY | --api-key KEY | --by-card KEY] [--binding JSONRPC] [--ack URL] [--stream] TEXT

Fetches the card at URL, sends TEXT to the endpoint that the card names, and prints one JSON object:

    card    the card as received
    sent    the requests that went out: method and URL
    events  what came back, each with its text and when it came (seconds, monotonic)
    error   the exception's type and text, where there was one

--by-card sends the key with the card request only; the calls take it from what the card says about security.
"""

import argparse
import asyncio
import json
import sys
import time

import httpx


class Talk:
    """One conversation: where to, with which credentials, and what came of it."""

    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("url")
        parser.add_argument("text")
        parser.add_argument("--bearer")
        parser.add_argument("--api-key")
        parser.add_argument("--by-card")
        parser.add_argument("--binding", default="JSONRPC")
        parser.add_argument("--ack")
        parser.add_argument("--stream", action="store_true")
        self.options = parser.parse_args()
        self.result = {"card": None, "sent": [], "events": [], "error": None}

    def http(self):
        """Make the HTTP client: the credentials that go with every request, and a record of what goes out."""
        headers = {}
        if self.options.bearer:
            headers["Authorization"] = f"Bearer {self.options.bearer}"
        if self.options.api_key:
            headers["X-API-Key"] = self.options.api_key
        return httpx.AsyncClient(timeout=30, headers=headers, event_hooks={"request": [self._on_request]})

    def card_fields(self):
        """Give what the card request alone carries."""
        return {"headers": {"X-API-Key": self.options.by_card}} if self.options.by_card else {}

    async def _on_request(self, request):
        self.result["sent"].append({"method": request.method, "url": str(request.url)})

    async def event(self, text):
        """Note an event, and acknowledge it on the side channel."""
        self.result["events"].append({"text": text, "at": time.monotonic()})
        if self.options.ack:
            async with httpx.AsyncClient() as side:
                await side.post(self.options.ack)

    def run(self, converse):
        """Run a conversation and print what came of it."""
        try:
            asyncio.run(converse(self))
        except Exception as error:  # noqa: BLE001 - the test judges it
            self.result["error"] = {"type": type(error).__name__, "text": str(error)}
        json.dump(self.result, sys.stdout)
