# How many requests of a backend may be sent twice.

cimport cython
from libc.stdint cimport int64_t

cdef enum:
    DEPOSIT = 200               # thousandths of a retry that each request earns: a fifth
    RETRY = 1000                # thousandths that one costs
    PER_MS = 10                 # thousandths given for nothing: 10 retries a second
    RESERVE = 100_000           # and up to here: little traffic may retry too
    MOST = 1_000_000            # a burst of 1,000: all that is under way when an endpoint dies


@cython.final
cdef class RetryBudget:
    cdef readonly int64_t saved     # thousandths of a retry
    cdef int64_t filled_ms          # when the reserve was filled last

    cpdef bint take(self, int64_t now_ms) noexcept

    cdef inline void deposit(self) noexcept:
        if self.saved < MOST:
            self.saved += DEPOSIT
