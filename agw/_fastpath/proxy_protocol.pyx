"""The PROXY protocol, version 2, read strictly (haproxy.org/download/3.0/doc/proxy-protocol.txt).

    signature (12) | version 2, command | family, transport | length (2) | addresses | type-length-values

Version 1 is refused: a line of text without a length, which differs from a request line only by its first word. What is
no stream is refused too, since what follows is one. Type-length-values are skipped, and must fill the rest exactly: a
length that does not fit is a header that somebody else cuts elsewhere.
"""

from libc.string cimport memcmp, memcpy, memset

from agw._fastpath.networks cimport ADDRESS_TEXT, ip_text

cdef enum:
    FIXED = 16              # bytes before the addresses
    MOST = 4096             # bytes of a whole header
    LOCAL = 0x20            # version and command
    PROXY = 0x21
    UNSPEC = 0x00           # family and transport
    TCP4 = 0x11
    TCP6 = 0x21
    UNIX_STREAM = 0x31

cdef const unsigned char* SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


cdef bint _values(const unsigned char* at, Py_ssize_t left) noexcept nogil:
    """Whether type-length-values fill the rest."""
    cdef Py_ssize_t size
    while left:
        if left < 3:
            return False
        size = 3 + (at[1] << 8 | at[2])
        if size > left:
            return False
        at += size
        left -= size
    return True


cdef bint _source(const unsigned char* at, Py_ssize_t length, int family, ProxyHeader* header) noexcept nogil:
    """The client's address out of the block behind the fixed part."""
    if family == UNSPEC:
        return True
    if family == TCP4:
        if length < 12:
            return False
        header.ip[10] = header.ip[11] = 0xff
        memcpy(header.ip + 12, at, 4)
        header.port = <uint16_t> (at[8] << 8 | at[9])
        header.known = True
        return _values(at + 12, length - 12)
    if family == TCP6:
        if length < 36:
            return False
        memcpy(header.ip, at, 16)
        header.port = <uint16_t> (at[32] << 8 | at[33])
        header.known = True
        return _values(at + 36, length - 36)
    return family == UNIX_STREAM and length >= 216 and _values(at + 216, length - 216)


cdef ProxyResult parse_proxy_header(
    const unsigned char* data, Py_ssize_t size, ProxyHeader* header, Py_ssize_t* used,
) noexcept nogil:
    cdef Py_ssize_t length
    memset(header, 0, sizeof(ProxyHeader))
    if memcmp(data, SIGNATURE, size if size < 12 else 12) != 0:
        return PROXY_ERROR
    if size > 12 and data[12] != PROXY and data[12] != LOCAL:
        return PROXY_ERROR
    if size < FIXED:
        return PROXY_MORE
    length = data[14] << 8 | data[15]
    if FIXED + length > MOST:
        return PROXY_ERROR
    if size < FIXED + length:
        return PROXY_MORE
    used[0] = FIXED + length
    # LOCAL is the balancer's own connection, such as a health check: whatever the block says is to be ignored.
    if data[12] == PROXY and not _source(data + FIXED, length, data[13], header):
        return PROXY_ERROR
    return PROXY_DONE


def proxy_header(bytes data not None):
    """Read one header: (address or "", port, bytes used), None where it is incomplete, a ProxyResult where refused.

    For tests and fuzzing: the same function over Python bytes.
    """
    cdef ProxyHeader header
    cdef Py_ssize_t used = 0
    cdef char text[ADDRESS_TEXT]
    cdef ProxyResult result = parse_proxy_header(data, len(data), &header, &used)
    if result != PROXY_DONE:
        return None if result == PROXY_MORE else <int> result
    address = (<bytes> text[:ip_text(header.ip, text)]).decode() if header.known else ""
    return address, header.port, used
