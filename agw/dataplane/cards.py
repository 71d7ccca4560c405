"""Agent cards in a worker: which public base a card gets, and the call into agw.a2a.

The public base, in this order: what the Backend says (`card.externalURL`); the exact hostname on which the route is
served; for a wildcard hostname the request's own Host, which has matched it; the address at which the listener is
served where that is one address; only else the request's Host. So a client cannot choose what others are told,
wherever the configuration says anything. With an exact hostname the port is the listener's or the one at which it is
served (80 behind a load balancer, 8080 on a laptop): of these two, the one that the client used. Where a trusted proxy
in front says that the client spoke https to it, the base is that proxy's: https, and not where the listener is served.
Where the route's rule rewrites the beginning of paths, that beginning is part of the base, so that an agent which knows
nothing of it is found under it.

Must not: read the network, keep bodies, trust a Host that the codec has not validated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from agw.a2a.card import (
    MAX_CARD_BYTES,
    CardOptions,
    KeyPlace,
    PublicBase,
    Refused,
    Rewritten,
    Unread,
    rewrite_card,
)
from agw.a2a.coding import UNDONE, decoded
from agw.a2a.urls import DEFAULT_PORTS
from agw.dataplane.entity_tags import not_modified, weak_etag
from agw.settings import Address
from agw.snapshot.model import Attachment, Backend, Entry, KeySource, Listener, Policy, Rule

_NOWHERE = PublicBase(
    "http", "gateway.invalid"
)  # what nothing is shown under, to see whether there is anything to show


@dataclass(frozen=True, slots=True)
class CardRequest:
    """The request that asks for a card, and what its answer says of itself.

    port: the listener's. authority: its validated Host, as received. https: to the trusted proxy in front.
    if_none_match, etag: "" without one. coding: the answer's content coding, in lower case. extended: by a path of the
    extended card. rpc: the card is the result of a JSON-RPC answer, which is no representation that a client could have.
    backend: the key of who answers. unread: why the reactor has let it pass; "" where it has not.
    """

    port: int
    authority: str
    if_none_match: str = ""
    etag: str = ""
    coding: str = ""
    https: bool = False
    extended: bool = False
    rpc: bool = False
    backend: str = ""
    unread: str = ""

    @classmethod
    def of(cls, context: Mapping[str, str]) -> CardRequest:
        """Take it from what the reactor tells of a request (agw._fastpath.reactor.Reactor)."""
        return cls(
            port=int(context["port"]),
            authority=context["authority"],
            if_none_match=context["if_none_match"],
            etag=context["etag"],
            coding=context["coding"].lower(),
            https=context["scheme"] == "https",
            extended=context["form"] == "extended",
            rpc=context["form"] == "rpc",
            backend=context["backend"],
            unread=context.get("unread", ""),
        )


Answer = tuple[int, bytes, str]
"""Status, body, ETag ("" for none): what goes to the client instead of the agent's answer. 502: the body says why."""


class Cards:
    """Rewrites cards by the configuration in service."""

    def __init__(self, unread: Callable[[str, str], None] = lambda _backend, _reason: None) -> None:
        """Begin without a configuration: nothing is rewritten.

        unread: told the key of the backend and why, of each card that passes with the agent's own URLs for want of a reader.
        """
        self._unread = unread
        self._entries: Mapping[str, Entry] = {}
        self._served: dict[int, Address] = {}

    def use(self, entries: Mapping[str, Entry]) -> None:
        """Take another configuration."""
        self._entries = entries

    def serve(self, port: int, address: Address | None) -> None:
        """Note where a listener port is served, or that it no longer is."""
        if address is None:
            self._served.pop(port, None)
        else:
            self._served[port] = address

    def answer(self, rule_key: str, body: bytes, request: CardRequest) -> Answer | None:
        """Give what a client gets for an agent's 200; None where that passes as it is.

        A card that the client has already is a 304 (RFC 9110 13.1.2): the agent was not asked for that, since its ETag
        is not that of a rewritten card. One that must not be shown is a 502. One that cannot be read passes, since it may
        be right as it is, and is told of: its clients may go past the gateway.
        """
        match self._read(rule_key, body, request):
            case Unread(reason):
                self._tell(rule_key, request.backend, reason)
                return None
            case None:
                same = request.etag and not_modified(request.if_none_match, request.etag)
                return (304, b"", request.etag) if same else None
            case Refused(reason):
                return 502, reason.encode(), ""
            case Rewritten(rewritten) if request.rpc:
                return 200, rewritten, ""
            case Rewritten(rewritten):
                etag = weak_etag(rewritten)
                return (304, b"", etag) if not_modified(request.if_none_match, etag) else (200, rewritten, etag)

    def _read(self, rule_key: str, body: bytes, request: CardRequest) -> Rewritten | Refused | Unread | None:
        if request.unread:
            return Unread(request.unread)
        text = decoded(body, request.coding, MAX_CARD_BYTES)
        return self.rewrite(rule_key, text, request) if text is not None else Unread(_undecoded(request.coding))

    def _tell(self, rule_key: str, backend: str, reason: str) -> None:
        """Tell of a card that passes unread, where somebody would have rewritten it."""
        if backend in [key for key, _ in self._backends(rule_key)]:
            self._unread(backend, reason)

    def rewrite(self, rule_key: str, body: bytes, request: CardRequest) -> Rewritten | Refused | Unread | None:
        """Rewrite the card that an agent of this rule answered with; None where it is to pass as it is."""
        rule = self._entries.get(rule_key)
        backends = [backend for _, backend in self._backends(rule_key)]
        if not isinstance(rule, Rule) or not backends or backends[0].card is None:
            return None
        card, attachment = backends[0].card, self._attachment(rule, request)
        options = CardOptions(
            signatures=card.signatures,
            other_urls=card.other_urls,
            keys=self._keys(rule, attachment) if card.advertise_security else (),
        )
        base = public_base(card.external_url, self._hostname(attachment, request), request, self._served)
        shown = _behind_rewrite(base or _NOWHERE, rule, keeps_path=bool(card.external_url))
        hosts = tuple(_hosts(rule, backends))
        found = rewrite_card(body, base=shown, hosts=hosts, options=options, extended=request.extended, rpc=request.rpc)
        if base is None and not isinstance(found, Unread | None):
            return Refused("the request names no host, and nothing else says under which URL clients reach this agent")
        return found

    def _backends(self, rule_key: str) -> list[tuple[str, Backend]]:
        """Give the agents of a rule whose cards are rewritten, with their keys."""
        rule = self._entries.get(rule_key)
        return [
            (weighted.backend, backend)
            for weighted in (rule.backends if isinstance(rule, Rule) else ())
            if isinstance(backend := self._entries.get(weighted.backend), Backend) and backend.card is not None
        ]

    def _attachment(self, rule: Rule, request: CardRequest) -> Attachment | None:
        """Find the attachment that took the request: on its port, with the most specific hostname that matches."""
        host = _split(request.authority)[0]
        candidates = [
            (_rank(hostname), attachment)
            for attachment in rule.attachments
            if self._port(attachment) == request.port
            for hostname in attachment.hostnames
            if _matches(hostname, host)
        ]
        return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None

    def _port(self, attachment: Attachment) -> int:
        listener = self._entries.get(attachment.listener)
        return listener.port if isinstance(listener, Listener) else 0

    def _hostname(self, attachment: Attachment | None, request: CardRequest) -> str:
        host = _split(request.authority)[0]
        matching = [name for name in attachment.hostnames if _matches(name, host)] if attachment else []
        return max(matching, key=_rank, default="")

    def _keys(self, rule: Rule, attachment: Attachment | None) -> tuple[KeyPlace, ...]:
        policy = self._entries.get((attachment and attachment.policy) or rule.policy)
        if not isinstance(policy, Policy) or policy.api_key is None:
            return ()
        return tuple(
            KeyPlace(source.header or source.query or source.cookie, source.scheme, _where(source))
            for source in policy.api_key.sources
        )


