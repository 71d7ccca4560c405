"""A small agent of the standard library: a card, an echo of what reached it, and a count."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CARD_PATH = "/.well-known/agent-card.json"


class Agent(ThreadingHTTPServer):
    """Serves its card under a prefix. seen: (path, Authorization) of every request."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prefix = prefix
        self.seen: list[tuple[str, str | None]] = []

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def card(self) -> dict[str, object]:
        url = f"http://{self.authority}{self.prefix}/"
        return {
            "name": "Echo Agent",
            "version": "7",
            "capabilities": {"streaming": False},
            "supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Agent

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        known = self.path == self.server.prefix + CARD_PATH
        body = json.dumps(self.server.card() if known else {"path": self.path}).encode()
        self.send_response(404 if "/.well-known/" in self.path and not known else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def agent(prefix: str = "") -> Iterator[Agent]:
    with Agent(prefix) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
