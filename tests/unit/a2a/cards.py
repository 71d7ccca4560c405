"""Cards as the official SDKs serve them (their members, our words), and a way to rewrite them that tests share."""

import json

from agw.a2a.card import CardOptions, KeyPlace, PublicBase, Refused, Rewritten, rewrite_card

BASE = PublicBase.of("http", "127.0.0.1", 8080)
HOSTS = ("demo-a2a-agent-server",)
KEYS = (KeyPlace("authorization", "Bearer"), KeyPlace("x-api-key"))

V03 = {
    "capabilities": {"streaming": True},
    "defaultInputModes": ["text"],
    "defaultOutputModes": ["text"],
    "description": "Just a hello world agent",
    "name": "Hello World Agent",
    "preferredTransport": "JSONRPC",
    "protocolVersion": "0.3.0",
    "skills": [{"description": "greets", "id": "hello", "name": "Hello", "tags": ["hello"]}],
    "url": "http://0.0.0.0:9999/",
    "version": "1.0.0",
}
V1 = {
    "name": "Hello World Agent",
    "description": "Just a hello world agent",
    "supportedInterfaces": [
        {
            "url": "http://demo-a2a-agent-server:9999/",
            "protocolBinding": "JSONRPC",
            "protocolVersion": "1.0",
            "tenant": "t",
        }
    ],
    "version": "1.0.0",
    "capabilities": {"streaming": True},
    "skills": [],
}
DUAL = {
    **V1,
    "url": "http://localhost:9999/compat",
    "preferredTransport": "JSONRPC",
    "protocolVersion": "0.3",
    "additionalInterfaces": [
        {"url": "http://localhost:9999/compat", "transport": "JSONRPC"},
        {"url": "http://localhost:9999/rest", "transport": "HTTP+JSON"},
    ],
}


def rewrite(card, *, base=BASE, hosts=HOSTS, **options):
    """The rewritten card, decoded; None where it is passed on as it is; the reason where it is refused."""
    body = card if isinstance(card, bytes) else json.dumps(card).encode()
    result = rewrite_card(body, base=base, hosts=hosts, options=CardOptions(**options))
    match result:
        case Rewritten(body=new):
            return json.loads(new)
        case Refused(reason=reason):
            return reason
        case _:
            return None
