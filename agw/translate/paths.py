"""Paths of matches, under the same rules as the paths of requests, so that what is written can be met.

Rules (RFC 3986 6.2.2): unreserved characters decoded, dot segments removed, empty segments merged, everything else
byte for byte. Refused, as in a request: an encoding that is none, an encoded NUL, slash or backslash, and a path that
climbs above the root. The compiled twin is `agw/_fastpath/fields.pyx`; a test compares the two.
"""

from __future__ import annotations

import re

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_REFUSED = {"%00": "NUL", "%2F": "slash", "%5C": "backslash"}
_TARGET = re.compile(r"[!-~]*")  # a request target has visible ASCII only (RFC 9112 3.2)
_CHARACTERS = re.compile(r"[-A-Za-z0-9/._~!$&'()*+,;=:@%]*")  # pchar and slash (RFC 3986 3.3)
_ENCODED = re.compile(r"%(.{0,2})", re.DOTALL)


def normalise(path: str) -> str:
    """Give the path as a request's would be seen; ValueError says why no request's path can be it."""
    if not path.startswith("/"):
        msg = "a path begins with /"
        raise ValueError(msg)
    if not _TARGET.fullmatch(path) or any(character in path for character in "?#"):
        msg = "a path holds visible ASCII characters without ? and #; others are written as %XX"
        raise ValueError(msg)
    segments: list[str] = []
    parts = _ENCODED.sub(_decode, path).split("/")[1:]
    for segment in parts:
        if segment == "..":
            if not segments:
                msg = ".. climbs above the root"
                raise ValueError(msg)
            segments.pop()
        elif segment not in {"", "."}:
            segments.append(segment)
    trailing = parts[-1] in {"", ".", ".."} and segments
    return "/" + "/".join(segments) + ("/" if trailing else "")


def prefix(path: str) -> str:
    """Give a PathPrefix's value, normalised and without its trailing slash (a prefix is whole segments)."""
    return normalise(path).rstrip("/") or "/"


def replacement(path: str) -> str:
    """Give a path to put in place of a request's, or of its beginning: normalised, with the slash that it may lack.

    ValueError says why there can be none. A filter's path is held to the rules of requests' paths, so that the agent
    sees nothing that a client could not have asked for.
    """
    if not _CHARACTERS.fullmatch(path):
        msg = (
            "a path holds letters, digits and -._~!$&'()*+,;=:@/ (a query is not part of it); others are written as %XX"
        )
        raise ValueError(msg)
    return normalise(path if path.startswith("/") else f"/{path}")


def _decode(found: re.Match[str]) -> str:
    digits = found[1]
    if not re.fullmatch(r"[0-9A-Fa-f]{2}", digits):
        msg = f"{found[0]} is no percent-encoding: two hexadecimal digits must follow %"
        raise ValueError(msg)
    name = _REFUSED.get(found[0].upper())
    if name:
        msg = f"an encoded {name} ({found[0]}) is refused in requests"
        raise ValueError(msg)
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else found[0]
