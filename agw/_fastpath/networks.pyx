"""Who is believed: IP addresses and networks in the form that a connection has them in.

One form for both families, 16 bytes with IPv4 mapped (RFC 4291 2.5.5.2), so that a peer on a dual-stack socket is the
same peer, in a network of IPv4 as well as in what agents and logs are told.
"""

cimport cython
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset, strlen

import ipaddress

cdef extern from "<sys/socket.h>" nogil:
    enum:
        AF_INET
        AF_INET6

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char* text, void* address)
    const char* inet_ntop(int family, const void* address, char* text, unsigned int size)

cdef const unsigned char* MAPPED = b"\0\0\0\0\0\0\0\0\0\0\xff\xff"


cdef bint parse_ip(const unsigned char* text, Py_ssize_t n, uint8_t* ip) noexcept nogil:
    cdef char copy[ADDRESS_TEXT]
    if n < 2 or n >= ADDRESS_TEXT or memchr(text, 0, n) != NULL:
        return False
    memcpy(copy, text, n)
    copy[n] = 0
    if memchr(text, 58, n) != NULL:
        return inet_pton(AF_INET6, copy, ip) == 1
    memcpy(ip, MAPPED, 12)
    return inet_pton(AF_INET, copy, ip + 12) == 1


cdef int ip_text(const uint8_t* ip, char* text) noexcept nogil:
    if memcmp(ip, MAPPED, 12) == 0:
        inet_ntop(AF_INET, ip + 12, text, ADDRESS_TEXT)
    else:
        inet_ntop(AF_INET6, ip, text, ADDRESS_TEXT)
    return <int> strlen(text)


cdef void _network(object network, Network* into):
    """Fill one from an ipaddress network; the mask of a mapped one covers the 96 bits before."""
    address = network.network_address.packed
    mask = network.netmask.packed
    if network.version == 4:
        address = b"\0" * 10 + b"\xff\xff" + address
        mask = b"\xff" * 12 + mask
    memcpy(into.address, <const unsigned char*> (<bytes> address), 16)
    memcpy(into.mask, <const unsigned char*> (<bytes> mask), 16)


@cython.final
cdef class Networks:
    def __cinit__(self, networks=()):
        cdef Py_ssize_t i
        parsed = [ipaddress.ip_network(text) for text in networks]
        if parsed:
            self.networks = <Network*> malloc(len(parsed) * sizeof(Network))
            if self.networks == NULL:
                raise MemoryError
        for i in range(len(parsed)):
            _network(parsed[i], &self.networks[i])
        self.size = <int> len(parsed)

    def __dealloc__(self):
        free(self.networks)

    cdef bint contains(self, const uint8_t* ip) noexcept:
        cdef uint64_t words[2]
        cdef const Network* network
        cdef int i
        memcpy(words, ip, 16)
        for i in range(self.size):
            network = &self.networks[i]
            if (
                (words[0] & network.mask[0]) == network.address[0]
                and (words[1] & network.mask[1]) == network.address[1]
            ):
                return True
        return False

    def holds(self, str address not None):
        """Say whether an address is in one of the networks."""
        cdef uint8_t ip[16]
        cdef bytes text = address.encode()
        memset(ip, 0, 16)
        return parse_ip(text, len(text), ip) and self.contains(ip)
