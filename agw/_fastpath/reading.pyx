"""Requests to agents that speak A2A, read as they pass: nothing of a body is kept back or changed for it.

    path is one of the HTTP+JSON binding's  the operation is known at once, and the body is not looked at
    POST of JSON to any other               its envelope is scanned on the way past, and its method names it
    anything else                           no operation

Rules: what cannot be read is forwarded like anything else and has no operation: invalid JSON, batches, other media
types and codings are between client and agent. Only exchanges with a backend that speaks A2A come here.
"""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

from agw._fastpath.envelope cimport SLOT_METHOD, TEXT_USED, Text, envelope_begin, envelope_end, envelope_feed
from agw._fastpath.exchange cimport X_BODY, X_READ
from agw._fastpath.message cimport F_CONTENT_ENCODING, F_CONTENT_TYPE, M_POST, Field
from agw._fastpath.operations cimport PathSpan, rest_operation, rpc_operation


@cython.final
@cython.freelist(64)
cdef class Reading:
    pass


cdef bint _is_json(const Field* field) noexcept:
    """application/json, or A2A's own form of it, with whatever parameters (RFC 9110 8.3.1)."""
    cdef const unsigned char* value = field.value
    cdef uint32_t size = 0
    while size < field.value_len and value[size] != b";" and value[size] != b" " and value[size] != b"\t":
        size += 1
    return _is_word(value, size, "application/json", 16) or _is_word(value, size, "application/a2a+json", 20)


cdef bint _is_word(const unsigned char* value, uint32_t size, const char* word, uint32_t n) noexcept:
    """Whether the value is this word, which has no capitals, whatever the case."""
    cdef uint32_t i
    cdef unsigned char c
    if size != n:
        return False
    for i in range(n):
        c = value[i]
        if b"A" <= c <= b"Z":
            c |= 0x20
        if c != <unsigned char> word[i]:
            return False
    return True


cdef bint _readable(const RequestHead* head) noexcept:
    """Whether the body is JSON as it stands."""
    cdef bint json = False
    cdef int i
    for i in range(head.n_fields):
        if head.fields[i].id == F_CONTENT_ENCODING:
            return False
        if head.fields[i].id == F_CONTENT_TYPE:
            if json or not _is_json(&head.fields[i]):
                return False
            json = True
    return json


cdef int read_begin(Exchange exchange, const RequestHead* head) except -1:
    cdef PathSpan task
    cdef Reading reading
    cdef int operation = rest_operation(head.method_id, head.path, head.path_len, &task)
    exchange.account.a2a = True
    exchange.account.operation = <uint8_t> operation
    if operation == 0 and head.method_id == M_POST and exchange.flags & X_BODY and _readable(head):
        reading = Reading.__new__(Reading)
        envelope_begin(&reading.envelope, False)
        exchange.reading = reading
        exchange.flags |= X_READ
    return 0


cdef int read_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1:
    envelope_feed(&exchange.reading.envelope, data, size)
    return 0


cdef int read_end(Exchange exchange) except -1:
    cdef Envelope* envelope = &exchange.reading.envelope
    cdef const Text* method = &envelope.texts[<int> SLOT_METHOD]
    cdef int place
    if envelope_end(envelope) and method.state == TEXT_USED:
        exchange.account.operation = <uint8_t> rpc_operation(method.data, method.size, &place)
    return 0
