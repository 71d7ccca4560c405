# Backend affinity: requests about a task or a context go to the endpoint that has it.

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport RequestHead

# An answer of the exchange's endpoint names this task or context, so it has it. For backends with affinity; once for
# each id of an answer. id: borrowed, decoded as JSON has it; of no size or over TEXT_ROOM bytes: nothing is learnt.
cdef int affinity_learn(Exchange exchange, const char* id, Py_ssize_t size) except -1

# Whether the request must go to one endpoint, which is then exchange.endpoint (X_PINNED), of exchange.backend, which
# may be another of the rule's than before. For rules with affinity. head: borrowed; what is to be known of the body has
# been read.
cdef bint affinity_pin(Exchange exchange, const RequestHead* head) except -1

# Whether a request with X_PINNED must go there still. Where that endpoint is gone or out of service, it need not.
cdef bint affinity_stays(Exchange exchange) noexcept
