"""Requests to agents that speak A2A, read as they pass: nothing of a body is kept back or changed for it.

    path is one of the HTTP+JSON binding's  the operation is known at once, and the body is not looked at
    POST of JSON to any other               its envelope is scanned on the way past, and its method names it
    anything else                           no operation

Where a decision depends on what is asked for (Want), the request is kept back until that is known, or HELD bytes of it
do not say. A body that came whole with its head is read at once, and nothing is kept. Otherwise, where it was the
operation, what follows is still watched: an envelope that turns out to be no JSON, or to have a second method, is
refused by authorization before its last byte has gone, so that no agent has a whole request of it; rate limits take
from it what they take of one that nobody can read.

Rules: without such a policy what cannot be read is forwarded like anything else and has no operation: invalid JSON,
batches, other media types and codings are between client and agent. Authorization by operation refuses it, and all
limits by operation count it.
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy

from agw._fastpath.admission cimport WANT_GRANT, WANT_IDS, WANT_OPERATION, consumer_name
from agw._fastpath.agents cimport AGENT_OTHER, agent_begin
from agw._fastpath.answers cimport rpc_answer
from agw._fastpath.buffer cimport buffer_append, buffer_size
from agw._fastpath.card_answers cimport expect_card, expect_result
from agw._fastpath.cards cimport ask_for_readable
from agw._fastpath.envelope cimport (
    SEEN_PARAMS, SLOT_CONTEXT, SLOT_ID, SLOT_MESSAGE_CONTEXT, SLOT_MESSAGE_TASK, SLOT_METHOD, SLOT_RPC_ID, SLOT_TASK,
    U_NOT, U_VERSION, envelope_begin, envelope_end, envelope_feed, envelope_has,
)
from agw._fastpath.exchange cimport X_BODY, X_FILTERED, X_GUARDED, X_KEEP, X_READ, X_RPC, X_WITHHELD
from agw._fastpath.fields cimport is_word, same_folded
from agw._fastpath.filters cimport ADDED_ROOM
from agw._fastpath.held cimport hold
from agw._fastpath.message cimport F_CONTENT_ENCODING, F_CONTENT_TYPE, M_OTHER, M_POST, Field
from agw._fastpath.metering cimport meter, meter_rest
from agw._fastpath.operations cimport (
    OP_GET_AGENT_CARD, OP_GET_EXTENDED_AGENT_CARD, OP_LIST_TASKS, PathSpan, is_plain_path, rest_operation,
    rpc_operation,
)
from agw._fastpath.percent cimport percent_decode
from agw._fastpath.record cimport R_FORBIDDEN, R_RATE_LIMITED, R_TOO_MANY_STREAMS
from agw._fastpath.route cimport CompiledBackend, CompiledPolicy, CompiledRule
from agw._fastpath.seating cimport seat_request

cdef enum:
    HELD = 65536            # bytes of a body that are kept back for its operation


@cython.final
@cython.freelist(64)
cdef class Reading:
    """The JSON-RPC envelope of an exchange's request."""


cdef bint is_json(const Field* field, bint strictly) noexcept:
    """application/json, or A2A's own form of it (RFC 9110 8.3.1).

    strictly: with no parameter but one charset=utf-8. Body parsers decode other charsets, and then read another text.
    """
    cdef const unsigned char* value = field.value
    cdef uint32_t at
    if field.value_len >= 16 and same_folded(value, "application/json", 16):
        at = 16
    elif field.value_len >= 20 and same_folded(value, "application/a2a+json", 20):
        at = 20
    else:
        return False
    if at == field.value_len:
        return True
    if value[at] != b";" and value[at] != b" " and value[at] != b"\t":
        return False        # a longer word
    if not strictly:
        return True
    while at < field.value_len and (value[at] == b" " or value[at] == b"\t"):
        at += 1
    if at == field.value_len or value[at] != b";":
        return at == field.value_len
    at += 1
    while at < field.value_len and (value[at] == b" " or value[at] == b"\t"):
        at += 1
    return (
        is_word(value + at, field.value_len - at, "charset=utf-8", 13)
        or is_word(value + at, field.value_len - at, 'charset="utf-8"', 15)
    )


