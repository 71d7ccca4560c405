# What an agent answers, heard as it passes: whose task it is and how far, events, and silence.

cimport cython
from libc.stdint cimport int64_t, uint8_t

from agw._fastpath.account cimport Heard
from agw._fastpath.envelope cimport Envelope, Text
from agw._fastpath.events cimport EventScan
from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport ResponseHead
from agw._fastpath.poller cimport Timed


# An answer of an A2A agent that somebody wants to know something of.
@cython.final
cdef class Hearing(Timed):
    cdef Exchange exchange      # None once it is over
    cdef Heard heard
    cdef Envelope envelope      # the answer, or the event that is being read
    cdef EventScan scan
    cdef Text task              # learnt last
    cdef Text context
    cdef int64_t keep_alive_ms  # silence after which a comment is sent; 0: none is
    cdef bint is_stream         # of events
    cdef bint is_rest           # HTTP+JSON
    cdef bint readable          # what is being read, so far
    cdef bint spoke_first       # a comment went out, and nothing has come from the agent
    cdef uint8_t unmarked       # bytes of a byte order mark that were taken out

# The answer's head, before it is sent: a stream begins, or there may be something to learn. Borrowed for the call.
cdef int hear_begin(Exchange exchange, const ResponseHead* head) except -1
# Bytes of its body: heard and sent on.
cdef int hear_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1
# The exchange is over.
cdef int hear_end(Exchange exchange) except -1
