# The limit of open event streams at work on an exchange.

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport ResponseHead

# Before a request goes on, as soon as it is clear what it asks for: False where it asks for a stream, and as many are
# open as the policy allows. For policies that limit streams.
cdef bint seat_request(Exchange exchange) except -1
# The answer's head has come. True where it is a stream too many: then the client has been answered instead.
cdef bint seat_answer(Exchange exchange, const ResponseHead* head) except -1
# The exchange is over.
cdef void seat_end(Exchange exchange) noexcept
