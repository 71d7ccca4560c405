"""The interfaces that an agent card lists, in both generations, and what becomes of each behind the gateway.

- A URL under the public base stays; one of ours (agw.a2a.urls) becomes public; a foreign one stays, or goes by policy.
- A URL of ours that this gateway cannot serve (gRPC, WebSocket) has no public form: its entry is removed, never invented.
- Where the main `url` goes, the first additional interface that is left takes its place.

Members may bear their proto names (`supported_interfaces`), which SDKs of 1.0 read too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from agw.a2a.splice import Container, Edit, Part, change, dump
from agw.a2a.urls import Place, PublicBase, locate, parse_address, publish

ADDITIONAL = ("additionalInterfaces", "additional_interfaces")
SUPPORTED = ("supportedInterfaces", "supported_interfaces")
_PREFERRED = ("preferredTransport", "preferred_transport")
_BINDINGS = ("protocolBinding", "protocol_binding", "transport")


class Changes(NamedTuple):
    """Edits of the text, indices of the card's members to remove, and texts to append to them."""

    edits: list[Edit]
    remove: frozenset[int] = frozenset()
    append: tuple[str, ...] = ()


class Interface(NamedTuple):
    """An interface as it will be shown."""

    url: str
    binding: str


@dataclass(frozen=True, slots=True)
class Publisher:
    """Decides on one URL. hosts: the backend's, in normal form (agw.a2a.urls.normal_host)."""

    base: PublicBase
    hosts: frozenset[str]
    drop_foreign: bool = False

    def show(self, url: str, binding: str) -> str | None:
        """Give the URL to show to clients, or None where they must not see it."""
        grpc = binding.upper() == "GRPC"
        address = parse_address(url, grpc=grpc)
        if address is None:
            return url  # it names no host, so that nothing leads past the gateway
        place = locate(address, self.base, self.hosts, grpc=grpc)
        if place is Place.OURS:
            return publish(address, self.base) if address.is_http and not grpc else None
        return None if place is Place.FOREIGN and self.drop_foreign else url

    def show_all(self, box: Container, binding: str) -> dict[Part, str | None]:
        """Decide on each `url` of a card or an interface: names may repeat."""
        urls = {part: box.text_of(part) for part in box.named("url")}
        return {part: self.show(url, binding) for part, url in urls.items() if url}


def rewrite_interfaces(card: Container, publisher: Publisher) -> Changes:
    """Rewrite the lists of interfaces, then the main URL."""
    edits: list[Edit] = []
    additional: list[Interface] = []
    for part in card.named(*ADDITIONAL, *SUPPORTED):
        box = card.open(part, "[")
        if box is not None:
            listed, left = _rewrite_list(box, publisher)
            edits += listed
            additional += left if part.name in ADDITIONAL else []
    main = _rewrite_main(card, publisher, additional)
    return Changes([*edits, *main.edits], main.remove, main.append)


def _rewrite_list(box: Container, publisher: Publisher) -> tuple[list[Edit], list[Interface]]:
    """Rewrite one list; give the edits, and the interfaces that are left."""
    edits: list[Edit] = []
    left: list[Interface] = []
    gone: set[int] = set()
    for index, part in enumerate(box.parts):
        item = box.open(part, "{")
        if item is None:
            continue
        binding = item.string(*_BINDINGS)
        shown = publisher.show_all(item, binding)
        if None in shown.values():
            gone.add(index)
            continue
        edits += _replace(item, shown)
        left += [Interface(url, binding) for url in shown.values() if url and binding]
    return [*edits, *change(box, remove=frozenset(gone))], left


def _rewrite_main(card: Container, publisher: Publisher, additional: list[Interface]) -> Changes:
    """Rewrite `url`; where it has no public form, put the first additional interface there, else remove it."""
    shown = publisher.show_all(card, card.string(*_PREFERRED) or "JSONRPC")
    if None not in shown.values():
        return Changes(_replace(card, shown))
    preferred = card.named(*_PREFERRED)
    if not additional:
        gone = {*shown, *preferred}
        return Changes([], frozenset(index for index, part in enumerate(card.parts) if part in gone))
    url, binding = additional[0]
    edits = [(part.value, part.end, dump(url)) for part in shown]
    edits += [(part.value, part.end, dump(binding)) for part in preferred]
    return Changes(edits, append=() if preferred else (f'"{_PREFERRED[0]}":{dump(binding)}',))


def _replace(box: Container, shown: dict[Part, str | None]) -> list[Edit]:
    """Write the URLs that differ."""
    return [(part.value, part.end, dump(url)) for part, url in shown.items() if url and url != box.text_of(part)]
