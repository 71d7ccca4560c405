"""Many conversations at once with the official SDK of protocol 1.0: send, get and resubscribe, mixed, and what was lost.

    errands_1.py URL REQUESTS AT_ONCE

Each conversation begins a task (half of them in a context of their own choice, half by a stream, half over HTTP+JSON), asks
for it, subscribes to it and goes on with it in random order, and ends it. Its requests go out on any of some connections, so
that they reach all workers of a gateway. Prints one JSON object:

    requests    of each operation: begin, send, get, resubscribe
    lost        those that were answered "task not found", and those that began another task
    failed      texts of all other errors, the first few
"""

import asyncio
import json
import random
import sys
import uuid
from collections import Counter

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.helpers import new_text_message
from a2a.types.a2a_pb2 import GetTaskRequest, Role, SendMessageRequest, SubscribeToTaskRequest
from a2a.utils.errors import TaskNotFoundError

BINDINGS = ("JSONRPC", "HTTP+JSON")
CONNECTIONS = 12  # HTTP clients per binding and way of sending
STEPS = 6  # of a conversation, between its begin and its end


class Crowd:
    """All conversations, and what came of them."""

    def __init__(self, requests):
        self.left = requests
        self.random = random.Random(requests)
        self.clients = {}  # (binding, whether it streams) -> SDK clients
        self.requests = Counter()
        self.lost = Counter()
        self.failed = []

    def client(self, binding, *, stream):
        return self.random.choice(self.clients[binding, stream])

    async def send(self, binding, message):
        """Send a message; give the id of its task and context."""
        stream = self.random.random() < 0.5
        found = None
        async for event in self.client(binding, stream=stream).send_message(SendMessageRequest(message=message)):
            kind = event.WhichOneof("payload")
            if kind == "task":
                found = event.task.id, event.task.context_id
            elif kind == "status_update" and found is None:
                found = event.status_update.task_id, event.status_update.context_id
        return found

    async def count(self, name, request):
        """Count a request, and what becomes of it; None where it failed."""
        self.left -= 1
        self.requests[name] += 1
        try:
            return await request
        except TaskNotFoundError:
            self.lost[name] += 1
        except Exception as error:  # noqa: BLE001 - the test judges it
            self.failed.append(f"{name}: {type(error).__name__}: {error}")
        return None

    async def get(self, binding, task):
        return (await self.client(binding, stream=False).get_task(GetTaskRequest(id=task))).id

    async def resubscribe(self, binding, task):
        """Subscribe, take the snapshot that comes first, and leave."""
        stream = self.client(binding, stream=True).subscribe(SubscribeToTaskRequest(id=task))
        try:
            async for event in stream:
                return event.task.id
        finally:
            await stream.aclose()
        return None

    async def go_on(self, binding, name, begun, text="more"):
        task, context = begun
        message = new_text_message(text, role=Role.ROLE_USER, task_id=task, context_id=context)
        if await self.count(name, self.send(binding, message)) not in (begun, None):
            self.lost[name] += 1

    async def conversation(self):
        binding = self.random.choice(BINDINGS)
        message = new_text_message("begin", role=Role.ROLE_USER)
        if self.random.random() < 0.5:
            message.context_id = str(uuid.UUID(int=self.random.getrandbits(128)))
        begun = await self.count("begin", self.send(binding, message))
        if begun is None:
            return
        for _ in range(STEPS):
            step = self.random.choice(("get", "get", "resubscribe", "send"))
            if step == "send":
                await self.go_on(binding, step, begun)
            elif await self.count(step, getattr(self, step)(binding, begun[0])) not in (begun[0], None):
                self.failed.append(f"{step}: another task")
        await self.go_on(binding, "send", begun, "end")
        await self.count("get", self.get(binding, begun[0]))

    async def visitor(self):
        while self.left > 0:
            await self.conversation()


async def main(url, requests, at_once):
    crowd = Crowd(int(requests))
    async with httpx.AsyncClient(timeout=30) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
    for binding in BINDINGS:
        for stream in (True, False):
            crowd.clients[binding, stream] = [
                ClientFactory(
                    ClientConfig(
                        httpx_client=httpx.AsyncClient(timeout=30),
                        streaming=stream,
                        supported_protocol_bindings=[binding],
                    )
                ).create(card)
                for _ in range(CONNECTIONS)
            ]
    await asyncio.gather(*(crowd.visitor() for _ in range(int(at_once))))
    result = {"requests": crowd.requests, "lost": crowd.lost, "failed": crowd.failed[:5]}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
