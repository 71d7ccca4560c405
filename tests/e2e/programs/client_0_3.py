"""A client on the official SDK of protocol 0.3, in the steps of the samples' command line client."""

import uuid

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.auth import AuthInterceptor, CredentialService
from a2a.types import Message, Part, Role, TextPart
from talk import Talk


class OneKey(CredentialService):
    def __init__(self, key):
        self._key = key

    async def get_credentials(self, security_scheme_name, context):
        return self._key


def text_of(event):
    """The text of an event: a message, or a task with its update."""
    if isinstance(event, Message):
        return " ".join(part.root.text for part in event.parts)
    _, update = event
    if update is None:
        return "task"
    return update.artifact.parts[0].root.text if update.kind == "artifact-update" else update.status.state.value


async def converse(talk):
    options = talk.options
    async with talk.http() as http:
        card = await A2ACardResolver(http, options.url).get_agent_card(http_kwargs=talk.card_fields())
        talk.result["card"] = card.model_dump(mode="json", by_alias=True, exclude_none=True)
        config = ClientConfig(httpx_client=http, streaming=options.stream, supported_transports=[options.binding])
        interceptors = [AuthInterceptor(OneKey(options.by_card))] if options.by_card else []
        client = ClientFactory(config).create(card, interceptors=interceptors)
        message = Message(role=Role.user, message_id=uuid.uuid4().hex, parts=[Part(root=TextPart(text=options.text))])
        async for event in client.send_message(message):
            await talk.event(text_of(event))


if __name__ == "__main__":
    Talk().run(converse)
