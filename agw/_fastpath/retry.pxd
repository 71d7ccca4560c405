# What becomes of a request whose upstream has failed.

from agw._fastpath.exchange cimport Exchange

# exchange.up has failed before its answer was complete, and is closed. reason: Reason. nothing_received: no byte of an
# answer came.
cdef int upstream_failed(Exchange exchange, int reason, bint nothing_received) except -1
