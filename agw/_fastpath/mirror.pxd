# Copies of requests to mirrors.

from libc.stdint cimport int64_t

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.filters cimport Filtering
from agw._fastpath.message cimport RequestHead, ResponseHead

# Begins the copies of a request whose head is on its way. Borrowed for the call.
cdef int mirror_request(Exchange exchange, const RequestHead* head) except -1

# Copies body bytes, as they pass.
cdef int mirror_body(Filtering filtering, const unsigned char* data, Py_ssize_t size) except -1

# The body is complete.
cdef int mirror_end(Filtering filtering) except -1

# The request will never be complete, and so its copies will not.
cdef int mirror_lost(Filtering filtering) except -1

# What a copy's exchange calls: its answer's head, body bytes of it, its end.
cdef int mirror_answered(Exchange copy, const ResponseHead* head) except -1
cdef int mirror_dropped(Exchange copy, Py_ssize_t size) except -1
cdef int mirror_over(Exchange copy, bint reusable) except -1
