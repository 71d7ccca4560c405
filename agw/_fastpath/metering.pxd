# Rate limits at work: what an exchange takes of its policy's limits, and what its client is told of them.

from agw._fastpath.exchange cimport Exchange
from agw._fastpath.message cimport RequestHead, ResponseHead

cdef enum:
    QUOTA_FIELDS = 3        # that `tell_quota` adds

# Take one of each limit that the request falls under; where one has no room, none is taken, and False. known: it is
# clear what it asks for; otherwise it falls under all that name operations. The head is borrowed for the call.
cdef bint meter(Exchange exchange, const RequestHead* head, bint known) except -1
# It turned out that it may be any operation: take the limits too that it did not fall under.
cdef bint meter_rest(Exchange exchange) except -1
# Add RateLimit, RateLimit-Policy and, where it is refused, Retry-After. Texts are static memory, until the next.
cdef int tell_quota(Exchange exchange, ResponseHead* head) except -1
# The policy limits failed authentication by address: whether this client has guessed too often. wrong: it presented a
# key just now that is nobody's. The head is borrowed for the call.
cdef bint guessed_too_often(Exchange exchange, const RequestHead* head, bint wrong) except -1
