# Endpoints and their idle connections; backends with what outlives a table: their retry budget and who waits for them.
# A reload loses no connection, no count and no health.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from agw._fastpath.budget cimport RetryBudget
from agw._fastpath.health cimport Health
from agw._fastpath.idle cimport IdleList
from agw._fastpath.line cimport Line, Waiter
from agw._fastpath.poller cimport Timed
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
    cdef readonly Health health
    cdef public long active         # exchanges on it now, streams too: what balancing goes by
    cdef public long slots          # those of them that count against Pool.most: not streams
    cdef sockaddr_storage where     # for connect()
    cdef uint32_t where_size
    cdef uint8_t ip[16]             # IPv6, or IPv4-mapped: for records
    cdef readonly uint64_t spot     # who it is to affinity, in every process; never 0
    cdef Line line                  # who waits for a slot of it, and of no other
    cdef IdleList idle              # connections to it, kept for reuse
    cdef dict targets               # BoundTarget -> None: those that have it now; empty once it is gone


@cython.final
cdef class BoundTarget:
    # A target with its endpoints.
    cdef readonly list endpoints    # of Endpoint
    cdef readonly long weight       # 0 where it has no endpoint
    cdef uint64_t spot              # of its name, to affinity
    cdef uint64_t tried             # number of the last pick that found nothing here


@cython.final
cdef class Bound:
    # A backend's targets, and what belongs to a backend whatever its configuration is.
    cdef readonly str key
    cdef CompiledBackend backend    # that targets were made of; None once it is gone
    cdef readonly list targets      # of BoundTarget
    cdef long total                 # of their weights
    cdef readonly RetryBudget budget
    cdef Line line                  # who waits for a slot of any endpoint


@cython.final
cdef class Pool(Timed):
    cdef readonly dict endpoints    # (address, port) -> Endpoint
    cdef dict bounds                # key of a backend -> Bound
    cdef public long most           # slots of an endpoint in this worker; 0 = without limit
    cdef public long longest        # a backend's line
    cdef readonly bint full         # the last pick found endpoints in service, but no slot
    cdef readonly long ejected      # endpoints out by what requests met there, now
    cdef readonly long waiting      # in all lines
    cdef uint64_t* counters         # borrowed, C_COUNT of them; NULL: not counted
    cdef frozenset _down            # (address, port) of those that active checks found down
    cdef object _lines              # OrderedDict, Bound or Endpoint -> None: for whom somebody waits, next one first
    cdef bint _serving              # slots are given to those who wait
    cdef uint64_t _random
    cdef uint64_t _picks

    cdef uint64_t random(self) noexcept
    cpdef Endpoint pick(self, Bound bound, Endpoint avoid, int64_t now_ms)
    cdef Endpoint pick_again(self, Bound bound, Endpoint failed, bint stay, int64_t now_ms)
    cdef bint admits(self, Bound bound, Endpoint endpoint) noexcept
    cpdef int failed(self, Endpoint endpoint, int kind, int64_t now_ms) except -1
    cpdef int reached(self, Endpoint endpoint, int64_t now_ms) except -1
    cpdef int succeeded(self, Endpoint endpoint, int64_t now_ms) except -1
    cdef int take(self, Endpoint endpoint) except -1
    cdef int give_back(self, Endpoint endpoint) except -1
    cdef bint join(self, Bound bound, Endpoint endpoint, Waiter waiter) except -1
    cdef int leave(self, Bound bound, Endpoint endpoint, Waiter waiter) except -1
    cdef int serve(self) except -1

    cdef Endpoint _among(self, Bound bound, Endpoint avoid, int64_t now_ms, bint anyone)
    cdef BoundTarget _draw(self, Bound bound, long total)
    cdef Endpoint _of(self, BoundTarget target, Endpoint avoid, int64_t now_ms, bint anyone)
    cdef bint _takes(self, Endpoint endpoint, Endpoint avoid, int64_t now_ms) noexcept
    cdef bint _has_slot(self, Endpoint endpoint) noexcept
    cdef Endpoint _scan(self, BoundTarget target, Endpoint avoid, int64_t now_ms, bint anyone)
    cdef bint _may_eject(self, Endpoint endpoint) except -1
    cdef int _returns(self, Endpoint endpoint) except -1
    cdef int _back(self) except -1
    cdef bint _serve_first(self, object whom) except -1
    cdef bint _keeps(self, Endpoint endpoint) noexcept
    cdef int _unbind(self, Bound bound) except -1
    cdef int _count(self, int counter, long by) noexcept
