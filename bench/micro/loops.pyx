"""Loops over the hot functions of the data plane: n calls each, nothing of Python within.

They call what the data plane's own modules call, the same way: through the declarations in agw/_fastpath. Compiled by
bench/micro/native.py when first needed; not part of the product. Each gives something that shows that it did its work.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from agw._fastpath.buffer cimport Buffer, buffer_free
from agw._fastpath.envelope cimport SLOT_METHOD, Envelope, envelope_begin, envelope_end, envelope_feed, envelope_has
from agw._fastpath.http1_body cimport CHUNK_DATA, CHUNK_END, ChunkDecoder, chunk_next
from agw._fastpath.http1_head cimport MAX_FIELDS, HeadLimits, HeadState, parse_request_head, parse_response_head
from agw._fastpath.http1_write cimport write_request_head, write_response_head
from agw._fastpath.limits cimport Buckets, Limit, Limits, limits_new
from agw._fastpath.message cimport FRAMING_LENGTH, Field, RequestHead, ResponseHead

cdef HeadLimits usual
usual.head, usual.line, usual.fields = 65536, 16384, 100
cdef int64_t now_ns = 1_000_000_000     # of limit_take, which goes on where it was


cdef int _request(
    const unsigned char* data, Py_ssize_t size, unsigned char* room, Field* fields, RequestHead* head,
) noexcept nogil:
    cdef HeadState state
    cdef Py_ssize_t used
    memset(&state, 0, sizeof(state))
    return parse_request_head(data, size, &state, &usual, room, fields, head, &used)


cdef int _response(const unsigned char* data, Py_ssize_t size, Field* fields, ResponseHead* head) noexcept nogil:
    cdef HeadState state
    cdef Py_ssize_t used
    memset(&state, 0, sizeof(state))
    return parse_response_head(data, size, &state, &usual, False, fields, head, &used)


def request_head(bytes data not None, int n):
    """Parse a whole request head; the number of its fields."""
    cdef Field fields[MAX_FIELDS]
    cdef RequestHead head
    room = bytearray(usual.head)
    cdef unsigned char* scratch = room
    cdef const unsigned char* raw = data
    cdef int _, result = 0
    for _ in range(n):
        result |= _request(raw, len(data), scratch, fields, &head)
    return 0 if result else head.n_fields


def response_head(bytes data not None, int n):
    """Parse a whole response head; the number of its fields."""
    cdef Field fields[MAX_FIELDS]
    cdef ResponseHead head
    cdef const unsigned char* raw = data
    cdef int _, result = 0
    for _ in range(n):
        result |= _response(raw, len(data), fields, &head)
    return 0 if result else head.n_fields


def chunked_body(bytes data not None, int n):
    """Scan a whole chunked body; the bytes of its data."""
    cdef ChunkDecoder decoder
    cdef const unsigned char* raw = data
    cdef Py_ssize_t at, used, start, count, size = len(data), found = 0
    cdef int _, result = 0
    for _ in range(n):
        memset(&decoder, 0, sizeof(decoder))
        at = found = 0
        result = CHUNK_DATA
        while result == CHUNK_DATA and at < size:
            result = chunk_next(&decoder, raw + at, size - at, &used, &start, &count)
            found += count if result == CHUNK_DATA else 0
            at += used
    return found if result == CHUNK_END else 0


def envelope(bytes data not None, int n):
    """Scan a JSON-RPC request; whether it says its method."""
    cdef Envelope scan
    cdef const unsigned char* raw = data
    cdef int _
    cdef bint known = True
    for _ in range(n):
        envelope_begin(&scan, False)
        envelope_feed(&scan, raw, len(data))
        known = known and envelope_end(&scan) and envelope_has(&scan, SLOT_METHOD)
    return known


def limit_take(Buckets buckets not None, tuple entries not None, bytes subject not None, int n):
    """Take one from the bucket of a subject as often as it fills; how often there was room."""
    global now_ns
    cdef Limits limits = limits_new(entries)
    cdef const Limit* limit = &limits.each[0]
    cdef const unsigned char* raw = subject
    cdef int _, taken = 0
    cdef uint64_t tag
    for _ in range(n):
        now_ns += limit.interval_ns
        tag = buckets.tag(limit.identity, raw, len(subject))
        taken += buckets.take(tag, limit, now_ns) > 0
    return taken


def write_request(bytes data not None, int n):
    """Write a parsed request head; the bytes of what was written."""
    cdef Field fields[MAX_FIELDS]
    cdef RequestHead head
    cdef Buffer out
    room = bytearray(usual.head)
    cdef unsigned char* scratch = room
    cdef int _
    cdef Py_ssize_t size = 0
    if _request(data, len(data), scratch, fields, &head):
        raise ValueError("a head that is none")
    memset(&out, 0, sizeof(out))
    for _ in range(n):
        out.end = 0
        write_request_head(&out, &head)
    size = out.end
    buffer_free(&out)
    return size


def write_response(bytes data not None, int n):
    """Write a parsed response head; the bytes of what was written."""
    cdef Field fields[MAX_FIELDS]
    cdef ResponseHead head
    cdef Buffer out
    cdef int _
    cdef Py_ssize_t size = 0
    if _response(data, len(data), fields, &head):
        raise ValueError("a head that is none")
    memset(&out, 0, sizeof(out))
    for _ in range(n):
        out.end = 0
        write_response_head(&out, &head, FRAMING_LENGTH, head.content_length, False, False)
    size = out.end
    buffer_free(&out)
    return size
