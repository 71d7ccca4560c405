"""Content codings of agent cards: which there are, and the few that can be undone here, never beyond a bound.

A gateway asks for cards without a coding where it can. Where it cannot, since only a request's body says that it is for
a card, or where an agent compresses whatever it is asked for, the answer has one of these (RFC 9110 8.4.1).

Must not: hold more than the bound and one step of the decoder, raise on any body.
"""

from __future__ import annotations

import zlib

__all__ = ["CODINGS", "UNDONE", "decoded"]

# What zlib is told about each: `deflate` is the zlib format, but some send it bare (RFC 9110 8.4.1.2).
_WINDOWS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
UNDONE = frozenset({"", "identity", *_WINDOWS})
CODINGS = UNDONE | {"br", "zstd", "compress", "x-compress"}
"""Of answers that are looked at. A card in one that is not undone is passed on, but not without a word."""


def decoded(body: bytes, coding: str, bound: int) -> bytes | None:
    """Undo a content coding ("" for none); None where that is not one of UNDONE, or its text is broken or over the bound."""
    if coding in {"", "identity"}:
        return body
    for window in _WINDOWS.get(coding, ()):
        decoder = zlib.decompressobj(wbits=window)
        try:
            text = decoder.decompress(body, bound + 1)
        except zlib.error:
            continue
        whole = decoder.eof and not decoder.unused_data
        return text if whole and len(text) <= bound else None
    return None
