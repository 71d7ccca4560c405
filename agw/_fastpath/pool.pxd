# Endpoints and their idle connections. They live outside of tables: a reload loses no connection and no count.

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from agw._fastpath.idle cimport IdleList
from agw._fastpath.route cimport CompiledBackend

cdef extern from "<sys/socket.h>" nogil:
    struct sockaddr:
        pass
    struct sockaddr_storage:
        pass

cdef enum:
    MAX_IDLE = 256          # idle connections kept per endpoint and worker


@cython.final
cdef class Endpoint:
    cdef readonly str address
    cdef readonly int port
    cdef sockaddr_storage where     # for connect()
    cdef uint32_t where_size
    cdef uint8_t ip[16]             # IPv6, or IPv4-mapped: for records
    cdef int active                 # exchanges on it now
    cdef IdleList idle              # connections to it, kept for reuse


@cython.final
cdef class Bound:
    # A backend's targets with their endpoints.
    cdef list targets               # of lists of Endpoint
    cdef list weights               # of int, 0 where a target has no endpoint
    cdef long total                 # of weights


@cython.final
cdef class Pool:
    cdef readonly dict endpoints    # (address, port) -> Endpoint
    cdef uint64_t _random

    cdef uint64_t random(self) noexcept
    cdef Endpoint pick(self, CompiledBackend backend, Endpoint avoid)
