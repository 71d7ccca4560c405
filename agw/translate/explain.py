"""Who takes a request, under which policy and where to, and why the others do not: the payload of `agw explain`.

Rules: the winner is the compiled table's (the order is `precedence`'s); reasons are found by asking each condition
again, in words. What the gateway would answer itself (404, 401, 500, 503) is an outcome like any other.

Must not: send anything, or show a credential, not even the one in the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from agw.a2a.card import is_card_path
from agw.a2a.operations import OPERATIONS
from agw.errors import Reason
from agw.snapshot.model import (
    ApiKeyAuth,
    Backend,
    Cors,
    CredentialSet,
    Entry,
    Filters,
    KeySource,
    Listener,
    Policy,
    Rule,
    Target,
)
from agw.translate import authorization, effects, hostnames, limits, paths
from agw.translate.gateways import listener_key
from agw.translate.key_sources import is_dropped
from agw.translate.policies import PolicyField
from agw.translate.precedence import Candidate, Request, candidates, listener_for, refusal, why
from agw.translate.result import ObjectKey, Translation

_PORTS = {"http": 80, "https": 443}
_MOVED = 8000  # without root, listener ports under 1024 move up by this


@dataclass(frozen=True, slots=True)
class Loser:
    """A match, or a whole object, that does not take the request. part: JSON path, "" the whole."""

    object: ObjectKey
    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class Share:
    """A backend with its part of the requests, 0 to 1. error: why its part is answered with 500.

    filters: what is done on the way to it alone, in words. affinity: as in the snapshot's Backend.
    """

    ref: str
    kind: str
    share: float
    targets: tuple[Target, ...] = ()
    error: str = ""
    filters: tuple[str, ...] = ()
    affinity: str = "None"


@dataclass(frozen=True, slots=True)
class FieldOrigin:
    """A field of the policy in force, and the TrafficPolicy that it came from."""

    field: str
    policy: str
    says: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happens to one request. status: 0 where the agent answers, else the gateway's own answer.

    why: in words. consumer: whose key it is. filters: what is done on the way, in words. location: where a redirect leads.
    rewritten: host, path and query as the agent gets them, where that is not as they came. Fields that the request does
    not come to are empty.
    """

    request: Request
    status: int
    reason: Reason
    why: str
    gateway: str = ""
    listener: Listener | None = None
    rule: Rule | None = None
    match: int = 0
    hostname: str = ""
    policy: Policy | None = None
    origins: tuple[FieldOrigin, ...] = ()
    consumer: str = ""
    filters: tuple[str, ...] = ()
    location: str = ""
    rewritten: str = ""
    backends: tuple[Share, ...] = ()
    losers: tuple[Loser, ...] = ()
    notes: tuple[str, ...] = ()


