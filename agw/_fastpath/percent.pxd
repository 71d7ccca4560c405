# Percent-encoding (RFC 3986 2.1) taken off, for what is compared with a text of our own.


# Of a hexadecimal digit; -1 where it is none.
cdef inline int hex_value(unsigned char c) noexcept nogil:
    if b"0" <= c <= b"9":
        return c - 0x30
    c |= 0x20
    return c - 0x57 if b"a" <= c <= b"f" else -1


# Bytes written into `into`, which has `room`; -1 where they do not fit, or an escape is none. `+` is itself.
cdef inline Py_ssize_t percent_decode(
    const unsigned char* data, Py_ssize_t size, unsigned char* into, Py_ssize_t room,
) noexcept nogil:
    cdef Py_ssize_t at = 0, n = 0
    cdef int high, low
    while at < size:
        if n == room:
            return -1
        into[n] = data[at]
        if data[at] == b"%":
            if size - at < 3:
                return -1
            high, low = hex_value(data[at + 1]), hex_value(data[at + 2])
            if high < 0 or low < 0:
                return -1
            into[n] = <unsigned char> (high << 4 | low)
            at += 2
        at += 1
        n += 1
    return n
