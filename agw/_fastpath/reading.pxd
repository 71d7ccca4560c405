# A request to an A2A agent as it is read on its way past: which operation it is, and whether it may be.

cimport cython
from libc.stdint cimport uint16_t

from agw._fastpath.envelope cimport TEXT_ROOM, Envelope
from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport Field, RequestHead, ResponseHead


cdef enum:
    AUTHORITY_ROOM = 272        # bytes: a name of DNS, and a port


# The JSON-RPC envelope of an exchange's request.
@cython.final
cdef class Reading:
    cdef Envelope envelope
    cdef int wants              # Want: what its request is kept back for
    cdef uint16_t authority_len  # bytes; 0 where it has no room
    cdef char authority[272]    # the validated Host: an extended card may have to be shown under it
    cdef bint by_path           # the path names the operation: an envelope with a method would be a second name
    cdef bint plain             # the path is one that every reader takes for the same
    cdef bint over              # all of the body came with the head, and has been read
    cdef bint readable          # and there is nothing wrong with it

# Which task and context a request names; a size of 0 where it names none. Borrowed from the exchange, or in `room`: it
# must not be copied.
cdef struct Named:
    const char* task
    const char* context
    Py_ssize_t task_size        # bytes
    Py_ssize_t context_size
    char room[TEXT_ROOM]        # what a path or a query names, decoded

# Knows the operation by the path, or begins to read the body. wants: Admission's. The head is borrowed, and changed
# where the answer is, or may be, an agent card.
cdef int read_begin(Exchange exchange, RequestHead* head, int wants) except -1
# The decision waits for what the request asks for: decides at once where that is known, or keeps the request back. The
# head is borrowed for the call.
cdef int withhold(Exchange exchange, RequestHead* head, int wants) except -1
# What a request names, as far as it has been read. head: its own, or what is held of it; NULL: only its body counts.
cdef int named(Exchange exchange, const RequestHead* head, Named* who) noexcept
# Whether a Content-Type is JSON's; strictly: with no parameter that may make another text of it.
cdef bint is_json(const Field* field, bint strictly) noexcept
# A request that is answered before anything of its body is read: whether it is of JSON-RPC, and for which agent.
# status: of the answer. The head is borrowed.
cdef int read_refused(Exchange exchange, const RequestHead* head, int status) except -1
# The body of an answer of our own, as its client's protocol has it; `body` where that is no JSON-RPC.
cdef const char* in_rpc(Exchange exchange, ResponseHead* head, int reason, const char* body) noexcept
# Bytes of the body, before they are passed on. True where they are not to be: they are kept, or all is refused.
cdef bint read_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1
# The agent answers before it has the whole request: what that is, as far as it is known.
cdef int read_early(Exchange exchange) except -1
# The body is complete. True where that is not to be passed on: it has been, or the request is refused.
cdef bint read_end(Exchange exchange) except -1
