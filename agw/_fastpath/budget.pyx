"""The retry budget of a backend: retries must not be what brings it down.

When an agent is overloaded or gone, sending everything twice doubles what hurts it. So each request earns a fifth of a
retry, and 10 a second are given for nothing, so that little traffic can retry as well. What is saved has a limit that
lets all exchanges be sent again that were under way when one of several endpoints died.
"""

cimport cython


@cython.final
cdef class RetryBudget:
    """A token bucket in thousandths of a retry."""

    def __cinit__(self):
        self.saved = RESERVE

    cpdef bint take(self, int64_t now_ms) noexcept:
        """Pay for one retry; False where there is not enough. now_ms: of a monotonic clock."""
        if self.saved < RESERVE:
            self.saved = min(RESERVE, self.saved + (now_ms - self.filled_ms) * PER_MS)
        self.filled_ms = now_ms
        if self.saved < RETRY:
            return False
        self.saved -= RETRY
        return True

    def earn(self, int requests):
        """Count requests that were sent."""
        for _ in range(requests):
            self.deposit()
