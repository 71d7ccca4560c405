"""What becomes of a request whose upstream has failed: it is sent again, or it is answered.

Without being asked for it, a request is sent again once, where none of its answer came and it may be repeated (RFC 9110
9.2.2), or where none of it was taken: connecting failed, or an idle connection turned out closed.
"""

from agw._fastpath.exchange cimport X_IDEMPOTENT, X_RESPONSE_STARTED, Upstream
from agw._fastpath.health cimport ANSWER_FAILURE, CONNECT_FAILURE
from agw._fastpath.pool cimport Endpoint
from agw._fastpath.record cimport (
    C_UPSTREAM_CONNECT_FAILURES, R_CONNECT_FAILED, R_INTERNAL, R_UPSTREAM_CLOSED, R_UPSTREAM_TIMEOUT,
)


cdef int _blame(Exchange exchange, Upstream failed, int reason, bint nothing_received) except -1:
    """Count against the endpoint what is its own fault. A reused connection that had been closed is nobody's."""
    if reason == R_CONNECT_FAILED:
        exchange.context.counters[C_UPSTREAM_CONNECT_FAILURES] += 1
    if reason == R_INTERNAL or exchange.flags & X_RESPONSE_STARTED:
        return 0
    if reason == R_UPSTREAM_CLOSED and failed.reused and nothing_received:
        return 0
    return exchange.context.pool.failed(
        exchange.endpoint, CONNECT_FAILURE if failed.connecting else ANSWER_FAILURE, exchange.poller.now_ms
    )


cdef int upstream_failed(Exchange exchange, int reason, bint nothing_received) except -1:
    cdef Upstream failed = exchange.up
    cdef Endpoint endpoint
    cdef bint safe
    _blame(exchange, failed, reason, nothing_received)
    if exchange.flags & X_RESPONSE_STARTED:
        return exchange._cut(reason)
    safe = reason == R_CONNECT_FAILED or (
        reason == R_UPSTREAM_CLOSED and failed.reused and failed.replayable
        and (exchange.flags & X_IDEMPOTENT or failed.sent == failed.sent_before)
    )
    if safe and nothing_received:
        exchange._let_go()
        endpoint = exchange._another()
        if endpoint is not None and exchange._attach(endpoint, True):
            return exchange.up.replay(failed)
    if reason == R_CONNECT_FAILED:
        return exchange.answer(503, reason)
    if reason == R_INTERNAL:
        return exchange.answer(500, reason)
    return exchange.answer(504 if reason == R_UPSTREAM_TIMEOUT else 502, reason)
