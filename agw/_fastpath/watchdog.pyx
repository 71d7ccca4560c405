"""The loop's watchdog: one slow callback stalls every client of a worker, and this says which.

    loop:    a beat every limit: counts how late it came, and pushes the timer back
    kernel:  a timer that nobody has pushed back in time sends the process a signal, whose handler (faulthandler)
             writes the Python stack while the loop still stands there

Rules: nothing here needs the GIL, which whoever holds the loop up may hold as well; and no thread watches, since a
second thread makes each system call of the process dearer. One signal in ten seconds, however often the loop stalls.
"""

cimport cython
from libc.errno cimport errno
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

import os

from agw._fastpath.record cimport C_COUNT, C_LOOP_LAG_MAX, C_LOOP_LAGS

cdef extern from "<signal.h>" nogil:
    enum:
        SIGEV_SIGNAL
    struct sigevent:
        int sigev_notify
        int sigev_signo

cdef extern from "<time.h>" nogil:
    struct itimerspec:
        timespec it_interval
        timespec it_value
    int timer_create(int clock, sigevent* event, timer_t* timer)
    int timer_settime(timer_t timer, int flags, const itimerspec* when, itimerspec* before)
    int timer_delete(timer_t timer)

cdef int64_t MS = 1_000_000
cdef int64_t SECOND = 1_000_000_000
cdef int64_t QUIET = 10 * SECOND        # between two signals


cdef int64_t _now() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t> now.tv_sec * SECOND + now.tv_nsec


@cython.final
cdef class Watchdog:
    def __init__(self, loop, int limit_ms, int signal, *, unsigned char[::1] counters not None, on_lag not None):
        cdef sigevent event
        if counters.shape[0] < C_COUNT * 8:
            raise ValueError("these are no counters")
        if limit_ms <= 0:
            raise ValueError("a limit is needed")
        if self._next is not None:
            raise RuntimeError("the watch has begun already")
        memset(&event, 0, sizeof(event))
        event.sigev_notify = SIGEV_SIGNAL
        event.sigev_signo = signal
        if timer_create(CLOCK_MONOTONIC, &event, &self._timer) < 0:
            raise OSError(errno, os.strerror(errno))
        self.limit = limit_ms * MS
        self._owner = counters
        self._counters = <uint64_t*> &counters[0]
        self._loop = loop
        self._on_lag = on_lag
        self._expect(_now())

    cdef int _arm(self, int64_t after_ns) except -1:
        """Push the timer back; 0 stops it."""
        cdef itimerspec when
        memset(&when, 0, sizeof(when))
        when.it_value.tv_sec = after_ns // SECOND
        when.it_value.tv_nsec = after_ns % SECOND
        if timer_settime(self._timer, 0, &when, NULL) < 0:
            raise OSError(errno, os.strerror(errno))
        return 0

    def _beat(self):
        """The loop turns."""
        cdef int64_t now = _now()
        cdef int64_t late = now - self._due
        cdef uint64_t us = <uint64_t> (late // 1000) if late > 0 else 0
        if self._next is None:
            return
        if us > self._counters[<int> C_LOOP_LAG_MAX]:
            self._counters[<int> C_LOOP_LAG_MAX] = us
        if late > self.limit:
            if now >= self._quiet_until:
                self._quiet_until = now + QUIET
            self._counters[<int> C_LOOP_LAGS] += 1
            self._on_lag(late // MS)
        self._expect(now)

    cdef int _expect(self, int64_t now) except -1:
        """The next beat."""
        self._due = now + self.limit
        self._next = self._loop.call_later(self.limit / 1e9, self._beat)
        return self._arm(2 * self.limit if now >= self._quiet_until else 0)

    def close(self):
        """End the watch; twice is once."""
        if self._next is None:
            return
        self._next.cancel()
        self._next = None
        timer_delete(self._timer)
