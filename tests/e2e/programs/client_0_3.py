"""A client on the official SDK of protocol 0.3."""

import base64
import uuid

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.auth import AuthInterceptor, CredentialService
from a2a.types import (
    FilePart,
    FileWithBytes,
    GetTaskPushNotificationConfigParams,
    Message,
    MessageSendConfiguration,
    Part,
    PushNotificationConfig,
    Role,
    TaskIdParams,
    TaskPushNotificationConfig,
    TaskQueryParams,
    TextPart,
)
from talk import EXTENSION, a_file, compared, serve


class OneKey(CredentialService):
    def __init__(self, key):
        self._key = key

    async def get_credentials(self, security_scheme_name, context):
        return self._key


def message(*parts):
    parts = [Part(root=TextPart(text=part) if isinstance(part, str) else part) for part in parts]
    return Message(role=Role.user, message_id=uuid.uuid4().hex, parts=parts)


def text_of(event):
    """The text of an event: a message, or a task with its update."""
    if isinstance(event, Message):
        return " ".join(part.root.text for part in event.parts)
    _, update = event
    if update is None:
        return "task"
    return update.artifact.parts[0].root.text if update.kind == "artifact-update" else update.status.state.value


def summary(task):
    """The state of a task and what it has made."""
    return ": ".join(
        [task.status.state.value, *(part.root.text for made in task.artifacts or [] for part in made.parts)]
    )


def shown(card):
    interfaces = [[card.preferred_transport, card.url]]
    interfaces += [[each.transport, each.url] for each in card.additional_interfaces or []]
    return {"interfaces": interfaces, "skills": [skill.id for skill in card.skills]}


class Conversation:
    """The steps, each as this SDK has it; it has no lists, and does not delete configurations."""

    def __init__(self, talk, http, card):
        self._talk, self._card = talk, card
        interceptors = [AuthInterceptor(OneKey(talk.by_card()))] if talk.by_card() else []

        def client(*, streaming):
            config = ClientConfig(
                httpx_client=http,
                streaming=streaming,
                supported_transports=[talk.job["binding"]],
                extensions=[EXTENSION],
            )
            return ClientFactory(config).create(card, interceptors=interceptors)

        self._plain, self._streaming = client(streaming=False), client(streaming=True)
        self._task = None
        self._name = ""

    async def card(self):
        return shown(self._card)

    async def extended(self):
        return shown(await self._plain.get_card())

    async def say(self, text):
        return [text_of(event) async for event in self._plain.send_message(message(text))]

    async def work(self, count, name):
        await self._talk.acknowledge(name, count + 1)
        sent = message(f"count {count} {name}")
        return [summary(event[0]) async for event in self._plain.send_message(sent)]

    async def stream(self, count, name):
        texts = []
        async for event in self._streaming.send_message(message(f"count {count} {name}")):
            texts.append(text_of(event))
            await self._talk.acknowledge(name)
        return texts

    async def file(self, size):
        data, said = a_file(size)
        part = FilePart(file=FileWithBytes(bytes=base64.b64encode(data).decode(), mime_type="application/octet-stream"))
        [answer] = [event async for event in self._plain.send_message(message("a file", part))]
        text, file = answer.parts
        return compared(data, said, base64.b64decode(file.root.file.bytes), text.root.text)

    async def start(self, count, name):
        sent = message(f"count {count} {name}")
        at_once = MessageSendConfiguration(blocking=False)
        [(self._task, _)] = [event async for event in self._plain.send_message(sent, configuration=at_once)]
        self._name = name
        return summary(self._task)

    async def get(self):
        return summary(await self._plain.get_task(TaskQueryParams(id=self._task.id)))

    async def missing(self):
        return summary(await self._plain.get_task(TaskQueryParams(id="no-such-task")))

    async def cancel(self):
        return summary(await self._plain.cancel_task(TaskIdParams(id=self._task.id)))

    async def subscribe(self):
        texts = []
        self._talk.acknowledge_at_head(self._name)
        async for event in self._streaming.resubscribe(TaskIdParams(id=self._task.id)):
            texts.append(text_of(event))
            await self._talk.acknowledge(self._name)
        return texts

    async def set_push(self, url):
        config = PushNotificationConfig(id="config", url=url, token="token")
        asked = TaskPushNotificationConfig(task_id=self._task.id, push_notification_config=config)
        return (await self._plain.set_task_callback(asked)).push_notification_config.url

    async def get_push(self):
        asked = GetTaskPushNotificationConfigParams(id=self._task.id, push_notification_config_id="config")
        return (await self._plain.get_task_callback(asked)).push_notification_config.url


async def converse(talk):
    async with talk.http() as http:
        card = await A2ACardResolver(http, talk.job["url"]).get_agent_card(http_kwargs=talk.card_fields())
        await talk.have(Conversation(talk, http, card))


if __name__ == "__main__":
    serve(converse)
