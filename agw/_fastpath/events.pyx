"""The events of a text/event-stream as they pass (WHATWG HTML, 9.2.6 "Interpreting an event stream").

    MARK --any other byte--> START --"data"--> NAME --":"--> SPACE --> DATA
                               '---any other field, a comment--> OTHER
    each of them --CR, LF or CRLF--> START; a line that is empty ends the event

An event is what a reader hands out: a block of lines with a line of data in it. A block that the stream's end cuts off
is none. The values of several lines of data are one text, with a line feed between them.

Rules: bytes are looked at once, wherever they are cut, and none is kept; nothing is allocated, nothing fails: whatever
comes has a meaning. Comments belong to no event, so that an agent's own signs of life, which may lack the empty line,
leave a boundary behind them.
"""

from libc.string cimport memset

cdef extern from "line_run.h" nogil:
    size_t agw_line_run(const unsigned char* data, size_t size)

cdef enum State:
    MARK = 0            # nothing has come but bytes of a byte order mark
    START               # nothing of the line has
    NAME                # bytes of "data"
    SPACE               # "data:", so that one space is not of the value
    DATA
    OTHER
    COMMENT

cdef const unsigned char* BYTE_ORDER_MARK = <const unsigned char*> b"\xef\xbb\xbf"
cdef const unsigned char* NAMED = <const unsigned char*> b"data"


cdef bint _line_ended(EventScan* scan) noexcept nogil:
    """Whether that ends an event."""
    cdef bint complete = False
    if scan.state == START or (scan.state == MARK and scan.matched == 0):
        complete = scan.has_data
        scan.is_open = scan.has_data = False
    elif scan.state != COMMENT:
        scan.is_open = True
    scan.state = START
    return complete


cdef inline EventPart _data_begins(EventScan* scan) noexcept nogil:
    cdef bint another = scan.has_data
    scan.has_data = True
    return EVENT_LINE if another else EVENT_MORE


cdef void _first(EventScan* scan, unsigned char c) noexcept nogil:
    """The first byte of a line, or one of a mark before it."""
    if scan.state == MARK:
        if c == BYTE_ORDER_MARK[scan.matched]:
            scan.matched += 1
            if scan.matched == 3:
                scan.state = START
            return
        if scan.matched:
            scan.state = OTHER      # half a mark is the begin of a name that nobody knows
            return
    scan.matched = 1
    scan.state = NAME if c == b"d" else (COMMENT if c == b":" else OTHER)


cdef EventPart _in_name(EventScan* scan, unsigned char c) noexcept nogil:
    if scan.matched < 4 and c == NAMED[scan.matched]:
        scan.matched += 1
    elif scan.matched == 4 and c == b":":
        scan.state = SPACE
        return _data_begins(scan)
    else:
        scan.state = OTHER
    return EVENT_MORE


cdef EventPart _end_of_line(EventScan* scan) noexcept nogil:
    """A CR, or an LF. A name without a colon is a field without a value."""
    cdef EventPart part = EVENT_MORE
    if scan.state == NAME and scan.matched == 4:
        part = _data_begins(scan)
    return EVENT_END if _line_ended(scan) else part


cdef EventPart event_next(
    EventScan* scan, const unsigned char* data, Py_ssize_t size,
    Py_ssize_t* used, Py_ssize_t* start, Py_ssize_t* count,
) noexcept nogil:
    cdef Py_ssize_t i = 0, run
    cdef EventPart part
    cdef unsigned char c
    while i < size:
        c = data[i]
        if c == b"\r" or c == b"\n":
            i += 1
            if c == b"\n" and scan.after_cr:
                scan.after_cr = False
                continue
            scan.after_cr = c == b"\r"
            part = _end_of_line(scan)
        elif scan.state == DATA or (scan.state == SPACE and c != b" "):
            scan.state = DATA
            run = <Py_ssize_t> agw_line_run(data + i, size - i)
            start[0], count[0], used[0] = i, run, i + run
            return EVENT_DATA
        elif scan.state >= OTHER:
            i += <Py_ssize_t> agw_line_run(data + i, size - i)
            continue
        else:
            i += 1
            scan.after_cr = False
            part = EVENT_MORE
            if scan.state == NAME:
                part = _in_name(scan, c)
            elif scan.state == SPACE:
                scan.state = DATA
            else:
                _first(scan, c)
        if part != EVENT_MORE:
            used[0] = i
            return part
    used[0] = size
    return EVENT_MORE


cdef bint event_boundary(const EventScan* scan) noexcept nogil:
    return not scan.is_open and (scan.state == START or (scan.state == MARK and scan.matched == 0))


def split_events(pieces):
    """For tests and fuzzing: see events.pyi."""
    cdef EventScan scan
    cdef Py_ssize_t used = 0, start = 0, count = 0, at
    cdef EventPart part
    cdef const unsigned char* raw
    cdef bytes chunk
    memset(&scan, 0, sizeof(scan))
    events, data = [], []
    for piece in pieces:
        chunk = piece
        raw = chunk
        at = 0
        while at < len(chunk):
            part = event_next(&scan, raw + at, len(chunk) - at, &used, &start, &count)
            if part == EVENT_DATA:
                data.append(chunk[at + start:at + start + count])
            elif part == EVENT_LINE:
                data.append(b"\n")
            elif part == EVENT_END:
                events.append(b"".join(data))
                data = []
            at += used
    return events, bool(event_boundary(&scan))
