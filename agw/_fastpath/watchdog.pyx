"""The loop's watchdog: one slow callback stalls every client of a worker, and this says which.

    loop:    a beat every half limit: notes when it turned, and how late the beat was
    thread:  sleeps until a beat is overdue by the limit; then it sends a signal to the loop's thread, whose handler
             (faulthandler) writes the Python stack while it still stands there

Rules: the thread never needs the GIL, which whoever holds the loop up may hold as well. One signal in ten seconds,
however often the loop stalls. At a limit of 100 ms an idle worker wakes twenty times a second for it.

Must not: touch Python from the thread.
"""

cimport cython
from libc.errno cimport errno
from libc.stdlib cimport calloc, free
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport close, write

from agw._fastpath.record cimport C_COUNT, C_LOOP_LAG_MAX, C_LOOP_LAGS

import os

cdef extern from "atomic.h" nogil:
    uint64_t agw_load(const uint64_t* source)
    void agw_store(uint64_t* to, uint64_t value)

cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
    int eventfd(unsigned int value, int flags)

cdef extern from "<poll.h>" nogil:
    enum:
        POLLIN
    struct pollfd:
        int fd
        short events
    int poll(pollfd* fds, unsigned long count, int timeout)

cdef extern from "<signal.h>" nogil:
    enum:
        SIG_SETMASK
    ctypedef struct sigset_t:
        pass
    int sigfillset(sigset_t* signals)
    int pthread_sigmask(int how, const sigset_t* signals, sigset_t* old)
    int pthread_kill(pthread_t thread, int signal)

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_attr_t:
        pass
    int pthread_attr_init(pthread_attr_t* attributes)
    int pthread_attr_setstacksize(pthread_attr_t* attributes, size_t size)
    int pthread_attr_destroy(pthread_attr_t* attributes)
    int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*) nogil, void* argument)
    int pthread_join(pthread_t thread, void** result)
    pthread_t pthread_self()
    int pthread_setname_np(pthread_t thread, const char* name)

cdef enum:
    QUIET_MS = 10_000           # between two signals
    STACK = 65536               # bytes of the thread's stack

cdef int64_t MS = 1_000_000


cdef int64_t _now() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t> now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef void* _run(void* argument) noexcept nogil:
    cdef Watch* watch = <Watch*> argument
    cdef int64_t beat, now, left, told = 0, told_at = 0
    cdef pollfd wake
    wake.fd = watch.wake
    wake.events = POLLIN
    while True:
        beat = <int64_t> agw_load(&watch.beat)
        now = _now()
        left = beat + watch.period + watch.limit - now
        if left <= 0:
            if beat != told and (told_at == 0 or now - told_at >= QUIET_MS * MS):
                told = beat
                told_at = now
                pthread_kill(watch.watched, watch.signal)
            left = watch.limit
        if poll(&wake, 1, <int> (left // MS) + 1) > 0:
            return NULL


@cython.final
cdef class Watchdog:
    def __init__(self, loop, int limit_ms, int signal, *, unsigned char[::1] counters not None, on_lag not None):
        if counters.shape[0] < C_COUNT * 8:
            raise ValueError("these are no counters")
        if limit_ms <= 0:
            raise ValueError("a limit is needed")
        if self.watch != NULL:
            raise RuntimeError("the watch has begun already")
        self.watch = <Watch*> calloc(1, sizeof(Watch))
        if self.watch == NULL:
            raise MemoryError
        self.watch.limit = limit_ms * MS
        self.watch.period = self.watch.limit // 2
        self.watch.signal = signal
        self.watch.watched = pthread_self()
        self.watch.wake = -1
        self._owner = counters
        self._counters = <uint64_t*> &counters[0]
        self._loop = loop
        self._on_lag = on_lag
        self._begin()

    cdef int _begin(self) except -1:
        """Beat, then start the thread, which no signal interrupts: they are the main thread's."""
        cdef pthread_attr_t attributes
        cdef sigset_t all_signals, before
        cdef int failed
        self.watch.wake = eventfd(0, EFD_CLOEXEC)
        if self.watch.wake < 0:
            failed = errno
            free(self.watch)
            self.watch = NULL
            raise OSError(failed, os.strerror(failed))
        self._due = _now()
        self._beat()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, STACK)
        sigfillset(&all_signals)
        pthread_sigmask(SIG_SETMASK, &all_signals, &before)
        failed = pthread_create(&self._thread, &attributes, _run, self.watch)
        pthread_sigmask(SIG_SETMASK, &before, NULL)
        pthread_attr_destroy(&attributes)
        if failed:
            self._next.cancel()
            close(self.watch.wake)
            free(self.watch)
            self.watch = NULL
            raise OSError(failed, os.strerror(failed))
        pthread_setname_np(self._thread, "agw-watchdog")
        return 0

    def _beat(self):
        """The loop turns."""
        cdef int64_t now = _now()
        cdef int64_t late = now - self._due
        cdef uint64_t us = <uint64_t> (late // 1000) if late > 0 else 0
        if self.watch == NULL:
            return
        agw_store(&self.watch.beat, <uint64_t> now)
        self._due = now + self.watch.period
        self._next = self._loop.call_later(self.watch.period / 1e9, self._beat)
        if us > self._counters[<int> C_LOOP_LAG_MAX]:
            self._counters[<int> C_LOOP_LAG_MAX] = us
        if late > self.watch.limit:
            self._counters[<int> C_LOOP_LAGS] += 1
            self._on_lag(late // MS)

    def close(self):
        """End the watch."""
        cdef Watch* watch = self.watch
        cdef uint64_t one = 1
        if watch == NULL:
            return
        self.watch = NULL
        self._next.cancel()
        self._next = None
        if write(watch.wake, &one, sizeof(one)) < 0:
            raise OSError(errno, "eventfd")
        with nogil:
            pthread_join(self._thread, NULL)
        close(watch.wake)
        free(watch)