def parse(
    method: str, url: str, headers: tuple[tuple[str, str], ...], ports: frozenset[int]
) -> tuple[Request, tuple[str, ...]]:
    """Make a request of what was typed, as the gateway would see it, and notes; ValueError where none can be made.

    ports: those of the listeners. A URL's port may be the one that the listener was moved to (8080 for 80); where the
    folder has one port only, that one is meant.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in _PORTS:
        msg = f"{parts.scheme} is no scheme that a listener speaks: http is"
        raise ValueError(msg)
    typed = parts.port or _PORTS[parts.scheme]
    port, notes = _listener_port(typed, ports)
    folded = tuple((name.lower(), value.strip()) for name, value in headers)
    host = next((value for name, value in folded if name == "host"), parts.netloc.rpartition("@")[2])
    path = paths.normalise(parts.path or "/")
    request = Request(method, _host(host), path, parts.query, folded, port, _port(host))
    if path != (parts.path or "/"):
        notes = (*notes, f"the path is taken as {path}")
    return request, notes


def _listener_port(typed: int, ports: frozenset[int]) -> tuple[int, tuple[str, ...]]:
    if typed in ports or not ports:
        return typed, ()
    if typed - _MOVED in ports:
        return typed - _MOVED, (f"port {typed} is where listener port {typed - _MOVED} is served without root",)
    if len(ports) == 1:
        only = next(iter(ports))
        return only, (f"no listener has port {typed}: taken as {only}, the only one there is",)
    return typed, ()


def _host(authority: str) -> str:
    """Give the host for matching: lower-case, without port and trailing dot."""
    host = authority.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")


def _port(authority: str) -> int:
    """Give the port of an authority, 0 where it has none."""
    port = authority.rpartition("]")[2].rpartition(":")[2]
    return int(port) if port.isdecimal() else 0


def explain(translation: Translation, request: Request, notes: tuple[str, ...] = ()) -> Explanation:
    """Say what happens to a request: the Gateways are taken together, as one process serves them."""
    gateway, found = "", None
    for name in sorted(translation.snapshots):
        listener = listener_for(translation.snapshots[name], request)
        if listener is not None and (found is None or _goes_before(listener[1], found[1])):
            gateway, found = name, listener
    if found is None:
        said = f"no listener on port {request.port} takes host {request.host or '(none)'}"
        losers = (*_other_listeners(translation, request, ""), *_objects(translation))
        return Explanation(request, 404, Reason.NOT_FOUND, said, losers=losers, notes=notes)
    entries = translation.snapshots[gateway]
    key, listener_entry = found
    ordered = candidates(entries, key)
    winner = _winner(ordered, request)
    losers = (
        *(_lost(item, winner, request) for item in ordered if item is not winner),
        *_other_listeners(translation, request, key),
        *_objects(translation),
    )
    if winner is None:
        said = f"no rule on listener {listener_entry.name} matches"
        return Explanation(
            request, 404, Reason.NOT_FOUND, said, gateway, listener_entry, losers=_distinct(losers), notes=notes
        )
    so_far = Explanation(
        request, 0, Reason.UPSTREAM, "", gateway, listener_entry, losers=_distinct(losers), notes=notes
    )
    return _outcome(translation, entries, winner, so_far)


def _winner(ordered: list[Candidate], request: Request) -> Candidate | None:
    """Find who takes a request; a preflight also goes to the CORS filter of what is to come after it."""
    winner = next((item for item in ordered if not refusal(item, request)), None)
    if not effects.is_preflight(request) or (winner is not None and _cors(winner) is not None):
        return winner
    coming = replace(request, method=request.header("access-control-request-method") or "")
    after = next((item for item in ordered if not refusal(item, coming)), None)
    return after if after is not None and _cors(after) is not None else winner


def _cors(item: Candidate) -> Cors | None:
    return item.rule.filters.cors if item.rule.filters is not None else None


def _goes_before(one: Listener, other: Listener) -> bool:
    return hostnames.specificity(one.hostname) < hostnames.specificity(other.hostname)


def _outcome(
    translation: Translation, entries: Mapping[str, Entry], winner: Candidate, so_far: Explanation
) -> Explanation:
    """Go on from the match as an exchange does: preflight, policy, the rule's own error, redirect, then the backends."""
    rule, request, listener = winner.rule, so_far.request, so_far.listener
    filters = rule.filters or Filters()
    taken = listener_key(so_far.gateway, listener.name) if listener is not None else ""
    attachment = next(item for item in rule.attachments if item.listener == taken)
    key = attachment.policy or rule.policy
    entry = entries.get(key)
    policy = entry if isinstance(entry, Policy) else None
    shares, location, consumer = _shares(entries, rule), "", ""
    if filters.cors is not None and effects.is_preflight(request):
        status, reason, said = _preflight(filters.cors, request)
    else:
        status, reason, said, consumer = _admit(entries, key, policy, request)
        if not status and filters.redirect is not None and listener is not None:
            location = effects.location(filters.redirect, listener, request)
            status, reason, said = filters.redirect.status, Reason.LOCAL, f"redirects to {location}"
        elif not status:
            status, reason, said = _answer(rule, shares)
    return replace(
        so_far,
        status=status,
        reason=reason,
        why=said,
        rule=rule,
        match=winner.match,
        hostname=winner.hostname,
        policy=policy,
        origins=tuple(
            FieldOrigin(item.name, item.policy, _says(item, consumer)) for item in translation.origins.get(key, ())
        ),
        consumer=consumer,
        filters=effects.in_words(rule.filters, entries),
        location=location,
        rewritten="" if status else effects.rewritten(filters.rewrite, request),
        backends=shares,
    )


