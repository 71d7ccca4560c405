"""The Hello World agent: `python -m agw.demo.agent [--port N]`.

It writes one JSON line with its port to stdout when it accepts connections; with --attached it ends when its stdin
does, so that whoever started it cannot leave it behind. Its card advertises its own address, as agents do, so that a client that follows
the card without a gateway's rewriting would pass the gateway by.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn
from a2a.helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

if TYPE_CHECKING:
    from a2a.server.events import EventQueue

LEGACY_CARD_PATH = "/.well-known/agent.json"


class HelloWorld(AgentExecutor):
    """Answers every message with "Hello World"."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Reply in the conversation that the message belongs to."""
        await event_queue.enqueue_event(new_text_message("Hello World", context_id=context.context_id))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Do nothing: an answer is complete as soon as it is asked for."""


def card(base: str) -> AgentCard:
    """Return the agent's card: both bindings, both protocol generations on JSON-RPC."""
    return AgentCard(
        name="Hello World Agent",
        description="Just a hello world agent",
        version="1.0.0",
        default_input_modes=["text"],
        default_output_modes=["text"],
        capabilities=AgentCapabilities(streaming=True),
        supported_interfaces=[
            AgentInterface(url=base, protocol_binding="JSONRPC", protocol_version="1.0"),
            AgentInterface(url=base, protocol_binding="HTTP+JSON", protocol_version="1.0"),
            AgentInterface(url=base, protocol_binding="JSONRPC", protocol_version="0.3"),
        ],
        skills=[
            AgentSkill(
                id="hello_world",
                name="Returns hello world",
                description="just returns hello world",
                tags=["hello world"],
                examples=["hi", "hello world"],
            )
        ],
    )


def application(base: str) -> Starlette:
    """Return the agent as an ASGI application. base: the URL that its card advertises."""
    described = card(base)
    handler = DefaultRequestHandler(HelloWorld(), InMemoryTaskStore(), described)
    return Starlette(
        routes=[
            *create_agent_card_routes(described),
            *create_agent_card_routes(described, card_url=LEGACY_CARD_PATH),
            *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
            *create_rest_routes(handler),
        ]
    )


async def serve(listening: socket.socket, *, attached: bool) -> None:
    """Serve until told to stop; attached: also until stdin ends."""
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(application(f"http://{host}:{port}/"), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    if attached:
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), _at_end_of_input, loop, server)
    sys.stdout.write(json.dumps({"port": port}) + "\n")  # the line that says "ready"
    sys.stdout.flush()
    await server.serve([listening])


def _at_end_of_input(loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        server.should_exit = True


def main() -> None:
    """Read the flags and serve."""
    parser = argparse.ArgumentParser(description="The Hello World agent of agw demo")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fd", type=int, help="a listening socket to serve on")
    parser.add_argument("--attached", action="store_true", help="end when stdin does")
    flags = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        listening = socket.socket(fileno=flags.fd) if flags.fd else socket.create_server((flags.host, flags.port))
        asyncio.run(serve(listening, attached=flags.attached))


if __name__ == "__main__":
    main()
