"""When a request is sent again, and what it is answered with when it is not.

    first try --listed status, failure--> X_AGAIN --back-off--> next try ... --none left--> the last answer; 503; 504
                                             '--timeouts.request--> 504

Without being asked for it, a request is sent again once, where none of its answer came and it may be repeated (RFC 9110
9.2.2), or where none of it was taken: connecting failed, or an idle connection turned out closed.

A rule's own retry (HTTPRouteRule.retry, GEP-1731) stands in place of that. It covers the statuses that it lists, and
failures of the connection and timeouts of a try, which GEP-1731 leaves to nobody's choice. Its user has said that
requests may be repeated, but for one thing: where a request that is not idempotent may have been carried out, and
nothing has come back, it is repeated only if the list has what it would be answered with (502 or 503 for a connection
that ended, 504 for a timeout). So a POST is never sent twice unless somebody has written down that it may be.

Rules: every try beyond the first is paid for from the backend's budget, so that no rule can double an outage. What is
sent again is kept from the begin, up to a bound; a request that is larger is tried once. Another endpoint is taken
where there is one, but for what affinity pins. timeouts.request covers all tries and what lies between them.
"""

from libc.stdint cimport int64_t

from agw._fastpath.affinity cimport affinity_stays
from agw._fastpath.exchange cimport (
    X_AGAIN, X_FILTERED, X_IDEMPOTENT, X_KEEP, X_MIRROR, X_PINNED, X_RESPONSE_STARTED, X_RETRIED, Upstream,
)
from agw._fastpath.filters cimport CompiledFilters, is_listed
from agw._fastpath.health cimport ANSWER_FAILURE, CONNECT_FAILURE
from agw._fastpath.pool cimport Bound, Endpoint, Pool
from agw._fastpath.record cimport (
    C_RETRIES, C_RETRIES_REFUSED, C_UPSTREAM_CONNECT_FAILURES, R_CONNECT_FAILED, R_INTERNAL, R_UPSTREAM,
    R_UPSTREAM_CLOSED, R_UPSTREAM_INVALID, R_UPSTREAM_TIMEOUT,
)
from agw._fastpath.waiting cimport wait_in_line


cdef int _blame(Exchange exchange, Upstream failed, int reason, bint nothing_received) except -1:
    """Count against the endpoint what is its own fault. A reused connection that had been closed is nobody's."""
    if reason == R_CONNECT_FAILED:
        exchange.context.counters[C_UPSTREAM_CONNECT_FAILURES] += 1
        exchange.flags &= ~<unsigned int> X_PINNED      # who takes no connection is gone
    if reason == R_INTERNAL or exchange.flags & (X_RESPONSE_STARTED | X_MIRROR):
        return 0
    if reason == R_UPSTREAM_CLOSED and failed.reused and nothing_received:
        return 0
    return exchange.context.pool.failed(
        exchange.endpoint, CONNECT_FAILURE if failed.connecting else ANSWER_FAILURE, exchange.poller.now_ms
    )


cdef int after_failure(Exchange exchange, int reason, bint nothing_received) except -1:
    cdef Upstream failed = exchange.up
    cdef Endpoint endpoint
    cdef bint own = exchange.flags & X_FILTERED and exchange.filtering.rule.tries
    cdef bint safe
    _blame(exchange, failed, reason, nothing_received)
    if exchange.flags & X_RESPONSE_STARTED:
        return exchange._cut(reason)
    if own and _may_repeat(exchange, reason, failed) and _pay(exchange):
        exchange._let_go()
        return _again(exchange, False)
    safe = reason == R_CONNECT_FAILED or (
        reason == R_UPSTREAM_CLOSED and failed.reused and failed.replayable
        and (exchange.flags & X_IDEMPOTENT or failed.sent == failed.sent_before)
    )
    if safe and nothing_received:
        exchange._let_go()
        try:
            endpoint = exchange._another()
            if endpoint is not None and exchange._attach(endpoint, True):
                return exchange.up.replay(failed)
        except BaseException:
            exchange.poller._caught(exchange)   # the connection that called has let go of it, and would not end it
            return 0
    if exchange.flags & X_MIRROR:
        return exchange._finish(False)
    if reason == R_CONNECT_FAILED or (own and reason == R_UPSTREAM_CLOSED):
        return exchange.answer(503, reason)
    if reason == R_INTERNAL:
        return exchange.answer(500, reason)
    return exchange.answer(504 if reason == R_UPSTREAM_TIMEOUT else 502, reason)


