# How many event streams are open, over all workers of a pod.

cimport cython
from libc.stdint cimport uint64_t

# What is counted: `seats[c]` are those that the process of column c has taken.
cdef struct Row:
    uint64_t tag                # of whose streams they are; 0: of nobody's yet
    uint64_t seats[1]           # Seats.columns of them


# The table, mapped by one process.
@cython.final
cdef class Seats:
    cdef object _memory         # keeps the mapping
    cdef uint64_t* _lock        # the holder's process id; 0: nobody holds it
    cdef uint64_t _pid
    cdef unsigned char* _rows
    cdef size_t _stride         # bytes of a row
    cdef readonly int columns
    cdef readonly int column    # of this process

    # Take a seat of a tag (not 0) of which at most so many are taken; gives its row, or -1: there is none.
    cdef int take(self, uint64_t tag, uint64_t most) noexcept nogil
    # Give back a seat of this row, which this process has taken.
    cdef void leave(self, int row) noexcept nogil
    cdef bint _enter(self) noexcept nogil
    cdef Row* _row(self, int row) noexcept nogil
    cdef uint64_t _taken(self, const Row* row) noexcept nogil
    cdef int _find(self, uint64_t tag) noexcept nogil
