"""The same bytes cut in every way that a network may cut them: whole, byte by byte, and in two at each place.

A parser whose answer depends on the cut can be made to read one message in two ways, so no case is tried only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Beyond this size, two-way cuts are taken at the ends and at steps between: all of them would be quadratic.
EVERYWHERE = 2000


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Byte by byte, then in two at each place."""
    yield [data[i : i + 1] for i in range(len(data))]
    places = range(1, len(data))
    if len(data) > EVERYWHERE:
        places = sorted({*range(1, 100), *range(100, len(data), 997), *range(len(data) - 300, len(data))})
    for at in places:
        yield [data[:at], data[at:]]


def same_however_cut(parse: Callable[[Iterable[bytes]], Any], data: bytes) -> Any:
    """The result of all cuts, which must be one."""
    whole = parse([data])
    for pieces in cuts(data):
        assert parse(pieces) == whole, [len(piece) for piece in pieces[:2]]
    return whole
