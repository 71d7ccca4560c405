# What becomes of a request whose upstream has failed, or whose answer is to be tried again.

from agw._fastpath.exchange cimport Exchange

# exchange.up has failed before its answer was complete, and is closed. reason: Reason. nothing_received: no byte of an
# answer came.
cdef int after_failure(Exchange exchange, int reason, bint nothing_received) except -1

# An answer of this status has come, and nothing of it is sent on yet. True where the exchange goes on without it.
cdef bint answered_in_vain(Exchange exchange, int status) except -1

# Connecting failed at once. True where it is tried again.
cdef bint connect_again(Exchange exchange) except -1

# The time to wait is over.
cdef int send_again(Exchange exchange) except -1
