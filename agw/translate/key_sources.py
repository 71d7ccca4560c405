"""Where a policy looks for keys, and which of those places can let nobody in.

A request must have exactly one key, counted over all sources. So a source that sees only what another one sees as well
finds every key a second time, and two keys are none; and what the gateway drops of a request before keys are looked for
is never seen.

Rules: a source that is said twice is one: the name of a header and its scheme in any case. A source is told of only where
no request whatsoever gets in by it; that a client may send two keys by itself (a header and a cookie) is its affair.

Must not: change what a policy says; a source that lets nobody in is still looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agw.resources.agentgateway import KeySource
from agw.snapshot import model

# Of this connection alone, or the gateway's own word about the client, and so dropped as soon as a request is read. Left
# out are those that trusted peers may send.
DROPPED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    }
)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A source that lets nobody in. index: in the policy's list."""

    index: int
    message: str
    hint: str


def distinct(sources: Iterable[KeySource]) -> tuple[model.KeySource, ...]:
    """Give each place once: in one that is looked at twice each key would be found twice."""
    places: dict[KeySource, model.KeySource] = {}
    for source in sources:
        place = model.KeySource(source.header.lower(), source.scheme, source.query, source.cookie)
        places.setdefault(_folded(source), place)
    return tuple(places.values())


def unusable(sources: Iterable[KeySource]) -> tuple[Unusable, ...]:
    """Tell which sources can let nobody in, each place once and in the policy's order."""
    places: dict[KeySource, tuple[int, KeySource]] = {}
    for index, source in enumerate(sources):
        places.setdefault(_folded(source), (index, source))
    whole = {place.header for place in places if place.header and not place.scheme and not is_dropped(place.header)}
    return tuple(
        Unusable(index, f"nobody gets in by {_in_words(source)}: {why}", hint)
        for index, source in places.values()
        for why, hint in _faults(source, whole)
    )


def is_dropped(header: str) -> bool:
    """Whether a header is gone before keys are looked for. One with `_` is one that CGI takes for another, with `-`."""
    return header.lower() in DROPPED or "_" in header


def _faults(source: KeySource, whole: set[str]) -> Iterable[tuple[str, str]]:
    """What is wrong with a source, and what to do. whole: the headers of which the whole value is a key."""
    header = source.header or ("Cookie" if source.cookie else "")
    if source.header and is_dropped(source.header):
        dashed = source.header.replace("_", "-")
        yield (
            "the gateway drops that header from every request before it looks for keys",
            f"use {dashed if not is_dropped(dashed) else 'X-API-Key'}",
        )
    elif header.lower() in whole and (source.scheme or source.cookie):
        yield (
            f"the source `header: {header}` without a scheme takes the same header for a second key, and two are none",
            "keep one of the two sources",
        )


def _in_words(source: KeySource) -> str:
    if source.query or source.cookie:
        return f"query {source.query}" if source.query else f"cookie {source.cookie}"
    return f"header {source.header}" + (f" with scheme {source.scheme}" if source.scheme else "")


def _folded(source: KeySource) -> KeySource:
    return KeySource(source.header.lower(), source.scheme.lower(), source.query, source.cookie)
