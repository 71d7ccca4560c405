# The exchange's part in agent cards that are held back.

from libc.stdint cimport int64_t, uint32_t

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport RequestHead, ResponseHead

# The request is for the card of its backend, which speaks A2A: by its path. extended: for the extended one. The head is
# changed.
cdef int expect_card(Exchange exchange, RequestHead* head, bint extended) except -1

# The request, whose head has gone, turns out to be for the extended card: by its JSON-RPC method.
cdef int expect_result(Exchange exchange) except -1

# The head of the answer. True where it is held back; False where it passes, which Python is told of where it may be a
# card. Borrowed for the call.
cdef bint card_taken(Exchange exchange, const ResponseHead* head) except -1

# Holds body bytes back; a card that becomes too large to look into passes as it is, and Python is told.
cdef int card_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1

# The card is complete: lets Python change it, and answers.
cdef int card_end(Exchange exchange) except -1
