# The client's side of an exchange in HTTP/1.1.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.exchange cimport Context, Downstream
from agw._fastpath.http1_body cimport ChunkDecoder
from agw._fastpath.http1_head cimport HeadState
from agw._fastpath.poller cimport Source

cdef enum DownstreamState:
    D_HEAD = 0          # between requests, or in the middle of a head
    D_BODY              # the exchange is given the request's body
    D_WAIT              # the request is complete, its answer is not
    D_DISCARD           # answered before the request was complete: the rest is read and ignored
    D_LINGER            # our side is shut: what the client still sends is ignored until it sees the answer
    D_CLOSING           # nothing more is read; closed when all is written
    D_CLOSED


@cython.final
cdef class Http1Downstream(Downstream):
    cdef Buffer pending         # an incomplete head, or requests that came before their turn
    cdef HeadState head_state
    cdef ChunkDecoder chunk
    cdef int64_t body_left      # bytes, with FRAMING_LENGTH
    cdef int64_t budget         # bytes that may still be ignored
    cdef int64_t accounted      # Stream.sent as far as the counters have it
    cdef int64_t stalled_at     # Stream.sent when the write stall began, -1 without one
    cdef uint8_t state          # DownstreamState
    cdef uint8_t framing        # of the request
    cdef uint8_t minor          # of the request
    cdef uint8_t answer_framing  # of the answer as it is sent
    cdef bint to_head           # the request is a HEAD
    cdef bint expect_continue   # and the client waits for 100
    cdef bint consuming         # _consume is on the stack: done() leaves the next request to it
    cdef bint full              # not read because enough requests wait

    cdef int _receive(self) except -1
    cdef int _ended(self) except -1
    cdef Py_ssize_t _consume(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _head(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _body(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _ignore(self, Py_ssize_t size) except -1
    cdef void _count_sent(self) noexcept
    cdef int _account(self) except -1
    cdef int _body_over(self) except -1
    cdef int _refuse(self, int status) except -1
    cdef int _resume(self) except -1
    cdef int _finish_connection(self, bint request_complete) except -1
    cdef int _close(self) except -1
    cdef int _watch_writing(self) except -1
    cdef bint _can_discard(self) noexcept


# A listening socket; the descriptor belongs to whoever made it and is duplicated here.
@cython.final
cdef class Acceptor(Source):
    cdef Context context
    cdef readonly int port      # the Gateway's listener port
    cdef int _accept(self) except -1
