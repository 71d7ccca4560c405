# Rendezvous hashing: where an id belongs as long as nobody knows better, the same in every process of every pod.

from libc.stdint cimport uint64_t

# Whom a place is, by the bytes of its name; never 0.
cdef uint64_t spot_of(const void* name, Py_ssize_t size) noexcept nogil

# How much an id (by spot_of its bytes) is drawn to a place: it belongs where that is greatest.
cdef uint64_t rank_of(uint64_t id, uint64_t spot) noexcept nogil

# The same where places have weights: it belongs where this is least. weight: above 0.
cdef double distance_of(uint64_t id, uint64_t spot, long weight) noexcept nogil
