"""Which endpoint takes a request.

`pick` decides and does nothing else: a target by weight, then the less busy of two endpoints drawn at random, which
spreads load nearly as well as asking all of them and does not herd (Mitzenmacher, "The power of two choices").
"""

cimport cython
import ipaddress
import os

from libc.string cimport memcpy, memset

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char* text, void* address)
    unsigned short htons(unsigned short value)

cdef extern from "<netinet/in.h>" nogil:
    enum:
        AF_INET
        AF_INET6
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_family
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_family
        unsigned short sin6_port
        in6_addr sin6_addr


@cython.final
cdef class Endpoint:
    """One address of a target: an IP literal and a port. Raises ValueError for anything else."""

    def __cinit__(self, str address, int port):
        cdef sockaddr_in* v4 = <sockaddr_in*> &self.where
        cdef sockaddr_in6* v6 = <sockaddr_in6*> &self.where
        parsed = ipaddress.ip_address(address)
        raw = parsed.packed
        memset(&self.where, 0, sizeof(self.where))
        self.address = address
        self.port = port
        if parsed.version == 4:
            v4.sin_family = AF_INET
            v4.sin_port = htons(port)
            inet_pton(AF_INET, address.encode(), &v4.sin_addr)
            self.where_size = sizeof(sockaddr_in)
            raw = b"\0" * 10 + b"\xff\xff" + raw
        else:
            v6.sin6_family = AF_INET6
            v6.sin6_port = htons(port)
            memcpy(&v6.sin6_addr, <const unsigned char*> raw, 16)
            self.where_size = sizeof(sockaddr_in6)
        memcpy(self.ip, <const unsigned char*> raw, 16)


@cython.final
cdef class Bound:
    def __init__(self, list targets, list weights):
        self.targets = targets
        self.weights = [weight if endpoints else 0 for endpoints, weight in zip(targets, weights, strict=True)]
        self.total = sum(self.weights)


@cython.final
cdef class Pool:
    """The endpoints of a worker."""

    def __cinit__(self):
        self.endpoints = {}
        self._random = int.from_bytes(os.urandom(8), "little") | 1

    cdef uint64_t random(self) noexcept:
        """xorshift64*: for load balancing and request ids, not for secrets."""
        self._random ^= self._random >> 12
        self._random ^= self._random << 25
        self._random ^= self._random >> 27
        return self._random * 2685821657736338717u

    def bind(self, backends):
        """Give each backend its endpoints; those that stay the same keep their connections. Forget unused ones."""
        cdef CompiledBackend backend
        used = {}
        for backend in backends:
            targets = []
            for target in backend.targets:
                for where in target.endpoints:
                    if where not in used:
                        used[where] = self.endpoints.get(where) or Endpoint(*where)
                targets.append([used[where] for where in target.endpoints])
            if backend.bound is None:
                backend.bound = Bound(targets, [target.weight for target in backend.targets])
        self.endpoints = used

    cdef Endpoint pick(self, CompiledBackend backend, Endpoint avoid):
        """An endpoint of the backend, or None where it has none now. Another one than `avoid` where there is one."""
        cdef Bound bound = backend.bound
        cdef list endpoints
        cdef Endpoint one, two
        cdef long left
        cdef Py_ssize_t i = 0, n
        if bound is None or bound.total == 0:
            return None
        if len(bound.targets) > 1:
            left = <long> (self.random() % <uint64_t> bound.total)
            while left >= <long> bound.weights[i]:
                left -= <long> bound.weights[i]
                i += 1
        endpoints = <list> bound.targets[i]
        n = len(endpoints)
        one = <Endpoint> endpoints[0]
        if n == 1:
            return one
        i = <Py_ssize_t> (self.random() % <uint64_t> n)
        one = <Endpoint> endpoints[i]
        two = <Endpoint> endpoints[(i + 1 + <Py_ssize_t> (self.random() % <uint64_t> (n - 1))) % n]
        if one is avoid:
            return two
        if two is avoid:
            return one
        return two if two.active < one.active else one
