# Whether the loop turns, watched by a thread.

cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned long pthread_t

# What the loop and the thread share. Times are ns of CLOCK_MONOTONIC.
cdef struct Watch:
    uint64_t beat               # when the loop last turned; written by the loop
    int64_t limit               # a beat may be so late; never changed
    int64_t period              # between two beats; never changed
    pthread_t watched           # the loop's thread
    int signal                  # that it gets when a beat is late
    int wake                    # eventfd: the watch is to end


@cython.final
cdef class Watchdog:
    cdef Watch* watch           # owned, NULL once closed
    cdef uint64_t* _counters    # borrowed from _owner
    cdef object _owner
    cdef object _loop
    cdef object _on_lag
    cdef object _next           # the handle of the next beat
    cdef int64_t _due           # when that should come
    cdef pthread_t _thread

    cdef int _begin(self) except -1