def _preflight(cors: Cors, request: Request) -> tuple[int, Reason, str]:
    """(status, reason, words): a preflight is answered whatever the policy, since browsers send no key with it."""
    origin = request.header("origin") or ""
    if effects.allows(cors, origin):
        return 204, Reason.LOCAL, f"a CORS preflight, answered: pages of {origin} may ask"
    return 204, Reason.LOCAL, f"a CORS preflight, answered without leave: {origin} is none of allowOrigins"


def _admit(
    entries: Mapping[str, Entry], key: str, policy: Policy | None, request: Request
) -> tuple[int, Reason, str, str]:
    """(status or 0, reason, words, consumer) of the policy."""
    passed = (0, Reason.UPSTREAM, "", "")
    if policy is None:
        return passed if not key else (500, Reason.POLICY_INVALID, f"policy {key} is missing", "")
    if policy.deny:
        return 500, Reason.POLICY_INVALID, policy.deny, ""
    card = request.method in {"GET", "HEAD"} and is_card_path(request.path)
    if policy.api_key is not None:
        if policy.api_key.public_agent_card and card:
            return passed
        passed = _authenticate(entries, policy.api_key, request)
    status, _, _, consumer = passed
    return passed if status else _authorize(policy, consumer, card=card)


def _authorize(policy: Policy, consumer: str, *, card: bool) -> tuple[int, Reason, str, str]:
    """(status or 0, reason, words, consumer). Which operation a body asks for is not known here, so any may be."""
    rules = policy.authorization
    if rules is None:
        return 0, Reason.UPSTREAM, "", consumer
    asked = ["GetAgentCard"] if card else [name for name in OPERATIONS if name != "GetAgentCard"]
    if any(authorization.allows(rules, consumer, name) for name in asked):
        return 0, Reason.UPSTREAM, "", consumer
    what = "read the agent card" if card else "ask for anything"
    return 403, Reason.FORBIDDEN, f"no rule lets {consumer or 'a client without a key'} {what}", consumer


def _says(field: PolicyField, consumer: str) -> str:
    if field.deny:
        return field.deny
    if field.authorization is not None:
        return f"{consumer or 'a client without a key'} {authorization.in_words(field.authorization, consumer)}"
    if field.limits or field.streams is not None:
        return limits.in_words(field.limits, field.streams)
    if field.request_timeout_ms is not None:
        return effects.time_in_words(field.request_timeout_ms, "to the head of the agent's answer, then 504")
    if field.stream_idle_ms is not None:
        return effects.time_in_words(field.stream_idle_ms, "of silence on an event stream, then it is cut")
    return "API keys"


def _authenticate(entries: Mapping[str, Entry], auth: ApiKeyAuth, request: Request) -> tuple[int, Reason, str, str]:
    """(status or 0, reason, words, consumer): exactly one key, and a known one."""
    presented = [value for source in auth.sources for value in _presented(source, request)]
    if not presented and auth.mode == "Optional":
        return 0, Reason.UPSTREAM, "", ""
    consumer = _consumer(entries, auth, presented[0]) if len(presented) == 1 else ""
    if consumer:
        return 0, Reason.UPSTREAM, "", consumer
    places = " or ".join(_place(item) for item in auth.sources)
    said = {0: f"no API key in {places}", 1: "the API key is not one of the Secret's"}
    return 401, Reason.UNAUTHENTICATED, said.get(len(presented), "more than one API key"), ""


def _place(source: KeySource) -> str:
    if source.query or source.cookie:
        return f"query {source.query}" if source.query else f"cookie {source.cookie}"
    return f"{source.header}{f': {source.scheme} KEY' if source.scheme else ''}"


def _presented(source: KeySource, request: Request) -> list[str]:
    """Give the keys that a request has in a place; one with another scheme is none."""
    if source.query:
        pairs = [pair.partition("=") for pair in request.query.split("&")]
        return [
            unquote(key, errors="surrogateescape")
            for name, sign, key in pairs
            if sign and unquote(name) == source.query
        ]
    if source.cookie:
        cookies = [cookie for name, value in request.headers if name == "cookie" for cookie in value.split(";")]
        pairs = [cookie.strip(" \t").partition("=") for cookie in cookies]
        return [_unquoted(key) for name, sign, key in pairs if sign and name == source.cookie]
    found = []
    for name, value in request.headers:
        if name != source.header or is_dropped(name):
            continue
        if not source.scheme:
            found.append(value)
            continue
        scheme, _, key = value.partition(" ")
        if scheme.lower() == source.scheme.lower():
            found.append(key.lstrip(" "))
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _consumer(entries: Mapping[str, Entry], auth: ApiKeyAuth, key: str) -> str:
    known = entries.get(auth.credentials)
    if not isinstance(known, CredentialSet) or not key:
        return ""
    digest = sha256(key.encode("utf-8", "surrogateescape")).digest()
    return next((item.consumer for item in known.credentials if item.sha256 == digest), "")


