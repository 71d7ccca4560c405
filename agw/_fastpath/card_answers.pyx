"""An exchange whose answer is an agent card: its body is held back, changed, and answered with.

The exchange calls these in place of sending on what has come; what a card is, and what becomes of it, is in `cards`.
"""

from agw._fastpath.answers cimport ANSWER_FIELDS, local_answer
from agw._fastpath.cards cimport HeldCard, hold_card, hold_result
from agw._fastpath.cors cimport CORS_FIELDS
from agw._fastpath.exchange cimport (
    X_CARD, X_COLLECTING, X_FILTERED, X_HTTPS, X_METERED, X_READ, X_RESPONSE_STARTED,
)
from agw._fastpath.filtering cimport filter_answer, filter_response
from agw._fastpath.message cimport Field, ResponseHead
from agw._fastpath.metering cimport QUOTA_FIELDS, tell_quota
from agw._fastpath.reading cimport Reading, in_rpc
from agw._fastpath.record cimport C_CARDS_REWRITTEN, R_CARD_REFUSED, R_LOCAL


cdef int expect_card(Exchange exchange, RequestHead* head, bint extended) except -1:
    if exchange.context.rewrite_card is not None:
        exchange.flags |= X_CARD
        exchange.card = hold_card(head, exchange.down.port, (exchange.flags & X_HTTPS) != 0, extended)
        exchange.card.facts["backend"] = exchange.backend.key
    return 0


cdef int expect_result(Exchange exchange) except -1:
    cdef Reading reading = exchange.reading
    if exchange.context.rewrite_card is None or exchange.card is not None or exchange.flags & X_RESPONSE_STARTED:
        return 0
    exchange.flags |= X_CARD
    exchange.card = hold_result(
        reading.authority, reading.authority_len, exchange.down.port, (exchange.flags & X_HTTPS) != 0
    )
    exchange.card.facts["backend"] = exchange.backend.key
    return 0


cdef bint card_taken(Exchange exchange, const ResponseHead* head) except -1:
    if exchange.card.take(head):
        exchange.flags |= X_COLLECTING
        return True
    if exchange.card.unread is not None:
        exchange.card.tell(exchange.context.rewrite_card, exchange.rule.key)
    return False


cdef int card_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1:
    cdef bytes body
    exchange.account.response_bytes += size
    if exchange.card.add(data, size):
        return 0
    exchange.flags &= ~<uint32_t> X_COLLECTING
    exchange.card.tell(exchange.context.rewrite_card, exchange.rule.key)
    _answer_head(exchange, exchange.card.content_length)
    body = exchange.card.received()
    return exchange.down.respond_body(body, len(body))


cdef int card_end(Exchange exchange) except -1:
    cdef HeldCard card = exchange.card
    cdef bytes body = card.rewritten(exchange.context.rewrite_card, exchange.rule.key)
    exchange.flags &= ~<uint32_t> X_COLLECTING
    if card.status == 502:
        return _refuse(exchange)
    if card.status == 304:
        exchange.account.reason = R_LOCAL
    elif card.changed:
        exchange.context.counters[C_CARDS_REWRITTEN] += 1
    exchange.account.response_bytes = len(body)
    _answer_head(exchange, len(body))
    return 0 if card.status == 304 else exchange.down.respond_body(body, len(body))


cdef int _answer_head(Exchange exchange, int64_t content_length) except -1:
    """The agent's head as the card has left it."""
    cdef ResponseHead head
    exchange.card.head(&head, exchange.context.fields, content_length)
    exchange.account.status = exchange.card.status
    if exchange.flags & X_FILTERED:
        filter_response(exchange, &head)
    if exchange.flags & X_METERED:
        tell_quota(exchange, &head)
    exchange._identify(&head)
    exchange.flags |= X_RESPONSE_STARTED
    return exchange.down.respond_head(&head)


cdef int _refuse(Exchange exchange) except -1:
    """The card is not to be shown: an answer of our own in place of the agent's, which is complete."""
    cdef ResponseHead head
    cdef Field fields[ANSWER_FIELDS + CORS_FIELDS + QUOTA_FIELDS + 1]
    cdef const char* body = local_answer(&head, fields, 502, R_CARD_REFUSED)
    if exchange.flags & X_READ:
        body = in_rpc(exchange, &head, R_CARD_REFUSED, body)
    if exchange.flags & X_FILTERED:
        filter_answer(exchange, &head)
    if exchange.flags & X_METERED:
        tell_quota(exchange, &head)
    exchange._identify(&head)
    exchange.account.status = head.status
    exchange.account.reason = R_CARD_REFUSED
    exchange.account.response_bytes = head.content_length
    exchange.flags |= X_RESPONSE_STARTED
    exchange.down.respond_head(&head)
    return exchange.down.respond_body(<const unsigned char*> body, head.content_length)