cdef bint _readable(const RequestHead* head, bint strictly) noexcept:
    """Whether the body is JSON as it stands."""
    cdef bint json = False
    cdef int i
    for i in range(head.n_fields):
        if head.fields[i].id == F_CONTENT_ENCODING:
            return False
        if head.fields[i].id == F_CONTENT_TYPE:
            if json or not is_json(&head.fields[i], strictly):
                return False
            json = True
    return json


cdef int read_begin(Exchange exchange, RequestHead* head, int wants) except -1:
    cdef PathSpan task
    cdef Reading reading
    cdef int operation = rest_operation(head.method_id, head.path, head.path_len, &task)
    if exchange.backend.a2a:
        exchange.account.a2a = True
        agent_begin(&exchange.account, exchange.context.agents, exchange.backend.agent, head)
    exchange.account.operation = <uint8_t> operation
    if operation in (OP_GET_AGENT_CARD, OP_GET_EXTENDED_AGENT_CARD) and exchange.backend.a2a:
        return expect_card(exchange, head, operation == OP_GET_EXTENDED_AGENT_CARD)
    if head.method_id != M_POST or not exchange.flags & X_BODY or (operation and not wants):
        return 0
    if _readable(head, wants & (WANT_GRANT | WANT_OPERATION)):
        reading = Reading.__new__(Reading)
        reading.wants = wants
        reading.by_path = operation != 0
        reading.authority_len = 0
        envelope_begin(&reading.envelope, reading.by_path)
        exchange.reading = reading
        exchange.flags |= X_READ
        reading.over = head.whole != NULL
        if reading.over:
            reading.readable = envelope_feed(&reading.envelope, head.whole, head.content_length)
            reading.readable = reading.readable and envelope_end(&reading.envelope)
            if not operation and reading.readable and envelope_has(&reading.envelope, SLOT_METHOD):
                operation = _operation(&reading.envelope)
                exchange.account.operation = <uint8_t> operation
        if not reading.by_path and exchange.backend.a2a:
            if not reading.over:
                _may_be_a_card(reading, head)
            elif operation == OP_GET_EXTENDED_AGENT_CARD:
                _may_be_a_card(reading, head)
                return expect_result(exchange)
    return 0


cdef void _may_be_a_card(Reading reading, RequestHead* head) noexcept:
    """Keep of the head what an extended card needs, and let the answer be one that can be looked into."""
    if head.authority_len <= AUTHORITY_ROOM:
        reading.authority_len = <uint16_t> head.authority_len
        memcpy(reading.authority, head.authority, head.authority_len)
    ask_for_readable(head)


cdef int _know(Exchange exchange) except -1:
    """The method has come, and is what it will be."""
    cdef int operation = _operation(&exchange.reading.envelope)
    exchange.account.operation = <uint8_t> operation
    if operation == OP_GET_EXTENDED_AGENT_CARD and exchange.backend.a2a:
        return expect_result(exchange)
    return 0


# --- where something waits for what it asks for -----------------------------------------------------------------------

cdef bint _allowed(Exchange exchange, bint known) except -1:
    cdef CompiledPolicy policy = exchange.rule.policy
    return policy.grants.allows(consumer_name(policy, exchange.account.consumer), exchange.account.operation, known)


cdef int _decide(Exchange exchange, RequestHead* head, bint known, bint held) except -1:
    """All is known that can be: let it in, count it, and send it on. known: there is no doubt which operation it is."""
    cdef CompiledPolicy policy = exchange.rule.policy
    if policy is not None and policy.grants is not None and policy.grants.by_operation:
        if not _allowed(exchange, known):
            return exchange.answer(403, R_FORBIDDEN)
        exchange.flags |= X_GUARDED
    if policy is not None and policy.limits is not None:
        if not meter(exchange, head, known):
            return exchange.answer(429, R_RATE_LIMITED)
        if known and policy.limits.by_operation:
            exchange.flags |= X_GUARDED
    if policy is not None and policy.max_streams and not seat_request(exchange):
        return exchange.answer(429, R_TOO_MANY_STREAMS)
    return exchange._forward(head, held)


