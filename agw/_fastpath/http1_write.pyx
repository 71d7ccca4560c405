"""The head writer of HTTP/1.1 (RFC 9112 3 to 7).

Room is reserved once per head, from the sizes of its parts, and then filled without a check per byte: `_room` must
count whatever the writers below put down.
"""

from agw._fastpath.buffer cimport buffer_reserve
from agw._fastpath.copy cimport copy_short
from agw._fastpath.digits cimport write_decimal
from agw._fastpath.message cimport (
    FIELD_DROP, FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, Field, M_PATCH, M_POST, M_PUT,
)

cdef enum:
    SLACK = 160             # bytes for what is not of the request's length: version, status, framing, Connection
    BESIDE = 3072           # bytes of a body for which there is room behind its head at once

cdef const char* UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"


cdef inline unsigned char* _text(unsigned char* at, const void* text, Py_ssize_t n) noexcept nogil:
    copy_short(at, text, n)
    return at + n


cdef inline Py_ssize_t _room(const Field* fields, int count) noexcept nogil:
    cdef Py_ssize_t room = SLACK
    cdef int i
    for i in range(count):
        room += fields[i].name_len + fields[i].value_len + 4
    return room


cdef inline Py_ssize_t _beside(int64_t length) noexcept nogil:
    """Room for a body that will be written behind its head: it spares a second allocation."""
    return <Py_ssize_t> length if 0 < length <= BESIDE else 0


cdef inline unsigned char* _fields(unsigned char* at, const Field* fields, int count) noexcept nogil:
    cdef int i
    for i in range(count):
        if fields[i].flags & FIELD_DROP:
            continue
        at = _text(at, fields[i].name, fields[i].name_len)
        at[0] = b":"
        at[1] = b" "
        at = _text(at + 2, fields[i].value, fields[i].value_len)
        at[0] = b"\r"
        at[1] = b"\n"
        at += 2
    return at


cdef inline unsigned char* _length(unsigned char* at, int64_t length) noexcept nogil:
    at = _text(at, b"Content-Length: ", 16)
    at = <unsigned char*> write_decimal(<char*> at, length)
    return _text(at, b"\r\n", 2)


cdef int write_request_head(Buffer* out, const RequestHead* head) except -1:
    cdef unsigned char* start = buffer_reserve(
        out,
        _room(head.fields, head.n_fields) + head.method_len + head.path_len + head.query_len + head.authority_len
        + _beside(head.content_length),
    )
    cdef unsigned char* at = _text(start, head.method, head.method_len)
    at[0] = b" "
    at = _text(at + 1, head.path, head.path_len)
    if head.query != NULL:
        at[0] = b"?"
        at = _text(at + 1, head.query, head.query_len)
    at = _text(at, b" HTTP/1.1\r\nHost: ", 17)
    at = _text(at, head.authority, head.authority_len)
    at = _text(at, b"\r\n", 2)
    at = _fields(at, head.fields, head.n_fields)
    if head.websocket:
        at = _text(at, UPGRADE, 41)
    elif head.wants_trailers:
        at = _text(at, b"Connection: TE\r\nTE: trailers\r\n", 30)
    if head.framing == FRAMING_CHUNKED:
        at = _text(at, b"Transfer-Encoding: chunked\r\n", 28)
    elif head.framing == FRAMING_LENGTH:
        at = _length(at, head.content_length)
    elif head.method_id == M_POST or head.method_id == M_PUT or head.method_id == M_PATCH:
        # RFC 9110 8.6: a method that expects content says so even where there is none.
        at = _length(at, 0)
    at = _text(at, b"\r\n", 2)
    out.end += at - start
    return 0


cdef int write_response_head(
    Buffer* out, const ResponseHead* head, int framing, int64_t length, bint close, bint keep_alive_1_0,
) except -1:
    cdef unsigned char* start = buffer_reserve(
        out, _room(head.fields, head.n_fields) + head.reason_len + _beside(length)
    )
    cdef unsigned char* at = _text(start, b"HTTP/1.1 ", 9)
    at = <unsigned char*> write_decimal(<char*> at, head.status)
    at[0] = b" "
    at = _text(at + 1, head.reason, head.reason_len)
    at = _text(at, b"\r\n", 2)
    at = _fields(at, head.fields, head.n_fields)
    if framing == FRAMING_CHUNKED:
        at = _text(at, b"Transfer-Encoding: chunked\r\n", 28)
    elif framing == FRAMING_LENGTH or (framing == FRAMING_NONE and length >= 0):
        at = _length(at, length)
    if head.websocket:
        at = _text(at, UPGRADE, 41)
    elif close:
        at = _text(at, b"Connection: close\r\n", 19)
    elif keep_alive_1_0:
        at = _text(at, b"Connection: keep-alive\r\n", 24)
    at = _text(at, b"\r\n", 2)
    out.end += at - start
    return 0


cdef int write_trailers(Buffer* out, const Field* fields, int count) except -1:
    cdef unsigned char* start = buffer_reserve(out, _room(fields, count))
    cdef unsigned char* at = _fields(_text(start, b"0\r\n", 3), fields, count)
    at = _text(at, b"\r\n", 2)
    out.end += at - start
    return 0


cdef int chunk_line(char* text, Py_ssize_t size) noexcept nogil:
    cdef char digits[16]
    cdef int n = 0, i = 0
    while size:
        digits[n] = b"0123456789abcdef"[size & 15]
        n += 1
        size >>= 4
    while n:
        n -= 1
        text[i] = digits[n]
        i += 1
    text[i] = b"\r"
    text[i + 1] = b"\n"
    return i + 2
