# A set of API keys, found by digest in constant time.

cimport cython
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t


@cython.final
cdef class KeySet:
    # Immutable once made; a set without keys lets nobody in.
    cdef readonly int size         # number of distinct keys; every index is below it
    cdef list _consumers           # their names, by index
    cdef uint8_t* _digests         # 2 digests of 32 bytes to a bucket of one cache line; owned, never NULL
    cdef int32_t* _indexes         # per digest: index of its consumer, -1 where the place is empty; owned, never NULL
    cdef uint32_t _buckets         # number of buckets, at least 1
    cdef uint64_t _secret[2]       # of this set: nobody can aim keys at one bucket

    cdef bint _build(self, dict consumers) except -1
    cdef bint _insert(self, const uint8_t* digest, int32_t index) noexcept

    # Index of the consumer whose key this is, or -1. Same work on a hit and on a miss. key is borrowed for the call;
    # n: bytes, at least 0.
    cdef int find(self, const unsigned char* key, Py_ssize_t n) noexcept

    # Name of the consumer at an index that find() returned; raises IndexError for any other.
    cpdef str consumer(self, int index)

    # A name that will be asked for: first where it stands, and a while later the name itself. index: as find() gave it.
    cdef void foresee(self, int index) noexcept
    cdef void foresee_name(self, int index) noexcept
