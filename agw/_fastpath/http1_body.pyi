"""Types of the chunk decoder's function for tests."""

from collections.abc import Iterable

def decode_chunked(pieces: Iterable[bytes], trailers: list[bytes] | None = None) -> tuple[bytes, bytes] | int | None:
    """(body, rest) when complete, None when not, 4 (malformed) or 5 (trailers too large).

    trailers: gets the spans of the trailer section.
    """
