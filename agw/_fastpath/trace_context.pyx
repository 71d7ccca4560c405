"""Trace context as W3C defines it (Trace Context 3.2 and 3.3), checked and never changed.

A gateway that makes no span of its own hands both fields on as they are, or not at all: what is malformed would be
read by one tracer as one trace and by the next as another. Versions other than 00 have no grammar yet, so they go.
"""

from libc.string cimport memcmp

from agw._fastpath.message cimport F_TRACESTATE

cdef enum:
    PARENT_SIZE = 55        # 00-{32}-{16}-{2}
    MAX_MEMBERS = 32
    MAX_KEY = 256
    MAX_TENANT = 241        # of "tenant@system"
    MAX_SYSTEM = 14
    MAX_VALUE = 256

# Where the keys of the members seen so far are.
cdef struct Keys:
    const unsigned char* at[32]
    Py_ssize_t size[32]
    int count


cdef bint _hex(const unsigned char* text, Py_ssize_t n, bint may_be_zero) noexcept nogil:
    """Lower-case hexadecimal; an id of zeros is none."""
    cdef Py_ssize_t i
    cdef bint zero = True
    for i in range(n):
        if not (48 <= text[i] <= 57 or 97 <= text[i] <= 102):
            return False
        zero = zero and text[i] == 48
    return may_be_zero or not zero


cdef bint valid_traceparent(const unsigned char* value, Py_ssize_t n) noexcept nogil:
    if n != PARENT_SIZE or memcmp(value, b"00-", 3) != 0 or value[35] != b"-" or value[52] != b"-":
        return False
    return _hex(value + 3, 32, False) and _hex(value + 36, 16, False) and _hex(value + 53, 2, True)


cdef bint _key_part(const unsigned char* text, Py_ssize_t n, Py_ssize_t most, bint digit_first) noexcept nogil:
    cdef Py_ssize_t i
    if n < 1 or n > most or not (97 <= text[0] <= 122 or (digit_first and 48 <= text[0] <= 57)):
        return False
    for i in range(1, n):
        if not (97 <= text[i] <= 122 or 48 <= text[i] <= 57 or text[i] in (b"_", b"-", b"*", b"/")):
            return False
    return True


cdef bint _key(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    """A simple key, or tenant@system."""
    cdef Py_ssize_t i
    for i in range(n):
        if text[i] == b"@":
            return _key_part(text, i, MAX_TENANT, True) and _key_part(text + i + 1, n - i - 1, MAX_SYSTEM, False)
    return _key_part(text, n, MAX_KEY, False)


cdef bint _value(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if n < 1 or n > MAX_VALUE or text[n - 1] == b" ":
        return False
    for i in range(n):
        if text[i] < 0x20 or text[i] > 0x7e or text[i] == b"," or text[i] == b"=":
            return False
    return True


cdef bint _member(const unsigned char* text, Py_ssize_t n, Keys* keys) noexcept nogil:
    """key=value with a key that no member before has."""
    cdef Py_ssize_t size = 0
    cdef int i
    while size < n and text[size] != b"=":
        size += 1
    if size == n or keys.count == MAX_MEMBERS or not _key(text, size) or not _value(text + size + 1, n - size - 1):
        return False
    for i in range(keys.count):
        if keys.size[i] == size and memcmp(keys.at[i], text, size) == 0:
            return False
    keys.at[keys.count] = text
    keys.size[keys.count] = size
    keys.count += 1
    return True


cdef bint _members(const unsigned char* at, const unsigned char* end, Keys* keys) noexcept nogil:
    """The members of one field; empty ones are allowed, white space around them is not theirs."""
    cdef const unsigned char* start
    cdef const unsigned char* stop
    while at <= end:
        start = at
        while at < end and at[0] != b",":
            at += 1
        stop = at
        while start < stop and (start[0] == b" " or start[0] == b"\t"):
            start += 1
        while stop > start and ((stop - 1)[0] == b" " or (stop - 1)[0] == b"\t"):
            stop -= 1
        if start < stop and not _member(start, stop - start, keys):
            return False
        at += 1
    return True


cdef bint valid_tracestate(const Field* fields, int count) noexcept nogil:
    cdef Keys keys
    cdef int i
    keys.count = 0
    for i in range(count):
        if fields[i].id == F_TRACESTATE:
            if not _members(fields[i].value, fields[i].value + fields[i].value_len, &keys):
                return False
    return keys.count > 0


# --- for tests: the same functions over Python bytes ---------------------------------------------------------------


def traceparent(bytes value not None):
    """Say whether it may be passed on."""
    return valid_traceparent(value, len(value))


def tracestate(values):
    """Say whether these values, a field each and at most 64, may be passed on."""
    cdef Field fields[64]
    cdef Py_ssize_t i
    kept = list(values)[:64]
    for i in range(len(kept)):
        fields[i].id = F_TRACESTATE
        fields[i].value = <const unsigned char*> (<bytes> kept[i])
        fields[i].value_len = <unsigned int> len(<bytes> kept[i])
    return valid_tracestate(fields, <int> len(kept))
