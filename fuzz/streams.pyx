"""Harness of event streams, whose oracle is Python: the only one that makes objects, thousands a second.

events: however a stream is cut, the scan gives the same events, the same state and boundaries at each cut as it does
byte by byte, and the same events at once; events and boundaries are those of a reading by the grammar; and signs of
life that are put in at boundaries, as the gateway does, change no event.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memset

from agw._fastpath.events cimport (
    EVENT_DATA, EVENT_END, EVENT_LINE, EVENT_MORE, EventPart, EventScan, event_boundary, event_next,
)
from fuzz.feed cimport Cuts, cuts_of, digest, ensure, next_cut, poison, unpoison
from tests.oracles.event_stream import MARK, read

COMMENT = b": keep-alive\n\n"

cdef enum:
    LONGEST = 4096          # bytes of a stream

cdef EventScan steps[4097]      # after each byte of it


cdef int _feed(EventScan* scan, const uint8_t* data, Py_ssize_t size, list events, list parts) except -1:
    """One read: its events, and the data of the one that is not over."""
    cdef Py_ssize_t at = 0, used = 0, start = 0, count = 0
    cdef EventPart part
    while at < size:
        part = event_next(scan, data + at, size - at, &used, &start, &count)
        ensure(0 < used <= size - at, "some of the bytes are used, and no more than there are")
        ensure(part != EVENT_MORE or used == size - at, "more is asked for only when all is used")
        if part == EVENT_DATA:
            ensure(start >= 0 and count > 0 and start + count <= used, "a span of data lies in what was used")
            parts.append((<const char*> data)[at + start:at + start + count])
        elif part == EVENT_LINE:
            parts.append(b"\n")
        elif part == EVENT_END:
            events.append(b"".join(parts))
            parts.clear()
        at += used
    return 0


cdef object _scan(EventScan* scan, const uint8_t* data, Py_ssize_t size, Cuts cuts, bint noted):
    """Feed a stream. noted: keep what the state is after each read; else hold it against what was kept."""
    cdef Py_ssize_t at = 0, end
    cdef list events = [], parts = []
    memset(scan, 0, sizeof(EventScan))
    poison(data, size)
    while at < size:
        end = next_cut(&cuts, at, size)
        unpoison(data + at, end - at)
        _feed(scan, data + at, end - at, events, parts)
        if noted:
            steps[end] = scan[0]
        else:
            ensure(memcmp(&steps[end], scan, sizeof(EventScan)) == 0, "one state at each cut, however a stream is cut")
        at = end
    unpoison(data, size)
    return events


def _with_comments(stream, boundaries, uint64_t seed):
    """Put signs of life into some of the places; a mark behind one is taken out, as it would be part of a name."""
    cdef Cuts draw = cuts_of(seed)
    out, last = [], 0
    for at in sorted(boundaries):
        next_cut(&draw, 0, 1)
        if draw.state >> 33 & 1:
            out += [stream[last:at], COMMENT]
            last = at
            if at == 0 and stream.startswith(MARK):
                last = len(MARK)
    return b"".join([*out, stream[last:]])


def events_target(bytes stream):
    cdef const uint8_t* data = stream
    cdef Py_ssize_t size = len(stream)
    cdef uint64_t seed = digest(data, size)
    cdef Cuts bytewise, whole
    cdef EventScan scan
    if size > LONGEST:
        return
    memset(&whole, 0, sizeof(whole))
    bytewise.state, bytewise.most = 1, 1
    memset(&steps[0], 0, sizeof(EventScan))
    found = _scan(&scan, data, size, bytewise, True)
    boundaries = {at for at in range(size + 1) if event_boundary(&steps[at])}
    assert _scan(&scan, data, size, cuts_of(seed), False) == found, "one list of events, however a stream is cut"
    assert _scan(&scan, data, size, whole, False) == found, "the same events at once"
    expected = read(stream)
    assert found == list(expected.events), (found, expected)
    assert boundaries == expected.boundaries, (boundaries, expected)
    spoken = _with_comments(stream, boundaries, seed)
    assert read(spoken).events == expected.events, (spoken, expected)


def targets():
    """The harnesses, by name."""
    return {"events": events_target}