def _shares(entries: Mapping[str, Entry], rule: Rule) -> tuple[Share, ...]:
    total = sum(item.weight for item in rule.backends)
    shares = []
    for item in rule.backends:
        entry = entries.get(item.backend)
        backend = entry if isinstance(entry, Backend) else None
        part = item.weight / total if total else 0.0
        if backend is None:
            shares.append(Share(item.backend, "", part, error=item.error or f"{item.backend} is missing"))
        else:
            words = effects.in_words(item.filters, entries)
            known = backend.ref, backend.kind, part, backend.targets, item.error, words, backend.affinity
            shares.append(Share(*known))
    return tuple(shares)


def _answer(rule: Rule, shares: tuple[Share, ...]) -> tuple[int, Reason, str]:
    """(status or 0, reason, words): a certain answer, where every share has it; else what may happen is in words."""
    live = [share for share in shares if share.share]
    if rule.error:
        return 500, Reason.INVALID_BACKEND, rule.error
    if not live:
        return 500, Reason.INVALID_BACKEND, "the rule has no backend with a weight"
    if all(share.error for share in live):
        return 500, Reason.INVALID_BACKEND, "; ".join(share.error for share in live)
    if all(share.error or not _reachable(share) for share in live):
        empty = ", ".join(f"{share.kind} {share.ref}" for share in live if not share.error)
        return 503, Reason.NO_ENDPOINT, f"no endpoint is known for {empty}"
    return 0, Reason.UPSTREAM, ""


def _reachable(share: Share) -> bool:
    return any(target.weight and not target.error and (target.endpoints or target.dns) for target in share.targets)


def _lost(item: Candidate, winner: Candidate | None, request: Request) -> Loser:
    namespace, _, name = item.rule.route.partition("/")
    reason = refusal(item, request)
    if not reason and winner is not None:
        taker = f"rules[{winner.rule.index}] of HTTPRoute {winner.rule.route}"
        reason = f"it matches too, but {taker} goes first: {why(winner, item)}"
    part = f"$.spec.rules[{item.rule.index}].matches[{item.match}]"
    return Loser(ObjectKey(item.rule.kind, namespace, name), part, reason)


def _other_listeners(translation: Translation, request: Request, taken: str) -> tuple[Loser, ...]:
    found = []
    for entries in translation.snapshots.values():
        for key, entry in entries.items():
            if isinstance(entry, Listener) and key != taken:
                namespace, _, name = entry.gateway.partition("/")
                reason = _listener_refusal(entry, request)
                found.append(Loser(ObjectKey("Gateway", namespace, name), f"listener {entry.name}", reason))
    return tuple(found)


def _listener_refusal(listener: Listener, request: Request) -> str:
    if listener.port != request.port:
        return f"its port is {listener.port}"
    if not hostnames.matches(listener.hostname, request.host):
        return f"host {request.host or '(none)'} is not {listener.hostname}"
    return "another listener's hostname is more specific"


def _objects(translation: Translation) -> tuple[Loser, ...]:
    """Give the routes and Gateways that take nothing at all, or not there."""
    return tuple(
        Loser(loser.object, loser.path, f"{loser.reason}: {loser.message}")
        for loser in translation.losers
        if loser.object.kind in {"Gateway", "HTTPRoute"} and loser.reason != "Shadowed"
    )


def _distinct(losers: tuple[Loser, ...]) -> tuple[Loser, ...]:
    """Drop repeats: one match under several hostnames loses once for each reason."""
    return tuple(dict.fromkeys(losers))


def listener_ports(translation: Translation) -> frozenset[int]:
    """Give the ports of all listeners that are served."""
    return frozenset(
        entry.port
        for entries in translation.snapshots.values()
        for entry in entries.values()
        if isinstance(entry, Listener)
    )
