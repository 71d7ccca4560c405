"""What both agents have beside the SDK: a record of the requests that reached them, and a handshake for streams.

Wraps the SDK's ASGI application; paths under /-/ are answered here and not recorded:

    GET  /-/requests     the requests so far, as JSON: method, path, query, and fields of interest
    POST /-/ack/{name}   the client has received one more event of the stream of this name

A stream that waits for its acknowledgements cannot end unless every event reaches the client before the next is sent:
whatever buffers or merges events makes it stand still.
"""

import asyncio
import hashlib
import json
import socket
import sys
from collections import defaultdict

import uvicorn

WATCHED = ("a2a-version", "authorization", "x-api-key", "via", "host", "a2a-extensions", "x-a2a-extensions")
EXTENSION = "https://example.com/extensions/echo/v1"  # in each card, and activated where a client asks for it


class Sidecar:
    """Records, acknowledges, and passes on."""

    def __init__(self):
        self.app = None
        self.requests = []
        self._acks = defaultdict(lambda: asyncio.Semaphore(0))

    async def acknowledged(self, name):
        """Wait until the client has received one more event of this stream."""
        await self._acks[name].acquire()

    async def __call__(self, scope, receive, send):
        """Answer what is ours; record the rest and give it to the SDK."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path == "/-/requests":
            await self._answer(send, json.dumps(self.requests).encode())
        elif path.startswith("/-/ack/"):
            self._acks[path.removeprefix("/-/ack/")].release()
            await self._answer(send, b"{}")
        else:
            self.requests.append(self._seen(scope))
            await self.app(scope, receive, send)

    @staticmethod
    def _seen(scope):
        fields = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        watched = {name: fields[name] for name in WATCHED if name in fields}
        query = scope["query_string"].decode("latin-1")
        return {"method": scope["method"], "path": scope["path"], "query": query, "fields": watched}

    @staticmethod
    async def _answer(send, body):
        fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})


def serve(make_app):
    """Serve make_app(port, sidecar) on a free loopback port, which is printed as one line of JSON when all is ready."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    sidecar = Sidecar()
    sidecar.app = make_app(port, sidecar)
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(sidecar, log_level="warning", lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


def instruction(text):
    """Read what a client wants: "count 3 name" is (3, "name"), all else (0, "")."""
    words = text.split()
    return (int(words[1]), words[2]) if words[:1] == ["count"] else (0, "")


def described(data):
    """Say what a file held, in the words that its sender uses too."""
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"
