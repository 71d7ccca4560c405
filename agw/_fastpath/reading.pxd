# A request to an A2A agent as it is read on its way past: which operation it is.

cimport cython

from agw._fastpath.envelope cimport Envelope
from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport RequestHead


# The JSON-RPC envelope of an exchange's request.
@cython.final
cdef class Reading:
    cdef Envelope envelope

# Knows the operation by the path, or begins to read the body. The head is borrowed for the call.
cdef int read_begin(Exchange exchange, const RequestHead* head) except -1
# Bytes of the body, before they are passed on.
cdef int read_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1
# The body is complete.
cdef int read_end(Exchange exchange) except -1
