# Which endpoint owns a task or a context, by its id: a table of a bounded size that all workers of a pod share.

cimport cython
from libc.stdint cimport uint32_t, uint64_t

cdef enum Learnt:
    LEARNT_KNOWN = 0            # it was there already
    LEARNT_NEW = 1
    LEARNT_MOVED = 2            # another owner was

# Places for ids whose tags end alike, an id in any of them: three cache lines.
cdef struct Bucket:
    uint64_t check[8]           # of an id's tag and its owner; 0: free
    uint64_t owner[8]           # Endpoint.spot
    uint32_t used[8]            # when last, in ticks of whoever calls
    uint32_t reserved[8]


@cython.final
cdef class Owners:
    cdef object _memory         # keeps the shared memory mapped
    cdef const uint64_t* _secret  # 4 words, the same for all who share it
    cdef Bucket* _buckets
    cdef uint64_t _mask         # number of buckets - 1

    # What an id of a backend is called in here. backend: its key, so that ids of two never meet.
    cdef uint64_t tag_of(
        self, const char* backend, Py_ssize_t backend_size, const char* id, Py_ssize_t size,
    ) noexcept nogil
    # Its owner, 0 where that is not known; it has been used at `tick`, a clock that all share and that may wrap.
    cdef uint64_t find(self, uint64_t tag, uint32_t tick) noexcept nogil
    # Notes its owner (not 0), in the place of whoever was not used for longest where there is none.
    cdef int learn(self, uint64_t tag, uint64_t owner, uint32_t tick) noexcept nogil
