"""Which match takes a request: the Gateway API's precedence as an ordering on values, and each condition as a question.

The compiled table (`agw/_fastpath/table.pyx`) walks the same order without sorting; this is its readable twin, for
`agw explain`, and a property test holds the two together.

Order: the most specific listener hostname, and only its routes; then the route's hostname, longest exact, longest
wildcard, any; then Exact before RegularExpression (longer pattern first) before the longest PathPrefix; a method; more
headers; more query parameters; older; namespace/name; rule; match (HTTPRouteRule.matches and GEP-1364).

Must not: parse a request's bytes; a request comes in here as values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import re2

from agw.snapshot.model import Entry, FieldMatch, Listener, Match, PathMatch, Rule
from agw.translate import hostnames

_KINDS = {"Exact": 0, "RegularExpression": 1, "PathPrefix": 2}


@dataclass(frozen=True, slots=True)
class Request:
    """What a match looks at. host: lower-case, no port, no trailing dot. path: normalised. query: raw, without "?".

    headers: (lower-case name, value), in order. port: the listener's. asked: the one that the client names with the
    host, 0 where it names none.
    """

    method: str
    host: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    port: int = 80
    asked: int = 0
    parameters: Mapping[str, bytes] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Split the query once: the first parameter of a name counts, "+" is a space, a stray "%" itself."""
        found: dict[str, bytes] = {}
        for part in self.query.split("&") if self.query else ():
            name, _, value = part.partition("=")
            decoded = _decode(name).decode("utf-8", "surrogateescape")
            found.setdefault(decoded, _decode(value))
        object.__setattr__(self, "parameters", found)

    def header(self, name: str) -> str | None:
        """Give the value of a header; several lines of one name are one list (RFC 9110 5.3)."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


def _decode(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One match of one rule under one hostname of a listener."""

    key: str
    rule: Rule
    match: int
    hostname: str

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts first what wins, of two that both take a request."""
        match = self.rule.matches[self.match]
        return (
            hostnames.specificity(self.hostname),
            _KINDS[match.path.kind],
            -len(match.path.value.encode()),
            not match.method,
            -len(match.headers),
            -len(match.queries),
            self.rule.created,
            self.rule.route,
            self.rule.index,
            self.match,
        )


ORDER_WORDS = (
    "its hostname is more specific",
    "its kind of path match comes first (Exact, RegularExpression, PathPrefix)",
    "its path is longer",
    "it names a method",
    "it has more header conditions",
    "it has more query conditions",
    "its route is older",
    "its route comes first by name",
    "its rule comes first in the route",
    "its match comes first in the rule",
)
"""Why a candidate wins, by the first component of `order` that differs."""


def why(winner: Candidate, loser: Candidate) -> str:
    """Say why one candidate goes before another that takes the request too."""
    for word, first, second in zip(ORDER_WORDS, winner.order, loser.order, strict=True):
        if first != second:
            return word
    return "they are the same"


def listener_for(entries: Mapping[str, Entry], request: Request) -> tuple[str, Listener] | None:
    """Give the listener of the request's port that takes its host, the most specific first."""
    found = [
        (key, entry)
        for key, entry in entries.items()
        if isinstance(entry, Listener)
        and entry.port == request.port
        and hostnames.matches(entry.hostname, request.host)
    ]
    return min(found, key=lambda item: (hostnames.specificity(item[1].hostname), item[0]), default=None)


def candidates(entries: Mapping[str, Entry], listener: str) -> list[Candidate]:
    """Give all matches that are served on a listener, the winner of any two first."""
    found = [
        Candidate(key, entry, number, hostname)
        for key, entry in entries.items()
        if isinstance(entry, Rule)
        for attachment in entry.attachments
        if attachment.listener == listener
        for hostname in attachment.hostnames
        for number in range(len(entry.matches))
    ]
    return sorted(found, key=lambda candidate: candidate.order)


def refusal(candidate: Candidate, request: Request) -> str:
    """Say the first reason why a match does not take a request; "" where it does."""
    match = candidate.rule.matches[candidate.match]
    if not hostnames.matches(candidate.hostname, request.host):
        return f"host {request.host or '(none)'} is not {candidate.hostname}"
    return _path_refusal(match.path, request.path) or _condition_refusal(match, request)


def _path_refusal(path: PathMatch, actual: str) -> str:
    if path.kind == "Exact":
        return "" if actual == path.value else f"path is not exactly {path.value}"
    if path.kind == "PathPrefix":
        within = path.value in {"/", actual} or actual.startswith(path.value + "/")
        return "" if within else f"path does not begin with the segments {path.value}"
    return "" if _full(path.value, actual.encode()) else f"path does not match the expression {path.value}"


def _condition_refusal(match: Match, request: Request) -> str:
    if match.method and match.method != request.method:
        return f"method is not {match.method}"
    for wanted in match.headers:
        found = request.header(wanted.name)
        refused = _field_refusal("header", wanted, None if found is None else found.encode("utf-8", "surrogateescape"))
        if refused:
            return refused
    for wanted in match.queries:
        refused = _field_refusal("query parameter", wanted, request.parameters.get(wanted.name))
        if refused:
            return refused
    return ""


def _field_refusal(what: str, wanted: FieldMatch, found: bytes | None) -> str:
    """Say why a field does not do. The value that came is not repeated: it may be a credential."""
    if found is None:
        return f"{what} {wanted.name} is missing"
    if wanted.regex:
        return "" if _full(wanted.value, found) else f"{what} {wanted.name} does not match {wanted.value}"
    return "" if found == wanted.value.encode() else f"{what} {wanted.name} is not {wanted.value}"


def _full(pattern: str, text: bytes) -> bool:
    """Match the whole text against an expression, as bytes: what comes from the wire need be no UTF-8."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    try:
        return re2.compile(pattern, options).fullmatch(text) is not None
    except re2.error:
        return False
