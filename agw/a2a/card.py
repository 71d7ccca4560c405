"""Rewrites an agent card so that its readers come back through the gateway.

Clients take an agent's endpoint from its card and not from the URL that they were given, so a card that is passed on as
it is sends them past the gateway, and everything they do still works. What is rewritten, in both generations at once
because one document may carry both:

    url (with preferredTransport)        A2A 0.2 and 0.3
    additionalInterfaces[].url           A2A 0.3 (with transport)
    supportedInterfaces[].url            A2A 1.0 (with protocolBinding)

- Which URLs change, and how: agw.a2a.interfaces and agw.a2a.urls.
- The policy's API key is advertised (agw.a2a.security).
- `signatures` cover the whole card (A2A 1.0 section 8.4): they are removed with the first changed byte, never left false.
- A card in which nothing changes is passed on byte for byte, signatures and all.
- All else keeps its bytes: provider, documentation, icon, extensions, tenant, versions, skills, what nobody knows yet.
- What is no JSON object is no card: it is passed on as it came, its reader will say so.
- What its readers may understand and we do not (too large, nested too deeply, another encoding than UTF-8) is unread: it is
  passed on as it came, and whoever runs the gateway is told.
- What came from a path that others than A2A may use too, or as a result, is a card only where it names an interface.
- Bytes that are no UTF-8 stay where they are: some readers stop at them, others do not.
- Names may repeat: readers differ in which one they take, so each of them is rewritten.
- An extended card may come as the `result` of a JSON-RPC answer; what is around it is not looked at.

Must not: fetch, log, look at a clock, raise on any body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from agw.a2a.interfaces import ADDITIONAL, SUPPORTED, Publisher, rewrite_interfaces
from agw.a2a.security import KeyPlace, advertise
from agw.a2a.splice import Container, Edit, change, container, splice
from agw.a2a.urls import PublicBase, normal_host

__all__ = [
    "MAX_CARD_BYTES",
    "WELL_KNOWN",
    "CardOptions",
    "KeyPlace",
    "PublicBase",
    "Refused",
    "Rewritten",
    "Unread",
    "is_card_path",
    "rewrite_card",
]

MAX_CARD_BYTES = 1 << 18  # a worker serves nobody else meanwhile: a dense card of this size may take a second
WELL_KNOWN = ("/.well-known/agent-card.json", "/.well-known/agent.json")  # 0.3 and 1.0; 0.2


@dataclass(frozen=True, slots=True)
class CardOptions:
    """What the Backend and the policy say: signatures Strip | Reject, other_urls Keep | Drop, keys to advertise."""

    signatures: str = "Strip"
    other_urls: str = "Keep"
    keys: tuple[KeyPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The card to send."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The card cannot be shown: answer 502."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Nobody here can say what its readers make of it: passed on as it is."""

    reason: str


def is_card_path(path: str) -> bool:
    """Whether a request path (normalised, no query) asks for an agent card: at the root or under any prefix."""
    return path.endswith(WELL_KNOWN)


def rewrite_card(
    body: bytes,
    *,
    base: PublicBase,
    hosts: tuple[str, ...],
    options: CardOptions = CardOptions(),
    extended: bool = False,
    rpc: bool = False,
) -> Rewritten | Refused | Unread | None:
    """Rewrite the body of a 200 answer; None where it is to be passed on as it is.

    hosts: of the backend, as written and as resolved (`name`, `name.namespace`, addresses). extended: it comes from a path
    of the extended card. rpc: the card is the result of a JSON-RPC answer (A2A 0.3 section 7.10, 1.0 section 9.4.11).
    """
    publisher = Publisher(base, frozenset(normal_host(host) for host in hosts), options.other_urls == "Drop")
    if len(body) > MAX_CARD_BYTES:
        return Unread(f"it has more than {MAX_CARD_BYTES >> 10} KiB")
    if json.detect_encoding(body).startswith(("utf-16", "utf-32")):  # as clients in Python do
        return Unread("it is not in UTF-8")
    try:
        return _rewrite(body, publisher, options, extended=extended, rpc=rpc)
    except RecursionError:  # nested deeper than this reader of JSON goes, and most others
        return Unread("it is nested too deeply")


def _rewrite(
    body: bytes, publisher: Publisher, options: CardOptions, *, extended: bool, rpc: bool
) -> Rewritten | Refused | None:
    whole = _decode(body)
    if whole is None:
        return None
    edits: list[Edit] = []
    for card in _results(whole) if rpc else [whole]:
        if (extended or rpc) and not card.named("url", *ADDITIONAL, *SUPPORTED):
            continue
        found = _edits(card, publisher, options)
        if isinstance(found, Refused):
            return found
        edits += found
    if not edits:
        return None
    return Rewritten(splice(whole.text, edits).encode("utf-8", "surrogateescape"))


def _results(answer: Container) -> list[Container]:
    """Give the results of a JSON-RPC answer that are objects: one, unless its writer repeats himself."""
    return [card for part in answer.named("result") if (card := answer.open(part, "{"))]


def _edits(card: Container, publisher: Publisher, options: CardOptions) -> list[Edit] | Refused:
    """Give what is to be changed in one card."""
    interfaces = rewrite_interfaces(card, publisher)
    security = advertise(card, options.keys)
    edits, append = [*interfaces.edits, *security.edits], (*interfaces.append, *security.append)
    if not (edits or append or interfaces.remove):
        return []
    signatures = {index for index, part in enumerate(card.parts) if part.name == "signatures"}
    if options.signatures == "Reject" and any(card.raw(card.parts[i]) not in {"null", "[]"} for i in signatures):
        return Refused("the agent card is signed, and rewriting it would void its signature")
    return edits + change(card, remove=interfaces.remove | signatures, append=append)


def _decode(body: bytes) -> Container | None:
    """Give the members of the body where it is one JSON object in UTF-8, else None.

    A byte order mark, NaN and bytes that are no UTF-8 are let pass because JSON readers of clients do so too.
    """
    try:
        text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        value = json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        return None
    return container(text, text.index("{")) if isinstance(value, dict) else None
