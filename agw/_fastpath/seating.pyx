"""The limit of open event streams (TrafficPolicy `streams`) at work: who opens a stream takes a seat until it ends.

    the request asks for one (SendStreamingMessage, SubscribeToTask)    a seat, or 429, before an agent hears of it
    it turns out to be one by its answer                                a seat, or 429 in place of that answer
    what was to be one is answered otherwise                            the seat is free again

Rules: counted for each route that the policy holds for, in each pod, exactly (see seats). Nobody can say what a request
asks for whose method is not to be read, so its answer decides; an agent may then have begun to work for nothing.
"""

from agw._fastpath.exchange cimport X_SEATING, Upstream
from agw._fastpath.operations cimport OP_SEND_STREAMING_MESSAGE, OP_SUBSCRIBE_TO_TASK
from agw._fastpath.record cimport R_TOO_MANY_STREAMS
from agw._fastpath.route cimport CompiledPolicy


cdef bint _take(Exchange exchange) except -1:
    cdef CompiledPolicy policy = exchange.rule.policy
    exchange.seat = exchange.context.seats.take(
        exchange.context.buckets.tag(policy.streams_identity, exchange.rule.route.text, exchange.rule.route.size),
        policy.max_streams,
    )
    return exchange.seat >= 0


cdef bint seat_request(Exchange exchange) except -1:
    exchange.flags |= X_SEATING
    exchange.seat = -1
    if exchange.account.operation in (OP_SEND_STREAMING_MESSAGE, OP_SUBSCRIBE_TO_TASK):
        return _take(exchange)
    return True


cdef bint seat_answer(Exchange exchange, const ResponseHead* head) except -1:
    cdef Upstream up
    if not head.event_stream:
        seat_end(exchange)
    elif exchange.seat < 0 and not _take(exchange):
        up = exchange.up
        exchange._let_go()
        up.abandon()
        exchange.answer(429, R_TOO_MANY_STREAMS)
        return True
    return False


cdef void seat_end(Exchange exchange) noexcept:
    if exchange.seat >= 0:
        exchange.context.seats.leave(exchange.seat)
        exchange.seat = -1
