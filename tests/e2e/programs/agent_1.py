"""The same agent on the official SDK of protocol 1.0; with --compat it speaks 0.3 on the same URL, one card for both."""

import functools
import sys

from a2a.helpers import get_message_text, new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from sidecar import instruction, serve
from starlette.applications import Starlette


class Hello(AgentExecutor):
    def __init__(self, sidecar):
        self._sidecar = sidecar

    async def execute(self, context, event_queue):
        count, name = instruction(get_message_text(context.message))
        if not count:
            await event_queue.enqueue_event(new_text_message("Hello World"))
            return
        task = context.current_task or new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        await self._sidecar.acknowledged(name)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        for number in range(count):
            await updater.add_artifact([new_text_part(f"event {number}")], artifact_id=str(number))
            await self._sidecar.acknowledged(name)
        await updater.complete()

    async def cancel(self, context, event_queue):
        raise NotImplementedError


def make_app(port, sidecar, *, compat):
    url = f"http://127.0.0.1:{port}"
    interfaces = [
        AgentInterface(url=f"{url}/", protocol_binding="JSONRPC", protocol_version="1.0"),
        AgentInterface(url=f"{url}/rest", protocol_binding="HTTP+JSON", protocol_version="1.0"),
    ]
    if compat:
        interfaces.append(AgentInterface(url=f"{url}/", protocol_binding="JSONRPC", protocol_version="0.3"))
    card = AgentCard(
        name="Hello World Agent",
        description="Just a hello world agent",
        supported_interfaces=interfaces,
        version="1.0.0",
        default_input_modes=["text"],
        default_output_modes=["text"],
        capabilities=AgentCapabilities(streaming=True),
        skills=[AgentSkill(id="hello_world", name="Hello", description="says hello", tags=["hello"])],
    )
    handler = DefaultRequestHandler(agent_executor=Hello(sidecar), task_store=InMemoryTaskStore(), agent_card=card)
    routes = [
        *create_agent_card_routes(card),
        *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=compat),
        *create_rest_routes(handler, path_prefix="/rest"),
    ]
    return Starlette(routes=routes)


if __name__ == "__main__":
    serve(functools.partial(make_app, compat="--compat" in sys.argv))
