# The client's side of an exchange in HTTP/1.1.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.exchange cimport Context, Downstream
from agw._fastpath.http1_body cimport ChunkDecoder
from agw._fastpath.http1_head cimport HeadState

cdef enum DownstreamState:
    D_HEAD = 0          # between requests, or in the middle of a head
    D_BODY              # the exchange is given the request's body
    D_TUNNEL            # bytes are only moved
    D_WAIT              # the request is complete, its answer is not
    D_DISCARD           # answered before the request was complete: the rest is read and ignored
    D_LINGER            # our side is shut: what the client still sends is ignored until it sees the answer
    D_CLOSING           # nothing more is read; closed when all is written
    D_CLOSED
    D_PROXY             # before the first request: a load balancer is to say whose connection this is


@cython.final
cdef class Http1Downstream(Downstream):
    cdef Buffer pending         # an incomplete head, or requests that came before their turn
    cdef HeadState head_state
    cdef ChunkDecoder chunk
    cdef int64_t body_left      # bytes, with FRAMING_LENGTH
    cdef int64_t budget         # bytes that may still be ignored
    cdef int64_t accounted      # Stream.sent as far as the counters have it
    cdef int64_t stalled_at     # bytes that the client had taken when it was last looked at, -1: nothing waits for it
    cdef int64_t stalled_since  # ms of Poller.now_ms
    cdef int64_t paced_at       # body bytes received when the pace was last looked at
    cdef int64_t paced_since    # ms of Poller.now_ms
    cdef uint32_t served        # requests begun
    cdef uint8_t state          # DownstreamState
    cdef uint8_t framing        # of the request
    cdef uint8_t minor          # of the request
    cdef uint8_t answer_framing  # of the answer as it is sent
    cdef bint parting           # the client has said that no request follows this one
    cdef bint to_head           # the request is a HEAD
    cdef bint expect_continue   # and the client waits for 100
    cdef bint consuming         # _consume is on the stack: done() leaves the next request to it
    cdef bint ended             # the last chunk has been written, with trailers
    cdef bint full              # not read because enough requests wait

    cdef int _receive(self) except -1
    cdef int _ended(self) except -1
    cdef Py_ssize_t _consume(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef void know_peer(self, const uint8_t* ip, uint16_t port) noexcept
    cdef Py_ssize_t _proxied(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _head(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _body(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int _chunks(self, unsigned char* data, Py_ssize_t size, Py_ssize_t* used) except -1
    cdef Py_ssize_t _ignore(self, Py_ssize_t size) except -1
    cdef void _count_sent(self) noexcept
    cdef int _leave(self) except -1
    cdef int _body_over(self) except -1
    cdef int _refuse(self, int status) except -1
    cdef int _resume(self) except -1
    cdef int _finish_connection(self, bint request_complete) except -1
    cdef int _say_end(self) except -1
    cdef int _close(self) except -1
    cdef int _watch_writing(self) except -1
    cdef int _look_at_writing(self) except -1
    cdef int64_t _taken(self) noexcept
    cdef void _pace(self) noexcept
    cdef bint _too_slow(self) noexcept
    cdef bint _can_discard(self) noexcept
