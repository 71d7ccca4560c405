"""An exchange whose answer is an agent card: its body is held back, changed, and answered with.

The exchange calls these in place of sending on what has come; what a card is, and what becomes of it, is in `cards`.
"""

from agw._fastpath.cards cimport HeldCard
from agw._fastpath.exchange cimport X_COLLECTING, X_FILTERED, X_RESPONSE_STARTED
from agw._fastpath.filtering cimport filter_response
from agw._fastpath.message cimport ResponseHead
from agw._fastpath.record cimport C_CARDS_REWRITTEN, R_LOCAL, R_UPSTREAM_INVALID


cdef int card_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1:
    cdef bytes body
    exchange.account.response_bytes += size
    if exchange.card.add(data, size):
        return 0
    exchange.flags &= ~<uint32_t> X_COLLECTING
    _answer_head(exchange, exchange.card.content_length)
    body = exchange.card.received()
    return exchange.down.respond_body(body, len(body))


cdef int card_end(Exchange exchange) except -1:
    cdef HeldCard card = exchange.card
    cdef bytes body = card.rewritten(exchange.context.rewrite_card, exchange.rule.key)
    exchange.flags &= ~<uint32_t> X_COLLECTING
    if card.status == 304:
        exchange.account.reason = R_LOCAL
    elif card.status != 200:
        exchange.account.reason = R_UPSTREAM_INVALID
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
    exchange._identify(&head)
    exchange.flags |= X_RESPONSE_STARTED
    return exchange.down.respond_head(&head)
