"""The conversation of the seed documentation, at a terminal, on the official SDK of protocol 0.3.

It has the flags of the client that the documentation uses and prints what that one prints, line for line, so that the two can be
laid side by side. Errors are the SDK's own, with their traceback.
"""

import argparse
import asyncio
import uuid

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import Message, Part, Role, TextPart

LEAVE = {":q", "quit"}


def text_message(text):
    return Message(role=Role.user, message_id=uuid.uuid4().hex, parts=[Part(root=TextPart(text=text))])


def shown(model):
    return model.model_dump_json(by_alias=True, exclude_none=True)


async def stream(client, text):
    """Send, and print each event as it comes, the last one once more as the answer."""
    last = None
    async for event in client.send_message(text_message(text)):
        last = event if isinstance(event, Message) else event[1] or event[0]
        print(f"stream event => {shown(last)}")
    if last is not None:
        print(shown(last))


async def ask(question):
    return await asyncio.to_thread(input, question)


async def talk(options):
    headers = {"Authorization": f"Bearer {options.bearer_token}"} if options.bearer_token else {}
    print(f"Will use headers: {headers}")
    async with httpx.AsyncClient(timeout=30, headers=headers) as http:
        card = await A2ACardResolver(http, options.agent).get_agent_card()
        print("======= Agent Card ========")
        print(shown(card))
        client = ClientFactory(ClientConfig(httpx_client=http, streaming=True)).create(card)
        while True:
            print("=========  starting a new task ======== ")
            text = await ask("\nWhat do you want to send to the agent? (:q or quit to exit): ")
            if text in LEAVE:
                return
            if await ask("Select a file path to attach? (press enter to skip): "):
                print("This client attaches no files.")
            await stream(client, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", default="http://localhost:10000")
    parser.add_argument("--bearer-token")
    asyncio.run(talk(parser.parse_args()))


if __name__ == "__main__":
    main()
