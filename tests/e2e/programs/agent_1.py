"""The same agent on the official SDK of protocol 1.0; with --compat it speaks 0.3 on the same URLs, one card for both."""

import functools
import sys

from a2a.helpers import (
    get_message_text,
    get_raw_parts,
    new_message,
    new_raw_part,
    new_task_from_user_message,
    new_text_message,
    new_text_part,
)
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryPushNotificationConfigStore, InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentExtension, AgentInterface, AgentSkill
from sidecar import EXTENSION, described, instruction, serve
from starlette.applications import Starlette


class Hello(AgentExecutor):
    def __init__(self, sidecar):
        self._sidecar = sidecar

    async def execute(self, context, event_queue):
        count, name = instruction(get_message_text(context.message))
        if not count:
            await event_queue.enqueue_event(self._answer(context.message))
            return
        task = context.current_task or new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        await self._sidecar.acknowledged(name)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        for number in range(count):
            await updater.add_artifact([new_text_part(f"event {number}")], artifact_id=str(number))
            await self._sidecar.acknowledged(name)
        await updater.complete()

    @staticmethod
    def _answer(message):
        """Greet, or send a file back with its digest."""
        files = get_raw_parts(message.parts)
        if not files:
            return new_text_message("Hello World")
        return new_message([new_text_part(described(files[0])), new_raw_part(files[0], "application/octet-stream")])

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def make_card(port, *, compat):
    url = f"http://127.0.0.1:{port}"
    places = {"JSONRPC": f"{url}/", "HTTP+JSON": f"{url}/rest", "GRPC": f"127.0.0.1:{port}"}
    return AgentCard(
        name="Hello World Agent",
        description="Just a hello world agent",
        supported_interfaces=[
            AgentInterface(url=place, protocol_binding=binding, protocol_version=version)
            for version in (["1.0", "0.3"] if compat else ["1.0"])
            for binding, place in places.items()
        ],
        version="1.0.0",
        default_input_modes=["text"],
        default_output_modes=["text"],
        capabilities=AgentCapabilities(
            streaming=True,
            push_notifications=True,
            extended_agent_card=True,
            extensions=[AgentExtension(uri=EXTENSION)],
        ),
        skills=[AgentSkill(id="hello_world", name="Hello", description="says hello", tags=["hello"])],
    )


def make_app(port, sidecar, *, compat):
    card = make_card(port, compat=compat)
    extended = AgentCard()
    extended.CopyFrom(card)
    extended.skills.add(id="more", name="More", description="for those who are known", tags=["hello"])
    handler = DefaultRequestHandler(
        agent_executor=Hello(sidecar),
        task_store=InMemoryTaskStore(),
        agent_card=card,
        push_config_store=InMemoryPushNotificationConfigStore(),
        extended_agent_card=extended,
    )
    routes = [
        *create_agent_card_routes(card),
        *create_jsonrpc_routes(handler, "/", enable_v0_3_compat=compat),
        *create_rest_routes(handler, path_prefix="/rest", enable_v0_3_compat=compat),
    ]
    return Starlette(routes=routes)


if __name__ == "__main__":
    serve(functools.partial(make_app, compat="--compat" in sys.argv))
