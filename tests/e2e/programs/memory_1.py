"""An agent on the official SDK of protocol 1.0 that keeps its tasks in its memory, as most do.

A message begins a task that waits for input, or goes on with the one that it names; "end" completes it.
"""

import logging

from a2a.helpers import get_message_text, new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from sidecar import serve
from starlette.applications import Starlette


class Memory(AgentExecutor):
    async def execute(self, context, event_queue):
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        if get_message_text(context.message) == "end":
            await updater.complete()
        else:
            await updater.requires_input()

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def make_app(port, _sidecar):
    url = f"http://127.0.0.1:{port}"
    card = AgentCard(
        name="Memory",
        description="keeps its tasks in memory",
        supported_interfaces=[
            AgentInterface(url=f"{url}/", protocol_binding="JSONRPC", protocol_version="1.0"),
            AgentInterface(url=f"{url}/rest", protocol_binding="HTTP+JSON", protocol_version="1.0"),
        ],
        version="1.0.0",
        default_input_modes=["text"],
        default_output_modes=["text"],
        capabilities=AgentCapabilities(streaming=True),
        skills=[AgentSkill(id="memory", name="Memory", description="remembers", tags=["memory"])],
    )
    handler = DefaultRequestHandler(agent_executor=Memory(), task_store=InMemoryTaskStore(), agent_card=card)
    routes = [
        *create_agent_card_routes(card),
        *create_jsonrpc_routes(handler, "/"),
        *create_rest_routes(handler, path_prefix="/rest"),
    ]
    return Starlette(routes=routes)


if __name__ == "__main__":
    logging.getLogger("a2a").setLevel(logging.CRITICAL)  # that it does not know a task may be half of its answers
    serve(make_app)