cdef int withhold(Exchange exchange, RequestHead* head, int wants) except -1:
    cdef Reading reading = exchange.reading
    cdef bint empty = not exchange.flags & X_BODY
    cdef bint by_path = reading.by_path if reading is not None else exchange.account.operation != 0
    cdef bint plain = head.method_id != M_OTHER and is_plain_path(
        head.method_id, head.path, head.path_len, exchange.account.operation if by_path else 0
    )
    if wants & WANT_GRANT:
        head.websocket = False      # what is asked for in a tunnel nobody could say
    if reading is None:
        # A body that cannot be watched may name something else than the path does.
        return _decide(exchange, head, plain and empty, False)
    if wants & WANT_GRANT and not plain:
        return _decide(exchange, head, False, False)
    if by_path and not wants & WANT_IDS and not reading.over:
        return _decide(exchange, head, plain, False)
    if reading.over:
        return _decide(exchange, head, _is_known(reading, plain, reading.readable), False)
    reading.plain = plain
    if exchange.held is None:
        exchange.held = hold(head, ADDED_ROOM if exchange.flags & X_FILTERED else 0)
        exchange.flags |= X_KEEP
    exchange.flags |= X_WITHHELD
    if exchange.rule.head_timeout_ms:
        exchange.poller.arm(exchange, exchange.rule.head_timeout_ms)
    if head.expect_continue:
        exchange.held.head.expect_continue = 0
        return exchange.down.respond_continue()
    return 0


cdef int _settle(Exchange exchange, bint readable) except -1:
    """Decide now, and send what was kept back, or answer."""
    cdef Reading reading = exchange.reading
    cdef bint known = _is_known(reading, reading.plain, readable)
    cdef RequestHead head = exchange.held.head
    exchange.flags &= ~<uint32_t> X_WITHHELD
    if known and not reading.by_path:
        _know(exchange)
    return _decide(exchange, &head, known, True)


cdef inline bint _complete(Reading reading) noexcept:
    """Whether all that the request is kept back for has been read."""
    if not reading.by_path and not envelope_has(&reading.envelope, SLOT_METHOD):
        return False
    return not reading.wants & WANT_IDS or (reading.envelope.seen >> SEEN_PARAMS & 1) != 0


cdef int named(Exchange exchange, const RequestHead* head, Named* who) noexcept:
    cdef Envelope* envelope
    cdef PathSpan task
    who.task_size = who.context_size = 0
    if head != NULL and rest_operation(head.method_id, head.path, head.path_len, &task):
        if task.size:
            who.task = who.room
            who.task_size = max(0, percent_decode(task.data, task.size, <unsigned char*> who.room, TEXT_ROOM))
        elif exchange.account.operation == OP_LIST_TASKS:
            _by_query(head, who)
    if exchange.reading is None:
        return 0
    envelope = &exchange.reading.envelope
    if not who.task_size:
        _take_text(envelope, SLOT_MESSAGE_TASK, &who.task, &who.task_size)
    if not who.task_size:
        _take_text(envelope, SLOT_TASK, &who.task, &who.task_size)
    if not who.task_size and not exchange.reading.by_path:
        _take_text(envelope, SLOT_ID, &who.task, &who.task_size)
    if not who.context_size:
        _take_text(envelope, SLOT_MESSAGE_CONTEXT, &who.context, &who.context_size)
    if not who.context_size and not who.task_size:     # beside a task no agent reads it: anybody could make one up
        _take_text(envelope, SLOT_CONTEXT, &who.context, &who.context_size)
    return 0


cdef void _by_query(const RequestHead* head, Named* who) noexcept:
    """HTTP+JSON: tasks?contextId=..."""
    cdef const unsigned char* at = head.query
    cdef const unsigned char* end = at + head.query_len
    cdef const unsigned char* stop
    while at != NULL and at < end:
        stop = <const unsigned char*> memchr(at, b"&", end - at)
        if stop == NULL:
            stop = end
        if stop - at > 10 and memcmp(at, b"contextId=", 10) == 0:
            who.context = who.room
            who.context_size = max(0, percent_decode(at + 10, stop - at - 10, <unsigned char*> who.room, TEXT_ROOM))
            return
        at = stop + 1


cdef inline void _take_text(Envelope* envelope, int slot, const char** data, Py_ssize_t* size) noexcept:
    if envelope_has(envelope, slot):
        data[0] = envelope.texts[slot].data
        size[0] = envelope.texts[slot].size


