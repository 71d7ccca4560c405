# What becomes of an exchange that waits.

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport RequestHead
from agw._fastpath.pool cimport Bound, Endpoint

# Stands in line for a slot, with the request in hand; nothing more is read of it. With X_PINNED: for one of its
# endpoint alone. head: borrowed for the call, NULL where the request is held already.
cdef int wait_in_line(Exchange exchange, Bound bound, const RequestHead* head) except -1

# Stands there no more, without having had its turn.
cdef int leave_line(Exchange exchange) except -1

# There is a slot of this endpoint, or (None) nothing to wait for any more: goes on with what was held.
cdef int take_turn(Exchange exchange, Endpoint endpoint) except -1

# Its timer: the next try is due, it has stood in line for too long, or its rule's timeouts.request has passed.
cdef int time_is_over(Exchange exchange) except -1

# The head of the answer is there: of the times that bound the exchange, those until then are over.
cdef int head_came(Exchange exchange) except -1
