"""A text/event-stream by its grammar (WHATWG HTML 9.2.5, 9.2.6), read whole and once more from the start of each block.

    stream  = [ bom ] *event            event   = *( comment / field ) end-of-line
    comment = colon *any-char end-of-line
    field   = 1*name-char [ colon [ space ] *any-char ] end-of-line
    end-of-line = CR LF / CR / LF

It shares no idea with the scan that it judges, which goes byte by byte and keeps nothing.
"""

import re
from dataclasses import dataclass

MARK = b"\xef\xbb\xbf"
END = rb"(?:\r\n|\r|\n)"
LINE = re.compile(rb"([^\r\n]*)(%s)" % END)
FIELD = re.compile(rb"([^:]+)(?:: ?(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stream:
    """events: the data of each. boundaries: offsets where something may be put in that is neither in an event nor in a line."""

    events: tuple[bytes, ...]
    boundaries: frozenset[int]


def read(stream: bytes) -> Stream:
    """Read a stream; what its end cuts off is no event."""
    at = len(MARK) if stream.startswith(MARK) else 0
    events, boundaries, fields = [], {0, at}, []
    while line := LINE.match(stream, at):
        text, end = line.groups()
        field = FIELD.fullmatch(text)
        if field is not None:
            fields.append(field)
        elif not text:
            data = [each[2] or b"" for each in fields if each[1] == b"data"]
            events += [b"\n".join(data)] if data else []
            fields = []
        at = line.end()
        if not fields:
            # A line is over with its CR: an LF behind it is none of the next one.
            boundaries |= {at, at - len(end) + 1}
    return Stream(tuple(events), frozenset(boundaries))


def events(stream: bytes) -> tuple[list[bytes], bool]:
    """Give the data of each event, and whether the stream ends at a boundary."""
    found = read(stream)
    return list(found.events), len(stream) in found.boundaries
