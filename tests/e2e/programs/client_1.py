"""A client on the official SDK of protocol 1.0; it speaks 0.3 where the card says so."""

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.auth import AuthInterceptor, CredentialService
from a2a.helpers import get_message_text, new_text_message
from a2a.types.a2a_pb2 import Role, SendMessageRequest, TaskState
from google.protobuf.json_format import MessageToDict
from talk import Talk


class OneKey(CredentialService):
    def __init__(self, key):
        self._key = key

    async def get_credentials(self, security_scheme_name, context):
        return self._key


def text_of(event):
    """The text of an event."""
    match event.WhichOneof("payload"):
        case "message":
            return get_message_text(event.message)
        case "artifact_update":
            return event.artifact_update.artifact.parts[0].text
        case "status_update":
            return TaskState.Name(event.status_update.status.state).removeprefix("TASK_STATE_").lower()
        case other:
            return other


async def converse(talk):
    options = talk.options
    async with talk.http() as http:
        card = await A2ACardResolver(http, options.url).get_agent_card(http_kwargs=talk.card_fields())
        talk.result["card"] = MessageToDict(card)
        config = ClientConfig(
            httpx_client=http, streaming=options.stream, supported_protocol_bindings=[options.binding]
        )
        interceptors = [AuthInterceptor(OneKey(options.by_card))] if options.by_card else []
        client = ClientFactory(config).create(card, interceptors)
        request = SendMessageRequest(message=new_text_message(options.text, role=Role.ROLE_USER))
        async for event in client.send_message(request):
            await talk.event(text_of(event))


if __name__ == "__main__":
    Talk().run(converse)
