"""A client on the official SDK of protocol 1.0; it speaks 0.3 where the card says so."""

from a2a.client import A2ACardResolver, ClientCallContext, ClientConfig, ClientFactory
from a2a.client.auth import AuthInterceptor, CredentialService
from a2a.client.service_parameters import ServiceParametersFactory, with_a2a_extensions
from a2a.helpers import get_message_text, get_raw_parts, new_message, new_raw_part, new_text_part
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from talk import EXTENSION, a_file, compared, serve


class OneKey(CredentialService):
    def __init__(self, key):
        self._key = key

    async def get_credentials(self, security_scheme_name, context):
        return self._key


def request(*parts):
    parts = [new_text_part(part) if isinstance(part, str) else part for part in parts]
    return SendMessageRequest(message=new_message(parts, role=Role.ROLE_USER))


def state_of(status):
    return TaskState.Name(status.state).removeprefix("TASK_STATE_").lower()


def text_of(event):
    """The text of an event."""
    match event.WhichOneof("payload"):
        case "message":
            return get_message_text(event.message)
        case "artifact_update":
            return event.artifact_update.artifact.parts[0].text
        case "status_update":
            return state_of(event.status_update.status)
        case other:
            return other


def summary(task):
    """The state of a task and what it has made."""
    return ": ".join([state_of(task.status), *(part.text for made in task.artifacts for part in made.parts)])


def shown(card):
    interfaces = [[each.protocol_binding, each.url] for each in card.supported_interfaces]
    return {"interfaces": interfaces, "skills": [skill.id for skill in card.skills]}


def with_extension():
    """A context of its own for each call: interceptors write into it."""
    return ClientCallContext(service_parameters=ServiceParametersFactory.create([with_a2a_extensions([EXTENSION])]))


class Conversation:
    """The steps, each as this SDK has it."""

    def __init__(self, talk, http, card):
        self._talk, self._card = talk, card
        interceptors = [AuthInterceptor(OneKey(talk.by_card()))] if talk.by_card() else []

        def client(*, streaming):
            bindings = [talk.job["binding"]]
            config = ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=bindings)
            return ClientFactory(config).create(card, interceptors)

        self._plain, self._streaming = client(streaming=False), client(streaming=True)
        self._task = None
        self._name = ""

    async def _send(self, sent):
        [answer] = [event async for event in self._plain.send_message(sent, context=with_extension())]
        return answer

    async def card(self):
        return shown(self._card)

    async def extended(self):
        asked = GetExtendedAgentCardRequest()
        return shown(await self._plain.get_extended_agent_card(asked, context=with_extension()))

    async def say(self, text):
        return [text_of(await self._send(request(text)))]

    async def work(self, count, name):
        await self._talk.acknowledge(name, count + 1)
        return [summary((await self._send(request(f"count {count} {name}"))).task)]

    async def stream(self, count, name):
        texts = []
        asked = request(f"count {count} {name}")
        async for event in self._streaming.send_message(asked, context=with_extension()):
            texts.append(text_of(event))
            await self._talk.acknowledge(name)
        return texts

    async def file(self, size):
        data, said = a_file(size)
        answer = (await self._send(request("a file", new_raw_part(data, "application/octet-stream")))).message
        return compared(data, said, get_raw_parts(answer.parts)[0], answer.parts[0].text)

    async def start(self, count, name):
        sent = request(f"count {count} {name}")
        sent.configuration.return_immediately = True
        self._task = (await self._send(sent)).task
        self._name = name
        return summary(self._task)

    async def get(self):
        return summary(await self._plain.get_task(GetTaskRequest(id=self._task.id), context=with_extension()))

    async def list(self):
        asked = ListTasksRequest(context_id=self._task.context_id)
        listed = await self._plain.list_tasks(asked, context=with_extension())
        return [summary(task) for task in listed.tasks]

    async def missing(self):
        return summary(await self._plain.get_task(GetTaskRequest(id="no-such-task"), context=with_extension()))

    async def cancel(self):
        return summary(await self._plain.cancel_task(CancelTaskRequest(id=self._task.id), context=with_extension()))

    async def subscribe(self):
        texts = []
        self._talk.acknowledge_at_head(self._name)
        asked = SubscribeToTaskRequest(id=self._task.id)
        async for event in self._streaming.subscribe(asked, context=with_extension()):
            texts.append(text_of(event))
            await self._talk.acknowledge(self._name)
        return texts

    async def set_push(self, url):
        asked = TaskPushNotificationConfig(task_id=self._task.id, id="config", url=url, token="token")
        return (await self._plain.create_task_push_notification_config(asked, context=with_extension())).url

    async def get_push(self):
        asked = GetTaskPushNotificationConfigRequest(task_id=self._task.id, id="config")
        return (await self._plain.get_task_push_notification_config(asked, context=with_extension())).url

    async def list_push(self):
        asked = ListTaskPushNotificationConfigsRequest(task_id=self._task.id)
        listed = await self._plain.list_task_push_notification_configs(asked, context=with_extension())
        return [config.url for config in listed.configs]

    async def delete_push(self):
        asked = DeleteTaskPushNotificationConfigRequest(task_id=self._task.id, id="config")
        await self._plain.delete_task_push_notification_config(asked, context=with_extension())
        return "deleted"


async def converse(talk):
    async with talk.http() as http:
        card = await A2ACardResolver(http, talk.job["url"]).get_agent_card(http_kwargs=talk.card_fields())
        await talk.have(Conversation(talk, http, card))


if __name__ == "__main__":
    serve(converse)
