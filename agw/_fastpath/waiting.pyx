"""Exchanges that wait: in line for a slot of an endpoint, and for what their timer says.

    all endpoints busy --wait_in_line--> turn --> the request is sent as it was held
                                          '--queue_timeout--> 503, --timeouts.request--> 504

Two times are called timeouts.request: an HTTPRoute rule's is for the whole exchange, a TrafficPolicy's for what comes
before the head of the answer. Until then the shorter one counts (CompiledRule.head_timeout_ms), after it the rule's.

Rules: who waits has its request in hand, and nothing more is read of it, so that a line costs heads and not bodies. Of
the two times that bound the wait the shorter one says what is answered.
"""

from libc.stdint cimport int64_t

from agw._fastpath.buffer cimport buffer_size
from agw._fastpath.exchange cimport (
    X_AGAIN, X_BODY, X_FILTERED, X_KEEP, X_PINNED, X_REQUEST_DONE, X_RESPONSE_STARTED,
)
from agw._fastpath.filtering cimport forget_request
from agw._fastpath.filters cimport ADDED_ROOM
from agw._fastpath.held cimport Held, hold
from agw._fastpath.record cimport R_OVERLOADED, R_UPSTREAM_TIMEOUT
from agw._fastpath.retry cimport send_again
from agw._fastpath.stream cimport LOW_MARK, backlog


cdef inline Endpoint _only(Exchange exchange):
    """The endpoint that it must go to; None where any will do."""
    return exchange.endpoint if exchange.flags & X_PINNED else None


cdef int wait_in_line(Exchange exchange, Bound bound, const RequestHead* head) except -1:
    cdef int64_t patience = exchange.context.queue_timeout_ms
    if not exchange.context.pool.join(bound, _only(exchange), exchange):
        return exchange.answer(503, R_OVERLOADED)
    if exchange.held is None:
        exchange.held = hold(head, ADDED_ROOM if exchange.flags & X_FILTERED else 0)
        exchange.flags |= X_KEEP
    return exchange.poller.arm(exchange, min(patience, exchange.rule.head_timeout_ms or patience))


cdef int leave_line(Exchange exchange) except -1:
    return exchange.context.pool.leave(<Bound> exchange.backend.bound, _only(exchange), exchange)


cdef int take_turn(Exchange exchange, Endpoint endpoint) except -1:
    cdef Held held = exchange.held
    cdef RequestHead head = held.head   # its own, so that what is added to it is not there the next time
    exchange.poller.disarm(exchange)
    if not exchange._send(endpoint, &head):
        return 0
    if not (exchange.flags & X_FILTERED and exchange.filtering.tries):
        forget_request(exchange)
    if buffer_size(&held.body):
        exchange.up.send_body(held.body.data + held.body.start, buffer_size(&held.body))
    if exchange.flags & X_REQUEST_DONE and exchange.flags & X_BODY:
        exchange.up.send_end()
    exchange.up.flush()
    return exchange.upstream_drained() if backlog(exchange.up) <= LOW_MARK else 0


cdef int time_is_over(Exchange exchange) except -1:
    if exchange.flags & X_AGAIN:
        return send_again(exchange)
    if exchange.place.standing and not 0 < exchange.rule.head_timeout_ms < exchange.context.queue_timeout_ms:
        return exchange.answer(503, R_OVERLOADED)
    if exchange.flags & X_RESPONSE_STARTED:
        return exchange._cut(R_UPSTREAM_TIMEOUT)
    return exchange.answer(504, R_UPSTREAM_TIMEOUT)


cdef int head_came(Exchange exchange) except -1:
    cdef int64_t whole = exchange.rule.request_timeout_ms
    if whole == exchange.rule.head_timeout_ms:
        return 0
    if not whole:
        exchange.poller.disarm(exchange)
        return 0
    return exchange.poller.arm(
        exchange, max(0, whole - (exchange.poller.now_ns - exchange.account.started_ns) // 1_000_000)
    )
