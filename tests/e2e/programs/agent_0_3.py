"""A hello world agent on the official SDK of protocol 0.3: "hello" is answered, "count N NAME" streams N events."""

from a2a.server.agent_execution import AgentExecutor
from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part, TextPart
from a2a.utils import new_agent_text_message, new_task
from sidecar import instruction, serve


class Hello(AgentExecutor):
    def __init__(self, sidecar):
        self._sidecar = sidecar

    async def execute(self, context, event_queue):
        count, name = instruction(context.get_user_input())
        if not count:
            await event_queue.enqueue_event(new_agent_text_message("Hello World"))
            return
        task = context.current_task or new_task(context.message)
        await event_queue.enqueue_event(task)
        await self._sidecar.acknowledged(name)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        for number in range(count):
            await updater.add_artifact([Part(root=TextPart(text=f"event {number}"))], artifact_id=str(number))
            await self._sidecar.acknowledged(name)
        await updater.complete()

    async def cancel(self, context, event_queue):
        raise NotImplementedError


def make_app(port, sidecar):
    url = f"http://127.0.0.1:{port}/"
    card = AgentCard(
        name="Hello World Agent",
        description="Just a hello world agent",
        url=url,
        preferred_transport="JSONRPC",
        additional_interfaces=[AgentInterface(transport="JSONRPC", url=url)],
        version="1.0.0",
        default_input_modes=["text"],
        default_output_modes=["text"],
        capabilities=AgentCapabilities(streaming=True),
        skills=[AgentSkill(id="hello_world", name="Hello", description="says hello", tags=["hello"])],
    )
    handler = DefaultRequestHandler(agent_executor=Hello(sidecar), task_store=InMemoryTaskStore())
    return A2AStarletteApplication(agent_card=card, http_handler=handler).build()


if __name__ == "__main__":
    serve(make_app)
