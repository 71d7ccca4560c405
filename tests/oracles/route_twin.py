"""Which rule takes a request, said as plainly as it can be: gather everything that matches, take the most specific.

The slow twin of agw._fastpath.table, written from the Gateway API's text and not from the compiled code. It sorts all
matches of all rules for every request, compiles nothing and shares nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from agw.snapshot.model import Attachment, Entry, FieldMatch, Listener, Match, PathMatch, Rule


@dataclass(frozen=True, slots=True)
class Request:
    """What a route can see of a request. host: lower-case, no port. query: None without "?"."""

    port: int
    method: bytes
    host: bytes
    path: bytes
    query: bytes | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The rule, the match in it, and the key of the policy in force ("" without)."""

    rule: str
    match: int
    policy: str


def answer(entries: Mapping[str, Entry], request: Request) -> Answer | None:
    """Find what takes the request; None is a 404."""
    listeners = {
        key: entry
        for key, entry in entries.items()
        if isinstance(entry, Listener) and entry.port == request.port and takes_host(entry.hostname, request.host)
    }
    if not listeners:
        return None
    most_specific = min((entry.hostname for entry in listeners.values()), key=host_rank)
    serving = {key for key, entry in listeners.items() if entry.hostname == most_specific}
    found = [
        (rank(key, rule, hostname, index), place, Answer(key, index, attachment.policy or rule.policy))
        for key, rule in entries.items()
        if isinstance(rule, Rule)
        for place, attachment in enumerate(rule.attachments)
        if attachment.listener in serving
        for hostname in hostnames(attachment, request.host)
        for index, match in enumerate(rule.matches)
        if takes(match, request)
    ]
    return min(found, key=lambda one: one[:2])[2] if found else None


def hostnames(attachment: Attachment, host: bytes) -> list[str]:
    """Those of an attachment that take the host."""
    return [hostname for hostname in attachment.hostnames if takes_host(hostname, host)]


def takes_host(hostname: str, host: bytes) -> bool:
    """`*.x` takes any labels before x, but at least one."""
    if hostname.startswith("*."):
        suffix = hostname[1:].encode()
        return host.endswith(suffix) and len(host) > len(suffix)
    return not hostname or hostname.encode() == host


def host_rank(hostname: str) -> tuple[int, int]:
    """Exact, then the longest wildcard, then any."""
    if not hostname:
        return (2, 0)
    return (1, -len(hostname)) if hostname.startswith("*.") else (0, 0)


def path_rank(path: PathMatch) -> tuple[int, int]:
    """Exact, then the longest expression, then the longest prefix."""
    if path.kind == "Exact":
        return (0, 0)
    if path.kind == "RegularExpression":
        return (1, -len(path.value))
    return (2, -len(path.value.rstrip("/")))


def rank(key: str, rule: Rule, hostname: str, index: int) -> tuple[object, ...]:
    """Smaller is more specific."""
    match = rule.matches[index]
    return (
        host_rank(hostname),
        path_rank(match.path),
        0 if match.method else 1,
        -len(match.headers),
        -len(match.queries),
        rule.created or "no age is younger than any",
        rule.route,
        rule.index,
        index,
        key,
    )


def takes(match: Match, request: Request) -> bool:
    """All conditions hold."""
    return (
        takes_path(match.path, request.path)
        and match.method.encode() in (b"", request.method)
        and all(takes_field(field, header_value(field.name, request.headers)) for field in match.headers)
        and all(takes_field(field, query_value(field.name, request.query)) for field in match.queries)
    )


def takes_path(wanted: PathMatch, path: bytes) -> bool:
    """A prefix takes whole segments; an expression takes the whole path."""
    if not path.startswith(b"/"):
        return False
    if wanted.kind == "Exact":
        return path == wanted.value.encode()
    if wanted.kind == "RegularExpression":
        return expression_takes(wanted.value, path)
    prefix = wanted.value.rstrip("/").encode()
    return path == prefix or path.startswith(prefix + b"/")


def takes_field(wanted: FieldMatch, value: bytes | None) -> bool:
    """A header or a parameter has the value; one that is absent has none."""
    if value is None:
        return False
    return expression_takes(wanted.value, value) if wanted.regex else value == wanted.value.encode()


def expression_takes(expression: str, text: bytes) -> bool:
    """An expression that does not compile takes nothing."""
    try:
        return re.fullmatch(expression.encode(), text) is not None
    except re.error:
        return False


def header_value(name: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """RFC 9110 5.3: fields of one name are one list."""
    values = [value for written, value in headers if written.lower() == name.encode()]
    return b", ".join(values) if values else None


def query_value(name: str, query: bytes | None) -> bytes | None:
    """The first parameter of that name, decoded as a form is."""
    for parameter in (query or b"").split(b"&"):
        written, _, value = parameter.partition(b"=")
        if form_decoded(written) == name.encode():
            return form_decoded(value)
    return None


def form_decoded(text: bytes) -> bytes:
    """Decode escapes and plus signs; what begins no escape stands for itself."""
    return unquote_to_bytes(text.replace(b"+", b" "))
