"""Entity tags of what the gateway writes itself, RFC 9110 sections 8.8 and 13.1: agent cards, as rewritten.

Must not: hash by hashlib, whose OpenSSL is 4 MB in each worker.
"""

from __future__ import annotations

import re

from agw._fastpath.sha256 import digest

_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
_BYTES = 12  # of the hash: no two versions of a body have the same by chance


def weak_etag(body: bytes) -> str:
    """Give a body's entity tag, quotes included: weak (RFC 9110 8.8.1), so that it stays true under a content coding."""
    return f'W/"{digest(body)[:_BYTES].hex()}"'


def not_modified(if_none_match: str, etag: str) -> bool:
    """Whether a client has this body already: the weak comparison of RFC 9110 sections 8.8.3.2 and 13.1.2."""
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)
