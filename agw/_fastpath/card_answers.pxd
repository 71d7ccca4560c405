# The exchange's part in agent cards that are held back.

from libc.stdint cimport int64_t, uint32_t

from agw._fastpath.exchange cimport Exchange

# Holds body bytes back; a card that becomes too large to look into passes as it is.
cdef int card_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1

# The card is complete: lets Python change it, and answers.
cdef int card_end(Exchange exchange) except -1
