# What the harnesses share: how an input is cut, what must not be read yet, and how a broken rule ends the process.
#
# Nothing here allocates. Memory is poisoned for AddressSanitizer where a parser may not look: bytes that have not
# "arrived", scratch beyond what its contract promises.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdio cimport fprintf, stderr
from libc.stdlib cimport abort

cdef extern from "<sanitizer/asan_interface.h>" nogil:
    void poison "__asan_poison_memory_region"(const void* at, size_t size)
    void unpoison "__asan_unpoison_memory_region"(const void* at, size_t size)

# How one input is cut into reads. Zero state: not cut at all.
cdef struct Cuts:
    uint64_t state          # of the generator; 0: everything comes at once
    Py_ssize_t most         # bytes of one read


cdef inline void ensure(bint holds, const char* rule) noexcept nogil:
    """End the process where a rule is broken: libFuzzer keeps the input."""
    if not holds:
        fprintf(stderr, "\nbroken rule: %s\n", rule)
        abort()


cdef inline uint64_t digest(const uint8_t* data, size_t size) noexcept nogil:
    """FNV-1a of the input: whatever is chosen beside the bytes themselves is chosen by it, so a file tells all."""
    cdef uint64_t value = <uint64_t> 0xCBF29CE484222325
    cdef size_t i
    for i in range(size):
        value = (value ^ data[i]) * <uint64_t> 0x100000001B3
    return value ^ value >> 29


cdef inline Cuts cuts_of(uint64_t seed) noexcept nogil:
    """Byte by byte, a few bytes, or long stretches, by the input's digest."""
    cdef Cuts cuts
    cuts.state = seed | 1
    cuts.most = 1 if seed & 6 == 0 else 7 if seed & 6 == 2 else 61
    return cuts


cdef inline Py_ssize_t next_cut(Cuts* cuts, Py_ssize_t at, Py_ssize_t size) noexcept nogil:
    """Where the read ends that begins at `at`."""
    if cuts.state == 0:
        return size
    cuts.state ^= cuts.state << 13
    cuts.state ^= cuts.state >> 7
    cuts.state ^= cuts.state << 17
    at += 1 + <Py_ssize_t> (cuts.state % <uint64_t> cuts.most)
    return at if at < size else size
