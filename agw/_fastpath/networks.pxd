# IP addresses as 16 bytes (IPv4 mapped into IPv6), their text, and sets of networks.

cimport cython
from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    ADDRESS_TEXT = 46       # room for the text of any address, with its NUL

# Bits in the order of the network, so that masking and comparing need no swap.
cdef struct Network:
    uint64_t address[2]
    uint64_t mask[2]


# Immutable. An empty set holds nobody.
@cython.final
cdef class Networks:
    cdef readonly int size      # of networks
    cdef Network* networks      # owned; NULL where size is 0

    cdef bint contains(self, const uint8_t* ip) noexcept

# Reads an IP literal without brackets, port or zone: False where it is none. ip: 16 bytes.
cdef bint parse_ip(const unsigned char* text, Py_ssize_t n, uint8_t* ip) noexcept nogil

# Writes the shortest text of an address, a mapped one in dotted form; gives its length. text: ADDRESS_TEXT bytes.
cdef int ip_text(const uint8_t* ip, char* text) noexcept nogil
