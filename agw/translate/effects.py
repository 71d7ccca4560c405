"""What a rule's filters do to one request, as values and in words: for `agw explain`.

The compiled exchange does the same on bytes; this is its readable twin, as `precedence` is the table's.

Must not: decide whether a filter can be served (`filters` has), or come before the match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agw.snapshot.model import (
    Backend,
    Cors,
    Entry,
    Filters,
    HeaderEdit,
    Listener,
    Mirror,
    PathEdit,
    Redirect,
    Rewrite,
    Rule,
)
from agw.translate.precedence import Request

_PORTS = {"http": 80, "https": 443}


def edited(path: str, edit: PathEdit | None) -> str:
    """Give a path after an edit (Gateway API, HTTPPathModifier): whole segments of a prefix, and the rest as it was."""
    if edit is None:
        return path
    if not edit.prefix:
        return edit.value
    rest = path.removeprefix("/" if path == "/" else "") if edit.prefix == "/" else path[len(edit.prefix) :]
    return (edit.value if edit.value != "/" else "") + rest or "/"


def location(redirect: Redirect, listener: Listener, request: Request) -> str:
    """Give where a redirect leads.

    The port is the redirect's; else its scheme's own, where it names one; else the listener's, where it names a host;
    else the one that the client has asked, since that is where it has found us. One that the scheme has anyway is not
    written (Gateway API, HTTPRequestRedirectFilter.port).
    """
    scheme = redirect.scheme or ("https" if listener.protocol == "HTTPS" else "http")
    port = redirect.port or (0 if redirect.scheme else listener.port if redirect.hostname else request.asked)
    port = port or _PORTS[scheme]
    path = edited(request.path, redirect.path) + (f"?{request.query}" if request.query else "")
    return f"{scheme}://{redirect.hostname or request.host}{'' if port == _PORTS[scheme] else f':{port}'}{path}"


def rewritten(rewrite: Rewrite | None, request: Request) -> str:
    """Give host, path and query as the agent gets them, "" where no filter changes them."""
    if rewrite is None:
        return ""
    query = f"?{request.query}" if request.query else ""
    return f"{rewrite.hostname or request.host}{edited(request.path, rewrite.path)}{query}"


def is_preflight(request: Request) -> bool:
    """Say whether a browser asks whether it may ask (Fetch standard, CORS-preflight request)."""
    asked = request.header("origin"), request.header("access-control-request-method")
    return request.method == "OPTIONS" and None not in asked


def allows(cors: Cors, origin: str) -> bool:
    """Say whether pages of an origin may read the answers."""
    scheme, _, rest = origin.lower().partition("://")
    host, colon, port = rest.partition(":")
    return any(
        one == "*" or (one.partition("://")[0] == scheme and _covers(one.partition("://")[2], host, colon + port))
        for one in cors.origins
    )


def _covers(pattern: str, host: str, port: str) -> bool:
    wanted, colon, number = pattern.partition(":")
    if colon + number != port:
        return False
    if wanted == "*":
        return host != ""
    return host.endswith(wanted[1:]) and len(host) >= len(wanted) if wanted.startswith("*.") else host == wanted


def in_words(filters: Filters | None, entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """Say what filters do, one line for each."""
    return tuple(_lines(filters, entries)) if filters is not None else ()


def timeouts_in_words(rule: Rule) -> str:
    """Say how long a rule waits, "" where it is the gateway's own settings that say."""
    parts = ((rule.request_timeout_ms, "the request"), (rule.backend_timeout_ms, "each try"))
    return ", ".join(f"{milliseconds / 1000:g} s for {what}" for milliseconds, what in parts if milliseconds)


def time_in_words(milliseconds: int, what: str) -> str:
    """Say what a policy's time bounds."""
    return f"{milliseconds / 1000:g} s {what}" if milliseconds else "no limit"


def retry_in_words(rule: Rule) -> str:
    """Say when a rule tries again, "" where it says nothing of it."""
    retry = rule.retry
    if retry is None:
        return ""
    after = f"{', '.join(map(str, retry.codes))} and " if retry.codes else ""
    wait = f", at least {retry.backoff_ms} ms apart" if retry.backoff_ms else ""
    return f"up to {retry.attempts} more after {after}failed connections{wait}"


def _lines(filters: Filters, entries: Mapping[str, Entry]) -> Iterator[str]:
    if filters.cors is not None:
        yield _cors(filters.cors)
    if filters.redirect is not None:
        yield f"redirects with {filters.redirect.status}"
    if filters.request_headers is not None:
        yield f"request headers: {_edit(filters.request_headers)}"
    if filters.rewrite is not None:
        yield f"rewrites {_rewrite(filters.rewrite)}"
    yield from (_mirror(mirror, entries) for mirror in filters.mirrors)
    if filters.response_headers is not None:
        yield f"response headers: {_edit(filters.response_headers)}"


def _cors(cors: Cors) -> str:
    return f"CORS for {', '.join(cors.origins) or 'no origin'}{' with credentials' if cors.credentials else ''}"


def _edit(edit: HeaderEdit) -> str:
    """Name the headers; their values may be secrets that only the agent should see."""
    parts = {
        "set": [header.name for header in edit.set],
        "add": [header.name for header in edit.add],
        "remove": edit.remove,
    }
    return "; ".join(f"{what} {', '.join(names)}" for what, names in parts.items() if names)


def _rewrite(rewrite: Rewrite) -> str:
    path = rewrite.path
    return " and ".join(
        said
        for said in (
            rewrite.hostname and f"the Host to {rewrite.hostname}",
            path
            and (
                f"{path.prefix} at the beginning of the path to {path.value}"
                if path.prefix
                else f"the path to {path.value}"
            ),
        )
        if said
    )


def _mirror(mirror: Mirror, entries: Mapping[str, Entry]) -> str:
    backend = entries.get(mirror.backend)
    to = f"{backend.kind} {backend.ref}" if isinstance(backend, Backend) else mirror.backend
    part = "" if mirror.numerator == mirror.denominator else f"{mirror.numerator} in {mirror.denominator} requests "
    return f"mirrors {part}to {to}"
