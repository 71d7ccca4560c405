# The PROXY protocol, version 2: what a load balancer says before the first byte of its client.

from libc.stdint cimport uint8_t, uint16_t

cdef enum ProxyResult:
    PROXY_DONE = 0
    PROXY_MORE = 1          # all bytes so far can begin a header
    PROXY_ERROR = 2         # no header, or a malformed one: nothing that follows can be trusted

# known: the header told an address. Not with LOCAL (the balancer speaks for itself), UNSPEC or a Unix socket.
cdef struct ProxyHeader:
    uint8_t ip[16]          # IPv6, or IPv4-mapped
    uint16_t port
    bint known

# Reads one header; used: its bytes, with PROXY_DONE. Nothing beyond `size` is looked at.
cdef ProxyResult parse_proxy_header(
    const unsigned char* data, Py_ssize_t size, ProxyHeader* header, Py_ssize_t* used
) noexcept nogil
