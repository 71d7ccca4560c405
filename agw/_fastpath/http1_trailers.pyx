"""Trailers: field lines behind a chunked body (RFC 9112 7.1.2), and which of them may be handed on.

They are read as strictly as a head's, by the same function. What says how to frame, route, trust, decode or keep a
message comes too late there, and is marked FIELD_DROP, however a client or an agent means it (RFC 9110 6.5.1).
"""

from libc.string cimport strlen

from agw._fastpath.framing cimport same_name
from agw._fastpath.http1_head cimport MAX_FIELDS, parse_field_line
from agw._fastpath.message cimport F_ETAG, F_OTHER, FIELD_DROP

cdef const char* NO_TRAILERS[12]
NO_TRAILERS[:] = [
    b"age", b"vary", b"pragma", b"expires", b"warning", b"location", b"set-cookie", b"set-cookie2", b"retry-after",
    b"max-forwards", b"cache-control", b"www-authenticate",
]


cdef bint _may_trail(const Field* field) noexcept nogil:
    """Whether a field may come after the body: whoever has begun to read that has already acted without it."""
    cdef const char* name
    if field.id != F_OTHER:
        return field.id == F_ETAG
    if field.name_len > 8 and same_name(field.name, b"content-", 8):
        return False
    for name in NO_TRAILERS:
        if strlen(name) == field.name_len and same_name(field.name, <const unsigned char*> name, field.name_len):
            return False
    return True


cdef int parse_trailers(
    const unsigned char* data, Py_ssize_t size, Field* fields, int room, int* count,
) noexcept nogil:
    cdef Py_ssize_t at = 0, used = 0
    count[0] = 0
    while at < size:
        if count[0] == room:
            return 431
        if parse_field_line(data + at, size - at, &fields[count[0]], &used):
            return 400
        at += used
        if not _may_trail(&fields[count[0]]):
            fields[count[0]].flags |= FIELD_DROP
        count[0] += 1
    return 0


def parse_trailer_section(bytes section, int room=32):
    """The fields (name, value, flags) of a whole trailer section without the empty line after it, or a status.

    For tests: the same function over Python bytes.
    """
    cdef Field fields[MAX_FIELDS]
    cdef int count = 0
    cdef int result = parse_trailers(section, len(section), fields, min(room, MAX_FIELDS), &count)
    if result:
        return result
    return [
        (
            (<const char*> fields[i].name)[:fields[i].name_len], (<const char*> fields[i].value)[:fields[i].value_len],
            fields[i].flags,
        )
        for i in range(count)
    ]
