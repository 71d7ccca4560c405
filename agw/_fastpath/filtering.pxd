# Filters at work on an exchange.

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.forwarding cimport Hop
from agw._fastpath.message cimport RequestHead, ResponseHead
from agw._fastpath.route cimport WeightedRef

# Begins with a rule that has filters; all heads are borrowed. ref: the backend that was picked, NULL where the request
# goes to none.
cdef int filter_begin(Exchange exchange, const RequestHead* head, const WeightedRef* ref) except -1

# Answers a request that admission has not let through; a preflight and a redirect among them.
cdef int filter_verdict(Exchange exchange, const RequestHead* head, int status, int reason) except -1

# Sends the request's head as it is to be, and copies to mirrors.
cdef int filter_send(Exchange exchange, RequestHead* head, const Hop* hop) except -1

# Changes the head of an agent's answer, in an array with room for ADDED_ROOM more fields.
cdef void filter_response(Exchange exchange, ResponseHead* head) noexcept

# Changes the head of an answer of our own.
cdef void filter_answer(Exchange exchange, ResponseHead* head) noexcept

# Body bytes of a request that somebody else wants as well: kept, copied, and sent on where that is possible now.
cdef int pass_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1

# The same for the body's end.
cdef int pass_end(Exchange exchange) except -1

# Nothing of the request is kept any more.
cdef int forget_request(Exchange exchange) except -1