cdef int _agent_of(CompiledRule rule) noexcept:
    """The row of the first agent that a rule names."""
    cdef int i
    for i in range(rule.n_backends):
        if not rule.backends[i].error and (<CompiledBackend> rule.backends[i].backend).a2a:
            return (<CompiledBackend> rule.backends[i].backend).agent
    return AGENT_OTHER


cdef int read_refused(Exchange exchange, const RequestHead* head, int status) except -1:
    cdef PathSpan task
    if status >= 400:       # not a preflight, which no agent is asked
        agent_begin(&exchange.account, exchange.context.agents, _agent_of(exchange.rule), head)
    if head.method_id == M_POST and _readable(head, False):
        if rest_operation(head.method_id, head.path, head.path_len, &task) == 0:
            exchange.flags |= X_RPC
    return 0


cdef const char* in_rpc(Exchange exchange, ResponseHead* head, int reason, const char* body) noexcept:
    cdef const Envelope* envelope
    if head.content_length == 0 or (exchange.reading is not None and exchange.reading.by_path):
        return body
    if exchange.reading is not None:
        envelope = &exchange.reading.envelope
        if envelope_has(envelope, SLOT_RPC_ID):
            return rpc_answer(
                head, reason, envelope.texts[<int> SLOT_RPC_ID].data, envelope.texts[<int> SLOT_RPC_ID].size
            )
    return rpc_answer(head, reason, "null", 4)


cdef inline int _operation(const Envelope* envelope) noexcept:
    cdef int place
    return rpc_operation(envelope.texts[<int> SLOT_METHOD].data, envelope.texts[<int> SLOT_METHOD].size, &place)


cdef bint _turned(Reading reading, bint readable) noexcept:
    """Whether what was allowed turns out to be something else. By its path, it has parameters and no envelope."""
    cdef const Envelope* envelope = &reading.envelope
    if not reading.by_path:
        return not readable
    return (envelope.seen >> SLOT_METHOD & 1) != 0 or (not readable and envelope.unknown != U_VERSION)


cdef inline bint _is_known(Reading reading, bint plain, bint readable) noexcept:
    """Whether there is no doubt which operation it is: path and body, as far as it has come, say one and the same."""
    if not plain or _turned(reading, readable):
        return False
    return reading.by_path or envelope_has(&reading.envelope, SLOT_METHOD)


cdef bint _refused(Exchange exchange) except -1:
    """The rest of the request says something else than its beginning: whether that ends it."""
    cdef CompiledPolicy policy = exchange.rule.policy
    exchange.flags &= ~<uint32_t> X_GUARDED
    if policy.grants is not None and policy.grants.by_operation:
        exchange.request_refused(403, R_FORBIDDEN)
        return True
    if not meter_rest(exchange):
        exchange.request_refused(429, R_RATE_LIMITED)
        return True
    return False


cdef bint read_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Reading reading = exchange.reading
    cdef bint readable
    if reading.over:
        return False
    readable = envelope_feed(&reading.envelope, data, size)
    if exchange.flags & X_WITHHELD:
        buffer_append(&exchange.held.body, data, size)
        if not readable or _complete(reading) or buffer_size(&exchange.held.body) > HELD:
            _settle(exchange, readable)
        return True
    return exchange.flags & X_GUARDED and _turned(reading, readable) and _refused(exchange)


cdef bint read_end(Exchange exchange) except -1:
    cdef Reading reading = exchange.reading
    cdef bint readable
    if reading.over:
        return False
    readable = envelope_end(&reading.envelope)
    if exchange.flags & X_WITHHELD:
        _settle(exchange, readable)
        return True
    if exchange.flags & X_GUARDED and _turned(reading, readable) and _refused(exchange):
        return True
    if not reading.by_path and readable and envelope_has(&reading.envelope, SLOT_METHOD):
        _know(exchange)
    return False


cdef int read_early(Exchange exchange) except -1:
    cdef Reading reading = exchange.reading
    if not reading.by_path and reading.envelope.unknown == U_NOT and envelope_has(&reading.envelope, SLOT_METHOD):
        return _know(exchange)
    return 0
