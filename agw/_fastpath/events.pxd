# Where the events of a text/event-stream begin and end, and where the data in them is.

from libc.stdint cimport uint8_t

cdef enum EventPart:
    EVENT_MORE = 0              # all bytes used
    EVENT_DATA = 1              # a span of data
    EVENT_LINE = 2              # another line of data begins: a line feed stands before it
    EVENT_END = 3               # the event is complete

# Zero it before each stream.
cdef struct EventScan:
    uint8_t state               # see events.pyx
    uint8_t matched             # bytes of the mark at the stream's begin, or of the name "data"
    bint after_cr               # a line feed that comes now belongs to the line before
    bint is_open                # a field of an event that has not ended has come
    bint has_data               # and one of its lines is data

# The next part in the bytes. `used`: bytes consumed; with EVENT_DATA a span is at data[*start:*start+*count].
cdef EventPart event_next(
    EventScan* scan, const unsigned char* data, Py_ssize_t size,
    Py_ssize_t* used, Py_ssize_t* start, Py_ssize_t* count,
) noexcept nogil
# Whether something may be put into the stream here that is neither in an event nor in a line.
cdef bint event_boundary(const EventScan* scan) noexcept nogil
