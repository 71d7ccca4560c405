"""A hello world agent on the official SDK of protocol 0.3, in both of its HTTP bindings.

"hello" is answered, "count N NAME" is a task that streams N events, and a file is sent back with its digest.
"""

import base64

from a2a.server.agent_execution import AgentExecutor
from a2a.server.apps import A2ARESTFastAPIApplication, A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryPushNotificationConfigStore, InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentExtension, AgentInterface, AgentSkill, Part, TextPart
from a2a.utils import new_agent_parts_message, new_agent_text_message, new_task
from sidecar import EXTENSION, described, instruction, serve


class Hello(AgentExecutor):
    def __init__(self, sidecar):
        self._sidecar = sidecar

    async def execute(self, context, event_queue):
        if EXTENSION in context.requested_extensions:
            context.add_activated_extension(EXTENSION)
        count, name = instruction(context.get_user_input())
        if not count:
            await event_queue.enqueue_event(self._answer(context.message))
            return
        task = context.current_task or new_task(context.message)
        await event_queue.enqueue_event(task)
        await self._sidecar.acknowledged(name)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        for number in range(count):
            await updater.add_artifact([Part(root=TextPart(text=f"event {number}"))], artifact_id=str(number))
            await self._sidecar.acknowledged(name)
        await updater.complete()

    @staticmethod
    def _answer(message):
        """Greet, or send a file back with its digest."""
        files = [part for part in message.parts if part.root.kind == "file"]
        if not files:
            return new_agent_text_message("Hello World")
        said = described(base64.b64decode(files[0].root.file.bytes))
        return new_agent_parts_message([Part(root=TextPart(text=said)), *files])

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def make_card(port):
    url = f"http://127.0.0.1:{port}"
    return AgentCard(
        name="Hello World Agent",
        description="Just a hello world agent",
        url=f"{url}/",
        preferred_transport="JSONRPC",
        additional_interfaces=[
            AgentInterface(transport="JSONRPC", url=f"{url}/"),
            AgentInterface(transport="HTTP+JSON", url=f"{url}/rest"),
            AgentInterface(transport="GRPC", url=url),
        ],
        version="1.0.0",
        default_input_modes=["text"],
        default_output_modes=["text"],
        capabilities=AgentCapabilities(
            streaming=True, push_notifications=True, extensions=[AgentExtension(uri=EXTENSION)]
        ),
        supports_authenticated_extended_card=True,
        skills=[AgentSkill(id="hello_world", name="Hello", description="says hello", tags=["hello"])],
    )


def make_app(port, sidecar):
    card = make_card(port)
    more = AgentSkill(id="more", name="More", description="for those who are known", tags=["hello"])
    extended = card.model_copy(update={"skills": [*card.skills, more]})
    handler = DefaultRequestHandler(
        agent_executor=Hello(sidecar),
        task_store=InMemoryTaskStore(),
        push_config_store=InMemoryPushNotificationConfigStore(),
    )
    told = {"agent_card": card, "http_handler": handler, "extended_agent_card": extended}
    app = A2AStarletteApplication(**told).build()
    app.mount("/rest", A2ARESTFastAPIApplication(**told).build())
    return app


if __name__ == "__main__":
    serve(make_app)
