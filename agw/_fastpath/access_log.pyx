"""The access log: the loop puts lines into a ring, a thread writes them out.

    loop:    record -> line -> ring, or one more dropped where there is no room    (never waits, makes nothing)
    thread:  sleeps while the ring is empty; then writes whole lines, and rests a moment, so that many go at once

Rules: what is written at once ends with a line; to a pipe it is at most PIPE_BUF bytes, and a file is opened to append,
so that the lines of several workers never mix. A reader that stalls, or a disk that is full, costs lines, which are
counted, and nothing else. A file that was moved away (logrotate) is left for a new one within a second.

Must not: touch Python from the thread.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.ref cimport Py_INCREF
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.fcntl cimport O_APPEND, O_CREAT, O_WRONLY, open as open_file
from posix.stat cimport S_ISREG, fstat, stat, struct_stat
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, nanosleep, timespec
from posix.unistd cimport close, read, write as write_fd

from agw._fastpath.record cimport C_ACCESS_LOG_DROPPED, C_COUNT, RECORD_SIZE, RECORD_START
from agw._fastpath.record_json cimport record_json

import os

cdef extern from "atomic.h" nogil:
    uint64_t agw_load(const uint64_t* source)
    void agw_store(uint64_t* to, uint64_t value)
    uint64_t agw_swap(uint64_t* to, uint64_t value)
    uint64_t agw_add(uint64_t* to, uint64_t value)

cdef extern from "<fcntl.h>" nogil:
    enum:
        F_DUPFD_CLOEXEC
        O_CLOEXEC
        O_NOCTTY
    int fcntl(int fd, int command, ...)

cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
    int eventfd(unsigned int value, int flags)

cdef extern from "<poll.h>" nogil:
    enum:
        POLLOUT
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

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_attr_t:
        pass
    int pthread_attr_init(pthread_attr_t* attributes)
    int pthread_attr_setstacksize(pthread_attr_t* attributes, size_t size)
    int pthread_attr_destroy(pthread_attr_t* attributes)
    int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*) nogil, void* argument)
    int pthread_detach(pthread_t thread)
    int pthread_setname_np(pthread_t thread, const char* name)
    int pthread_timedjoin_np(pthread_t thread, void** result, const timespec* until)

cdef extern from "<time.h>" nogil:
    enum:
        CLOCK_REALTIME

cdef enum:
    PIPE_CHUNK = 4096           # PIPE_BUF: what a pipe takes in one piece
    REST_MS = 20                # between two writes, while lines come
    LOOK_MS = 1000              # between two looks at the path
    STACK = 131072              # bytes of the thread's stack
    FILE_MODE = 0o640


# --- the thread ------------------------------------------------------------------------------------------------------


cdef int64_t _now_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t> now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef void _look(Lines* lines) noexcept nogil:
    """Open the path anew where it is another file by now, or none. Where that fails, go on with the old one."""
    cdef struct_stat there, ours
    cdef int fd
    cdef int64_t now = _now_ns()
    if lines.path[0] == 0 or now - lines.looked_ns < LOOK_MS * 1_000_000:
        return
    lines.looked_ns = now
    if (
        stat(lines.path, &there) == 0 and fstat(lines.fd, &ours) == 0
        and there.st_ino == ours.st_ino and there.st_dev == ours.st_dev
    ):
        return
    fd = open_file(lines.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE)
    if fd >= 0:
        close(lines.fd)
        lines.fd = fd


cdef Py_ssize_t _chunk(Lines* lines, uint64_t head) noexcept nogil:
    """Copy the next whole lines out of the ring, as many as may be written at once."""
    cdef uint64_t at = lines.tail % LINES_ROOM
    cdef Py_ssize_t size = <Py_ssize_t> (head - lines.tail)
    cdef Py_ssize_t room = CHUNK_ROOM if lines.regular else PIPE_CHUNK
    cdef Py_ssize_t straight, n
    if size > CHUNK_ROOM:
        size = CHUNK_ROOM
    straight = size if at + size <= LINES_ROOM else <Py_ssize_t> (LINES_ROOM - at)
    memcpy(lines.chunk, lines.data + at, straight)
    memcpy(lines.chunk + straight, lines.data, size - straight)
    n = size if size < room else room
    while n > 0 and lines.chunk[n - 1] != c"\n":
        n -= 1
    if n == 0:
        # One line is longer than a pipe takes in one piece: it goes all the same.
        while lines.chunk[n] != c"\n":
            n += 1
        n += 1
    return n


cdef bint _wait_for_room(Lines* lines) noexcept nogil:
    """Somebody has made the descriptor non-blocking: wait for its reader; False where the log is to end."""
    cdef pollfd out
    out.fd = lines.fd
    out.events = POLLOUT
    poll(&out, 1, 100)
    return not agw_load(&lines.stop)


cdef void _write(Lines* lines, Py_ssize_t size) noexcept nogil:
    """Write a chunk; count its lines as dropped where that is not possible."""
    cdef Py_ssize_t done = 0, n, i
    cdef uint64_t lost = 0
    while done < size:
        n = write_fd(lines.fd, lines.chunk + done, size - done)
        if n >= 0:
            done += n
        elif errno == EAGAIN:
            if not _wait_for_room(lines):
                break
        elif errno != EINTR:
            break
    for i in range(done, size):
        lost += lines.chunk[i] == c"\n"
    if lost:
        agw_add(lines.dropped, lost)


cdef void _sleep(Lines* lines) noexcept nogil:
    """Wait until the loop has put something in, or wants an end."""
    cdef uint64_t value = 0
    agw_store(&lines.asleep, 1)
    if agw_load(&lines.head) != lines.tail or agw_load(&lines.stop):
        # It came meanwhile. Whoever takes `asleep` down is the one that writes to `wake`.
        if agw_swap(&lines.asleep, 0):
            return
    while read(lines.wake, &value, sizeof(value)) < 0 and errno == EINTR:
        pass


cdef void* _run(void* argument) noexcept nogil:
    cdef Lines* lines = <Lines*> argument
    cdef uint64_t head
    cdef Py_ssize_t size
    cdef timespec rest
    rest.tv_sec = 0
    rest.tv_nsec = REST_MS * 1_000_000
    while True:
        head = agw_load(&lines.head)
        if head == lines.tail:
            if agw_load(&lines.stop):
                return NULL
            _sleep(lines)
            continue
        _look(lines)
        while lines.tail != head:
            size = _chunk(lines, head)
            _write(lines, size)
            agw_store(&lines.tail, lines.tail + size)
        if not agw_load(&lines.stop):
            nanosleep(&rest, NULL)


# --- the loop's side -------------------------------------------------------------------------------------------------


cdef void _wake(Lines* lines) noexcept nogil:
    cdef uint64_t one = 1
    if agw_load(&lines.asleep) and agw_swap(&lines.asleep, 0):
        # It cannot fail: nobody else counts on this eventfd.
        if write_fd(lines.wake, &one, sizeof(one)) < 0:
            return


@cython.final
cdef class AccessLog:
    def __init__(self, str path not None, int fd, *, unsigned char[::1] counters not None, bint starts=False):
        if counters.shape[0] < C_COUNT * 8:
            raise ValueError("these are no counters")
        if self.lines != NULL:
            raise RuntimeError("the log is open already")
        self.lines = <Lines*> calloc(1, sizeof(Lines))
        if self.lines == NULL:
            raise MemoryError
        self.lines.fd = self.lines.wake = -1
        self._counters = counters
        self.lines.dropped = (<uint64_t*> &counters[0]) + <int> C_ACCESS_LOG_DROPPED
        self._starts = starts
        self._open(path, fd)
        self._begin()

    def __dealloc__(self):
        self._end()

    cdef int _open(self, str path, int fd) except -1:
        cdef struct_stat about
        cdef bytes name = os.fsencode(path)
        if len(name) >= TARGET_ROOM or b"\0" in name:
            raise ValueError("the path is too long, or none")
        if name:
            self.lines.fd = open_file(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE)
            memcpy(self.lines.path, <const char*> name, len(name))
        else:
            self.lines.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)
        if self.lines.fd < 0:
            raise OSError(errno, os.strerror(errno), path or fd)
        memset(&about, 0, sizeof(about))
        self.lines.regular = fstat(self.lines.fd, &about) == 0 and S_ISREG(about.st_mode)
        self.lines.looked_ns = _now_ns()
        return 0

    cdef int _begin(self) except -1:
        """Start the thread, which no signal interrupts: they are the main thread's."""
        cdef pthread_attr_t attributes
        cdef sigset_t all_signals, before
        cdef int failed
        self.lines.wake = eventfd(0, EFD_CLOEXEC)
        if self.lines.wake < 0:
            raise OSError(errno, os.strerror(errno))
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, STACK)
        sigfillset(&all_signals)
        pthread_sigmask(SIG_SETMASK, &all_signals, &before)
        failed = pthread_create(&self._thread, &attributes, _run, self.lines)
        pthread_sigmask(SIG_SETMASK, &before, NULL)
        pthread_attr_destroy(&attributes)
        if failed:
            raise OSError(failed, os.strerror(failed))
        self._running = True
        pthread_setname_np(self._thread, "agw-access-log")
        return 0

    cdef void write(self, const Record* record) noexcept:
        cdef Lines* lines = self.lines
        cdef uint64_t at
        cdef Py_ssize_t size, straight
        if not self._running or (record.kind == RECORD_START and not self._starts):
            return
        size = record_json(record, self._line)
        if lines.head + size - agw_load(&lines.tail) > LINES_ROOM:
            agw_add(lines.dropped, 1)
            return
        at = lines.head % LINES_ROOM
        straight = size if at + size <= LINES_ROOM else <Py_ssize_t> (LINES_ROOM - at)
        memcpy(lines.data + at, self._line, straight)
        memcpy(lines.data, self._line + straight, size - straight)
        agw_store(&lines.head, lines.head + size)
        _wake(lines)

    def put(self, bytes record not None):
        """Write the line of a record."""
        cdef Record copy
        if len(record) != RECORD_SIZE:
            raise ValueError(f"a record has {RECORD_SIZE} bytes, not {len(record)}")
        memcpy(&copy, PyBytes_AS_STRING(record), RECORD_SIZE)
        self.write(&copy)

    def close(self):
        """Write what waits, for half a second at most, and end the thread."""
        self._end()

    cdef void _end(self) noexcept:
        cdef Lines* lines = self.lines
        cdef timespec until
        cdef bint hangs = False
        self.lines = NULL
        if self._running:
            self._running = False
            agw_store(&lines.stop, 1)
            _wake(lines)
            clock_gettime(CLOCK_REALTIME, &until)
            until.tv_nsec += 500_000_000
            if until.tv_nsec >= 1_000_000_000:
                until.tv_sec += 1
                until.tv_nsec -= 1_000_000_000
            with nogil:
                hangs = pthread_timedjoin_np(self._thread, NULL, &until) != 0
            if hangs:
                # It sits in a write that nobody reads, and what it uses must stay, the counters too.
                pthread_detach(self._thread)
                Py_INCREF(self._counters)
        if lines != NULL and not hangs:
            if lines.fd >= 0:
                close(lines.fd)
            if lines.wake >= 0:
                close(lines.wake)
            free(lines)
