# Whether the loop turns, watched by a timer of the kernel's.

cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef extern from "<time.h>" nogil:
    ctypedef void* timer_t


@cython.final
cdef class Watchdog:
    cdef int64_t limit              # ns that a beat may be late
    cdef uint64_t* _counters        # borrowed from _owner
    cdef object _owner
    cdef object _loop
    cdef object _on_lag
    cdef object _next               # the handle of the next beat; None once closed
    cdef int64_t _due               # ns of CLOCK_MONOTONIC: when that should come
    cdef int64_t _quiet_until       # the same clock: no signal before
    cdef timer_t _timer

    cdef int _arm(self, int64_t after_ns) except -1
    cdef int _expect(self, int64_t now) except -1
