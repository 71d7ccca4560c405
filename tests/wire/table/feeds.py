"""The ways in which a network may bring the same bytes: whole, one by one, in two at each place, and behind a good request.

Inputs of up to `EVERYWHERE` bytes are cut at every place. In longer ones the places are those near both ends and steps
between, and the bytes come one by one at both ends: all cuts of a head of 16 KiB say nothing that these do not. Where only
every nth place is tried (`WIRE_TABLE_EVERY=n`: the Makefile says so of the debug and the sanitised variant), which of them
depends on the input, always in the same way: a feed that failed fails again, and together the inputs try all.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.wire.table.model import End, Request

EVERYWHERE = 600
NEAR = 80
EVERY = int(os.environ.get("WIRE_TABLE_EVERY", "1"))
PROBED = 8
GOOD = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Feed:
    """One way. before, after: good requests around the input; apart: the first is answered before the input is sent.

    probe: a connection that stays is proven fit for one more request. Not after every cut, which would double the work.
    """

    name: str
    pieces: tuple[bytes, ...]
    before: int = 0
    after: int = 0
    apart: bool = False
    probe: bool = True


def places(data: bytes) -> list[int]:
    """Where to cut in two."""
    size = len(data)
    first = 1 + zlib.crc32(data) % EVERY
    if size <= EVERYWHERE:
        return list(range(first, size, EVERY))
    near = size - NEAR + first - 1
    return sorted({*range(first, NEAR, EVERY), *range(NEAR, size, size // 32), *range(near, size, EVERY)})


def one_by_one(data: bytes) -> tuple[bytes, ...]:
    """Bytes, or bytes at both ends where there are many."""
    if len(data) <= EVERYWHERE:
        return tuple(data[at : at + 1] for at in range(len(data)))
    middle = data[NEAR:-NEAR]
    step = len(middle) // 64 + 1
    return (
        *one_by_one(data[:NEAR]),
        *(middle[at : at + step] for at in range(0, len(middle), step)),
        *one_by_one(data[-NEAR:]),
    )


def feeds(case: Request) -> Iterator[Feed]:
    """All ways of feeding a case, the plainest first."""
    data = case.data
    yield Feed("whole", (data,))
    yield Feed("one by one", one_by_one(data))
    if case.end is End.OPEN:
        yield Feed("after a good request", (GOOD + data,), before=1)
        yield Feed("after a good request, one by one", one_by_one(GOOD + data), before=1)
        # Behind a refused request nothing is read any more, and behind a good one the next begins.
        yield Feed("before a good request", (data + GOOD,), after=1)
    else:
        yield Feed("after a good request that was answered", (data,), before=1, apart=True)
    for at in places(data):
        yield Feed(f"cut at {at}", (data[:at], data[at:]), probe=at % PROBED == 0)
