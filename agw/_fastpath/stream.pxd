# The byte stream under a codec: a plain socket with a write buffer. TLS will be another one of the same shape.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.poller cimport Source

cdef enum:
    HIGH_MARK = 65536       # bytes that may wait to be written before the other side is not read any more
    LOW_MARK = 16384        # and below which it is read again
    STREAM_EOF = 0          # read(): the peer has ended its side
    STREAM_AGAIN = -1       # nothing there now
    STREAM_LOST = -2        # reset, or any other error: the connection is of no more use

cdef class Stream(Source):
    cdef Buffer out         # bytes on their way to the peer; memory only while there are some
    cdef bint broken        # a write failed: whatever is written from now on is dropped, the reader will see why
    cdef bint connecting    # writes wait until the connection stands
    cdef int64_t sent       # bytes given to the kernel, ever
    cdef bint is_idle       # in an IdleList, which borrows it
    cdef void* newer_idle   # borrowed Stream
    cdef void* older_idle

    cdef Py_ssize_t read(self, unsigned char* into, Py_ssize_t room) noexcept
    cdef int flush(self) except -1
    cdef int flush_soon(self) except -1
    cdef int write(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int write_through(
        self, const unsigned char* data, Py_ssize_t size, const unsigned char* tail, Py_ssize_t tail_size
    ) except -1
    cdef int _wrote(self, Py_ssize_t n, Py_ssize_t size) except -1
    cdef bint keeps(self) noexcept
    cdef int written_out(self) except -1
    cdef int want_read(self, bint on) except -1
    cdef int reset(self) except -1


cdef inline Py_ssize_t backlog(Stream stream) noexcept:
    """Bytes that wait to be written."""
    return stream.out.end - stream.out.start