def _undecoded(coding: str) -> str:
    if coding not in UNDONE:
        return f"its content coding {coding} cannot be undone here"
    return f"its content coding {coding} is broken, or it has more than {MAX_CARD_BYTES >> 10} KiB without"


def _where(source: KeySource) -> str:
    return "header" if source.header else ("query" if source.query else "cookie")


def public_base(
    external_url: str, hostname: str, request: CardRequest, served: Mapping[int, Address]
) -> PublicBase | None:
    """Decide the public base by the rules above. hostname: the one that the request matched, "" for any.

    None where nothing says it: a request of HTTP/1.0 without Host on a wildcard address.
    """
    if external_url:
        return PublicBase.parse(external_url)
    scheme = "https" if request.https else "http"
    host, port = _split(request.authority, DEFAULT_PORTS[scheme])
    address = None if request.https else served.get(request.port)
    if hostname and not hostname.startswith("*."):
        listener = DEFAULT_PORTS[scheme] if request.https else request.port
        return PublicBase.of(scheme, hostname, _public_port(port, listener, address))
    if not hostname and address is not None and not _is_wildcard(address.host):
        return PublicBase.of(scheme, address.host, address.port)
    return PublicBase.of(scheme, host, port) if host and port else None


def _behind_rewrite(base: PublicBase, rule: Rule, *, keeps_path: bool) -> PublicBase:
    """Give the base of an agent that sees other paths than its clients; keeps_path: the base says its path itself."""
    rewrite = rule.filters.rewrite if rule.filters is not None else None
    edit = rewrite.path if rewrite is not None else None
    if edit is None or not edit.prefix:
        return base
    return replace(base, path=base.path if keeps_path else edit.prefix.rstrip("/"), inner=edit.value.rstrip("/"))


def _public_port(asked: int, listener: int, address: Address | None) -> int:
    if address is None or asked == listener:
        return listener
    if asked == address.port or _is_loopback(address.host):
        return address.port
    return listener


def _split(authority: str, default: int = 0) -> tuple[str, int]:
    """Host in lower case without a trailing dot, IPv6 without brackets, and port, the default where none is given."""
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, ""
    return host.removeprefix("[").removesuffix("]").lower().removesuffix("."), int(port) if port else default


def _matches(hostname: str, host: str) -> bool:
    return not hostname or hostname == host or (hostname.startswith("*.") and host.endswith(hostname[1:]))


def _rank(hostname: str) -> tuple[int, int]:
    return (0 if not hostname else 1 if hostname.startswith("*.") else 2, len(hostname))


def _hosts(rule: Rule, backends: Iterable[Backend]) -> list[str]:
    """Give the names by which the agent may speak of itself: as it is dialled, and as it is asked for."""
    targets = [target for backend in backends for target in backend.targets]
    found = [target.host for target in targets]
    found += [endpoint.address for target in targets for endpoint in target.endpoints]
    if rule.filters is not None and rule.filters.rewrite is not None and rule.filters.rewrite.hostname:
        found.append(rule.filters.rewrite.hostname)
    return list(dict.fromkeys(found))


def _is_wildcard(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
