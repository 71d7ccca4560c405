# The access log of a worker: lines from the loop, written to a file or a pipe by a thread of its own.

cimport cython
from libc.stdint cimport int64_t, uint64_t

from agw._fastpath.record cimport Record

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned long pthread_t

cdef enum:
    LINES_ROOM = 1048576        # bytes of lines that wait for the thread; a power of two
    CHUNK_ROOM = 65536          # bytes written at once to a file
    TARGET_ROOM = 4096          # bytes of a path, its end included

# What the loop and the thread share. The loop owns head, the thread tail and all below it but `stop`. On the heap, so
# that a thread which hangs in a write when the process ends still has it.
cdef struct Lines:
    uint64_t head               # bytes ever put in
    uint64_t tail               # bytes ever taken out
    uint64_t asleep             # 1: the thread waits for `wake`
    uint64_t stop               # 1: write what there is, and end
    uint64_t* dropped           # borrowed counter of lines that were lost; never NULL
    int wake                    # eventfd
    int fd                      # where lines go; owned
    bint regular                # a regular file
    int64_t looked_ns           # CLOCK_MONOTONIC when the path was last looked at
    char path[4096]             # empty: a descriptor that nobody moves
    char data[1048576]
    char chunk[65536]


@cython.final
cdef class AccessLog:
    cdef Lines* lines           # owned, but for a thread that hangs
    cdef object _counters       # keeps the shared memory alive
    cdef pthread_t _thread
    cdef bint _running
    cdef bint _starts           # a line when a stream begins, too
    cdef char _line[6144]

    # Puts the record's line in, or counts it as dropped. Never waits.
    cdef void write(self, const Record* record) noexcept
    cdef int _open(self, str path, int fd) except -1
    cdef int _begin(self) except -1
    cdef void _end(self) noexcept
