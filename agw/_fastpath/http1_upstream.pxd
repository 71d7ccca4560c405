# The agent's side of an exchange in HTTP/1.1.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.exchange cimport Connector, Context, Endpoint, Upstream
from agw._fastpath.http1_body cimport ChunkDecoder
from agw._fastpath.http1_head cimport HeadState
from agw._fastpath.message cimport ResponseHead

cdef enum UpstreamState:
    U_CONNECTING = 0
    U_IDLE              # in its endpoint's list
    U_HEAD              # a request is (being) sent, the final answer's head has not come
    U_BODY              # it has
    U_CLOSED


@cython.final
cdef class Http1Upstream(Upstream):
    cdef Buffer pending         # an incomplete head
    cdef HeadState head_state
    cdef ChunkDecoder chunk
    cdef int64_t body_left      # bytes, with FRAMING_LENGTH
    cdef uint8_t state          # UpstreamState
    cdef uint8_t framing        # of the answer
    cdef uint8_t interim        # answers of status 1xx so far
    cdef bint keep              # the agent lets the connection live
    cdef bint to_head           # the request is a HEAD
    cdef bint wants_trailers    # the client does
    cdef bint websocket         # the client asks for one
    cdef bint tunnel            # and has it
    cdef Buffer trailers        # a trailer section as it comes
    cdef int64_t silence_ms     # how long the agent may be silent in its answer, an event stream; 0 = for ever
    cdef bint chunked           # the request's body is sent in chunks
    cdef bint request_done

    cdef int _connected(self) except -1
    cdef int _await_answer(self) except -1
    cdef int _receive(self) except -1
    cdef int _ended(self, bint clean) except -1
    cdef int _trailers(self) except -1
    cdef int _shut(self) except -1
    cdef int _silent(self) except -1
    cdef int _fail(self, int reason) except -1
    cdef Py_ssize_t _head(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef Py_ssize_t _body(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int _final(self, ResponseHead* head) except -1
    cdef int _begin_body(self, const ResponseHead* head) except -1
    cdef int _complete(self, bint exact) except -1
    cdef int _close(self) except -1


@cython.final
cdef class Http1Connector(Connector):
    pass
