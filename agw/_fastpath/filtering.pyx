"""Filters at work: what the exchange calls where its rule has some.

    head --filter_begin--> preflight, redirect: answered
                           else kept where there is a retry --filter_send--> edited, mirrored, sent
    answer's head --filter_response--> the backend's edits, the rule's, CORS last

Rules: edits come after what forwarding says of the client, and before the codec's framing, which no edit reaches. A
mirror gets what the backend gets, but for that backend's own filters. An answer of our own has CORS fields, so that a
page may read why it was refused, and no edits, but for redirects, which are what a user has configured.

Must not: be called for a rule without filters: that path pays for a test of a flag and no more.
"""

from libc.string cimport memset, strlen

from agw._fastpath.answers cimport http_date, reason_phrase
from agw._fastpath.buffer cimport buffer_append, buffer_size
from agw._fastpath.cors cimport allow, allow_preflight, allowed_origin, lone_field
from agw._fastpath.edits cimport change_path, edit_fields
from agw._fastpath.exchange cimport X_FILTERED, X_HTTPS, X_KEEP
from agw._fastpath.filters cimport ADDED_ROOM, CompiledFilters, Filtering
from agw._fastpath.forwarding cimport add_field
from agw._fastpath.held cimport hold
from agw._fastpath.message cimport FRAMING_LENGTH, FRAMING_NONE, Field
from agw._fastpath.mirror cimport mirror_body, mirror_end, mirror_request
from agw._fastpath.record cimport R_LOCAL
from agw._fastpath.redirect cimport write_location

cdef enum:
    KEPT = 65536            # bytes of a body that are kept to be sent again


cdef int filter_begin(Exchange exchange, const RequestHead* head, const WeightedRef* ref) except -1:
    cdef Filtering filtering = Filtering.__new__(Filtering)
    cdef CompiledFilters rule = exchange.rule.filters
    exchange.filtering = filtering
    exchange.flags |= X_FILTERED
    filtering.rule = rule
    if rule.cors is not None:
        filtering.origin_len = allowed_origin(rule.cors, head.fields, head.n_fields, filtering.origin)
    if ref == NULL:
        return 0
    if ref.filters != NULL:
        filtering.backend = <CompiledFilters> ref.filters
    if rule.tries and not (head.framing == FRAMING_LENGTH and head.content_length > KEPT):
        filtering.tries = rule.tries
        exchange.held = hold(head, ADDED_ROOM)
        exchange.flags |= X_KEEP
    return 0


# --- answers of our own -------------------------------------------------------------------------------------------


cdef int filter_verdict(Exchange exchange, const RequestHead* head, int status, int reason) except -1:
    cdef Filtering filtering
    if exchange.rule is None or not exchange.rule.has_filters:
        return exchange.answer(status, reason)
    filter_begin(exchange, head, NULL)
    filtering = exchange.filtering
    if status == 204:
        return _preflight(exchange, filtering, head)
    if 300 <= status < 400:
        return _redirect(exchange, filtering, head)
    return exchange.answer(status, reason)


cdef void _begin_answer(ResponseHead* answer, Field* fields, int status) noexcept:
    memset(answer, 0, sizeof(answer[0]))
    answer.fields = fields
    answer.status = status
    answer.reason = <const unsigned char*> reason_phrase(status)
    answer.reason_len = <unsigned int> strlen(<const char*> answer.reason)
    answer.minor = 1
    answer.framing = FRAMING_NONE if status == 204 else FRAMING_LENGTH
    add_field(fields, &answer.n_fields, "Date", 4, http_date(), 29)


cdef int _preflight(Exchange exchange, Filtering filtering, const RequestHead* head) except -1:
    cdef ResponseHead answer
    cdef Field fields[16]
    _begin_answer(&answer, fields, 204)
    allow_preflight(
        filtering.rule.cors, fields, &answer.n_fields, filtering.origin, filtering.origin_len,
        lone_field(head.fields, head.n_fields, "access-control-request-method", 29),
        lone_field(head.fields, head.n_fields, "access-control-request-headers", 30),
    )
    return exchange.reply(&answer, NULL, R_LOCAL)


cdef int _redirect(Exchange exchange, Filtering filtering, const RequestHead* head) except -1:
    cdef ResponseHead answer
    cdef Field fields[ADDED_ROOM + 4]
    cdef unsigned char* text = exchange.context.edited
    cdef Py_ssize_t n = write_location(
        filtering.rule.redirect, head, exchange.down.port, (exchange.flags & X_HTTPS) != 0, text
    )
    _begin_answer(&answer, fields, filtering.rule.redirect.status)
    add_field(fields, &answer.n_fields, "Location", 8, <const char*> text, n)
    if filtering.rule.response is not None:
        edit_fields(filtering.rule.response, fields, &answer.n_fields)
    filter_answer(exchange, &answer)
    return exchange.reply(&answer, NULL, R_LOCAL)


cdef void filter_answer(Exchange exchange, ResponseHead* head) noexcept:
    cdef Filtering filtering = exchange.filtering
    if filtering.rule.cors is not None:
        allow(filtering.rule.cors, head.fields, &head.n_fields, filtering.origin, filtering.origin_len)


# --- forwarding ---------------------------------------------------------------------------------------------------


cdef int filter_send(Exchange exchange, RequestHead* head, const Hop* hop) except -1:
    cdef Filtering filtering = exchange.filtering
    cdef CompiledFilters rule = filtering.rule
    cdef unsigned char* text = exchange.context.edited
    exchange.context.forwarding.describe(head, exchange.context.text, hop)
    if rule.request is not None:
        edit_fields(rule.request, head.fields, &head.n_fields)
    if rule.hostname:
        head.authority = rule.hostname
        head.authority_len = <unsigned int> len(rule.hostname)
    if rule.path.present:
        head.path_len = change_path(&rule.path, head.path, head.path_len, text)
        head.path = text
    if rule.n_mirrors and not filtering.mirrored:
        mirror_request(exchange, head)
    if filtering.backend is not None and filtering.backend.request is not None:
        edit_fields(filtering.backend.request, head.fields, &head.n_fields)
    return exchange.up.send_head(head)


cdef void filter_response(Exchange exchange, ResponseHead* head) noexcept:
    cdef Filtering filtering = exchange.filtering
    if filtering.backend is not None and filtering.backend.response is not None:
        edit_fields(filtering.backend.response, head.fields, &head.n_fields)
    if filtering.rule.response is not None:
        edit_fields(filtering.rule.response, head.fields, &head.n_fields)
    filter_answer(exchange, head)


cdef int pass_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1:
    if exchange.filtering is not None and exchange.filtering.copies is not None:
        mirror_body(exchange.filtering, data, size)
    if exchange.held is not None:
        if exchange.up is None:
            return buffer_append(&exchange.held.body, data, size)
        if buffer_size(&exchange.held.body) + size > KEPT:
            exchange.filtering.tries = 0
            forget_request(exchange)
        else:
            buffer_append(&exchange.held.body, data, size)
    return exchange.up.send_body(data, size)


cdef int pass_end(Exchange exchange) except -1:
    if exchange.filtering is not None and exchange.filtering.copies is not None:
        mirror_end(exchange.filtering)
    return exchange.up.send_end() if exchange.up is not None else 0


cdef int forget_request(Exchange exchange) except -1:
    exchange.held = None
    if exchange.filtering is None or exchange.filtering.copies is None:
        exchange.flags &= ~<unsigned int> X_KEEP
    return 0
