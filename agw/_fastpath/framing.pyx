"""The three fields that say where a message ends and what is for this hop alone (RFC 9112 6, RFC 9110 7.6.1).

Each has one reading here or none: a value that two parsers could take two ways is an error, not a guess.
"""

from agw._fastpath.fields cimport AGW_DIGIT, AGW_TOKEN, agw_class, field_id, same_folded
from agw._fastpath.message cimport (
    F_AUTHORIZATION, F_CONTENT_LENGTH, F_COOKIE, F_FORWARDED, F_HOST, F_TRACEPARENT, F_TRACESTATE, F_TRANSFER_ENCODING,
    F_VIA, F_X_API_KEY, F_X_FORWARDED_FOR, F_X_FORWARDED_HOST, F_X_FORWARDED_PORT, F_X_FORWARDED_PROTO, F_X_REQUEST_ID,
    FIELD_DROP,
)

cdef enum:
    NOMINATED = 64          # members of Connection fields in one message


cdef int content_length(const Field* field, int64_t* length) noexcept nogil:
    """1*DIGIT without sign, list or leading zero (RFC 9110 8.6); at most 18 digits, which no int64 overflows."""
    cdef uint32_t i
    if field.value_len < 1 or field.value_len > 18 or (field.value[0] == b"0" and field.value_len > 1):
        return 400
    length[0] = 0
    for i in range(field.value_len):
        if not agw_class[field.value[i]] & AGW_DIGIT:
            return 400
        length[0] = length[0] * 10 + (field.value[i] - 48)
    return 0


cdef int transfer_encoding(const Field* field) noexcept nogil:
    """0 for exactly `chunked`. Else why not: 501 for a coding we do not know, 400 for everything that hides one."""
    cdef const unsigned char* at = field.value
    cdef const unsigned char* end = at + field.value_len
    cdef const unsigned char* start
    cdef int members = 0, chunked = 0
    cdef bint last_chunked = False
    if field.value_len == 7 and same_folded(field.value, "chunked", 7):
        return 0
    while True:
        while at < end and (at[0] == b" " or at[0] == b"\t"):
            at += 1
        start = at
        while at < end and agw_class[at[0]] & AGW_TOKEN:
            at += 1
        if at == start:
            return 400
        last_chunked = at - start == 7 and same_folded(start, "chunked", 7)
        chunked += last_chunked
        members += 1
        while at < end and (at[0] == b" " or at[0] == b"\t"):
            at += 1
        if at == end:
            break
        if at[0] != b",":
            return 400
        at += 1
    # chunked twice or not last would be framed by guesswork (RFC 9112 6.1, 6.3): refused as malformed.
    return 400 if chunked > 1 or (chunked and not last_chunked) else 501


cdef bint _may_be_nominated(int id) noexcept nogil:
    """Whether a Connection field can make us drop this one: never what routing, framing or agents' trust rests on."""
    return id not in (
        F_HOST, F_CONTENT_LENGTH, F_AUTHORIZATION, F_X_API_KEY, F_COOKIE, F_X_FORWARDED_FOR, F_X_FORWARDED_PROTO,
        F_X_FORWARDED_HOST, F_X_FORWARDED_PORT, F_FORWARDED, F_VIA, F_TRACEPARENT, F_TRACESTATE, F_X_REQUEST_ID,
    )


cdef bint same_name(const unsigned char* a, const unsigned char* b, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned char x, y
    for i in range(n):
        x = a[i] | 0x20 if 65 <= a[i] <= 90 else a[i]
        y = b[i] | 0x20 if 65 <= b[i] <= 90 else b[i]
        if x != y:
            return False
    return True


cdef int _nominate(const unsigned char* name, Py_ssize_t n, Field* fields, int count) noexcept nogil:
    """Drop the fields of this name (RFC 9110 7.6.1). 400 where it is Transfer-Encoding: hiding that is an attack."""
    cdef int i
    cdef int id = field_id(name, n)
    if id == F_TRANSFER_ENCODING:
        return 400
    if not _may_be_nominated(id):
        return 0
    for i in range(count):
        if fields[i].name_len == n and fields[i].id == id and same_name(fields[i].name, name, n):
            fields[i].flags |= FIELD_DROP
    return 0


cdef int connection_options(const Field* field, Field* fields, int count, Options* options) noexcept nogil:
    """The members of one Connection field: options, and names of fields that are for this hop alone."""
    cdef const unsigned char* at = field.value
    cdef const unsigned char* end = at + field.value_len
    cdef const unsigned char* start
    while at < end:
        if at[0] == b" " or at[0] == b"\t" or at[0] == b",":
            at += 1
            continue
        start = at
        while at < end and agw_class[at[0]] & AGW_TOKEN:
            at += 1
        options.members += 1
        if at == start or options.members > NOMINATED:
            return 400
        if at - start == 5 and same_folded(start, "close", 5):
            options.close = True
        elif at - start == 10 and same_folded(start, "keep-alive", 10):
            options.keep_alive = True
        elif at - start == 7 and same_folded(start, "upgrade", 7):
            options.upgrade = True
        elif _nominate(start, at - start, fields, count):
            return 400
        while at < end and (at[0] == b" " or at[0] == b"\t"):
            at += 1
        if at < end and at[0] != b",":
            return 400
    return 0