# --- the retry of a rule ------------------------------------------------------------------------------------------


cdef bint _may_repeat(Exchange exchange, int reason, Upstream failed) noexcept:
    """Whether the rule lets a request be sent again that failed like this."""
    cdef CompiledFilters rule = exchange.filtering.rule
    if reason == R_CONNECT_FAILED:
        return True
    if reason == R_UPSTREAM_INVALID:
        return is_listed(rule, 502)
    if reason != R_UPSTREAM_CLOSED and reason != R_UPSTREAM_TIMEOUT:
        return False
    if exchange.flags & X_IDEMPOTENT or failed.sent == failed.sent_before:
        return True
    if reason == R_UPSTREAM_TIMEOUT:
        return is_listed(rule, 504)
    return is_listed(rule, 502) or is_listed(rule, 503)


cdef bint _pay(Exchange exchange) except -1:
    """Whether there is a try left, with the request in hand, and the backend's budget pays for it."""
    cdef Bound bound = exchange.backend.bound
    if exchange.filtering.tries == 0 or exchange.held is None or bound is None:
        return False
    if not bound.budget.take(exchange.poller.now_ms):
        exchange.context.counters[C_RETRIES_REFUSED] += 1
        return False
    exchange.filtering.tries -= 1
    exchange.context.counters[C_RETRIES] += 1
    return True


cdef int64_t _left_ms(Exchange exchange) noexcept:
    """What is left of timeouts.request, at least 0; negative where there is none."""
    if not exchange.rule.head_timeout_ms:
        return -1
    return max(
        0, exchange.rule.head_timeout_ms - (exchange.poller.now_ns - exchange.account.started_ns) // 1_000_000
    )


cdef int _again(Exchange exchange, bint later) except -1:
    """Send the request again, after the back-off. later: not from here, whatever the back-off."""
    cdef int64_t wait = exchange.filtering.rule.backoff_ms
    cdef int64_t left = _left_ms(exchange)
    exchange.flags |= X_RETRIED | X_AGAIN | X_KEEP
    exchange.held.head.expect_continue = 0      # the client has been told
    try:
        if left == 0 or not (wait or later):
            return send_again(exchange)
        return exchange.poller.arm(exchange, wait if left < 0 else min(wait, left))
    except BaseException:
        exchange.poller._caught(exchange)       # as above
        return 0


cdef int send_again(Exchange exchange) except -1:
    cdef Pool pool = exchange.context.pool
    cdef Bound bound = exchange.backend.bound
    cdef Endpoint endpoint
    exchange.flags &= ~<unsigned int> X_AGAIN
    exchange.poller.disarm(exchange)
    if _left_ms(exchange) == 0:
        return exchange.answer(504, R_UPSTREAM_TIMEOUT)
    if exchange.flags & X_PINNED and affinity_stays(exchange):
        if not pool.admits(bound, exchange.endpoint):
            return wait_in_line(exchange, bound, NULL)
        return exchange.turn(exchange.endpoint)
    if bound.line.length:
        return wait_in_line(exchange, bound, NULL)      # nobody overtakes a line
    endpoint = pool.pick(bound, exchange.endpoint, exchange.poller.now_ms)
    if endpoint is None and pool.full:
        return wait_in_line(exchange, bound, NULL)
    return exchange.turn(endpoint)


cdef bint connect_again(Exchange exchange) except -1:
    if not exchange.filtering.rule.tries or not _pay(exchange):
        return False
    _again(exchange, True)      # from the timer: many refusals in a row must not pile up on the stack
    return True


cdef bint answered_in_vain(Exchange exchange, int status) except -1:
    cdef CompiledFilters rule = exchange.filtering.rule
    cdef Upstream up = exchange.up
    cdef int reason = R_UPSTREAM
    if not rule.tries:
        return False
    if exchange.rule.backend_timeout_ms and up.timer.previous != NULL and exchange.poller.now_ms >= up.timer.deadline:
        # Deadlines are looked at ten times a second. Whether one was kept must not depend on when.
        reason = R_UPSTREAM_TIMEOUT
    elif not is_listed(rule, status):
        return False
    if (reason == R_UPSTREAM or _may_repeat(exchange, reason, up)) and _pay(exchange):
        exchange._let_go()
        up.abandon()
        _again(exchange, False)
        return True
    if reason == R_UPSTREAM:
        return False
    exchange._let_go()
    up.abandon()
    exchange.answer(504, reason)
    return True
