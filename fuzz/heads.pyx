"""Harnesses of the head parsers and the head writer.

request, response: the result of a head is a function of its bytes, however they are cut, within any limits; spans lie
in the head or in scratch; what is accepted also passes a slow reading that shares no code with the parser.
writer: an accepted head is written, and what was written is accepted as the same head and written as the same bytes.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memchr, memcmp, memset

from agw._fastpath.buffer cimport Buffer, buffer_free, live_buffers
from agw._fastpath.http1_head cimport (
    HEAD_MORE, MAX_FIELDS, HeadLimits, HeadState, parse_request_head, parse_response_head,
)
from agw._fastpath.http1_write cimport write_request_head, write_response_head
from agw._fastpath.message cimport (
    FIELD_DROP, FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, Field, M_PATCH, M_POST, M_PUT, RequestHead, ResponseHead,
)
from fuzz.feed cimport Cuts, cuts_of, digest, ensure, next_cut, poison, unpoison

cdef enum:
    ROOM = 65536            # bytes of scratch: the largest head
    REDZONE = 256           # bytes behind what a parser may use, where AddressSanitizer sees it

# What one parse gave, with memory of its own.
cdef struct Outcome:
    int result
    Py_ssize_t used
    RequestHead request
    ResponseHead response
    unsigned char* scratch
    Field* fields

cdef Outcome whole, pieces, again


cdef int _make(Outcome* outcome) except -1:
    outcome.scratch = <unsigned char*> malloc(ROOM + REDZONE)
    outcome.fields = <Field*> malloc(MAX_FIELDS * sizeof(Field) + REDZONE)
    if outcome.scratch == NULL or outcome.fields == NULL:
        raise MemoryError
    return 0


_make(&whole)
_make(&pieces)
_make(&again)


cdef HeadLimits _limits(uint64_t seed) noexcept nogil:
    """The limits of production, or such small ones that short inputs reach them."""
    cdef HeadLimits limits
    limits.head, limits.line, limits.fields = ROOM, 16384, 100
    if seed >> 8 & 3 == 0:
        limits.head = <uint32_t> (16 + (seed >> 16) % 512)
        limits.line = <uint32_t> (8 + (seed >> 32) % 128)
        limits.fields = <int> ((seed >> 48) % 6)
    return limits


cdef void _parse(
    Outcome* out, const uint8_t* data, Py_ssize_t size, const HeadLimits* limits, Cuts cuts, int kind,
) noexcept nogil:
    """Feed a head. kind: 0 request, 1 response, 2 response to HEAD."""
    cdef HeadState state
    cdef Py_ssize_t at = 0, end
    memset(&state, 0, sizeof(state))
    memset(&out.request, 0xA5, sizeof(RequestHead))
    memset(&out.response, 0xA5, sizeof(ResponseHead))
    poison(data, size)
    poison(out.scratch + limits.head, REDZONE)
    poison(out.fields + limits.fields, REDZONE)
    while True:
        end = next_cut(&cuts, at, size)
        unpoison(data + at, end - at)
        if kind == 0:
            out.result = parse_request_head(
                data, end, &state, limits, out.scratch, out.fields, &out.request, &out.used
            )
        else:
            out.result = parse_response_head(
                data, end, &state, limits, kind == 2, out.fields, &out.response, &out.used
            )
        if out.result != HEAD_MORE or end == size:
            break
        at = end
    unpoison(data, size)
    unpoison(out.scratch + limits.head, REDZONE)
    unpoison(out.fields + limits.fields, REDZONE)


# --- the slow reading ---------------------------------------------------------------------------------------------

# What a line-by-line reading of an accepted head sees.
cdef struct Reading:
    int lines
    int hosts
    int lengths
    int codings


cdef bint _named(const uint8_t* line, Py_ssize_t n, const char* lower, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    if n < size:
        return False
    for i in range(size):
        if (line[i] + 32 if 65 <= line[i] <= 90 else line[i]) != <uint8_t> lower[i]:
            return False
    return True


cdef Reading _read_slowly(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Go through the lines; CR and LF stand only together, and no other control byte but HTAB stands anywhere."""
    cdef Reading seen
    cdef Py_ssize_t i, start = 0
    memset(&seen, 0, sizeof(seen))
    for i in range(size):
        if data[i] == 13:
            ensure(i + 1 < size and data[i + 1] == 10, "no CR without LF in an accepted head")
        elif data[i] == 10:
            ensure(i > 0 and data[i - 1] == 13, "no LF without CR in an accepted head")
            if i - 1 > start:
                seen.lines += 1
                if seen.lines > 1:
                    ensure(data[start] != 32 and data[start] != 9, "no folded line in an accepted head")
                seen.hosts += _named(data + start, i - start, b"host:", 5)
                seen.lengths += _named(data + start, i - start, b"content-length:", 15)
                seen.codings += _named(data + start, i - start, b"transfer-encoding:", 18)
            start = i + 1
        else:
            ensure(data[i] == 9 or (data[i] >= 32 and data[i] != 127), "no control byte in an accepted head")
    ensure(size >= 4 and memcmp(data + size - 4, b"\r\n\r\n", 4) == 0, "an accepted head ends with an empty line")
    return seen


cdef void _check_fields(const Field* fields, int count, const uint8_t* data, Py_ssize_t used) noexcept nogil:
    cdef const uint8_t* end = data + used
    cdef int i
    for i in range(count):
        ensure(data <= fields[i].name and fields[i].name + fields[i].name_len < end, "names lie in the head")
        ensure(data <= fields[i].value and fields[i].value + fields[i].value_len < end, "values lie in the head")
        ensure(fields[i].name_len > 0, "no empty name")
        ensure(memchr(fields[i].name, 58, fields[i].name_len) == NULL, "no colon in a name")
        if fields[i].value_len:
            ensure(fields[i].value[0] != 32 and fields[i].value[0] != 9, "values are trimmed at their start")
            ensure(
                fields[i].value[fields[i].value_len - 1] != 32 and fields[i].value[fields[i].value_len - 1] != 9,
                "values are trimmed at their end",
            )


cdef void _check_request(const Outcome* out, const uint8_t* data) noexcept nogil:
    cdef const RequestHead* head = &out.request
    cdef Reading seen = _read_slowly(data, out.used)
    cdef uint32_t i
    ensure(seen.hosts == 1 or (seen.hosts == 0 and head.minor == 0), "one Host, or none in HTTP/1.0")
    ensure(seen.lengths + seen.codings <= 1, "one framing")
    ensure((head.framing == FRAMING_CHUNKED) == (seen.codings == 1), "chunked where the field says so")
    ensure((head.framing == FRAMING_LENGTH) == (seen.lengths == 1), "a length where the field says so")
    ensure(head.framing != FRAMING_CHUNKED or head.minor == 1, "no chunked body in HTTP/1.0")
    ensure(head.content_length >= 0, "no negative length")
    ensure(head.path_len > 0 and (head.path[0] == b"/" or head.path[0] == b"*"), "a path")
    ensure(head.method_len > 0, "a method")
    for i in range(head.host_len):
        ensure(not 65 <= head.host[i] <= 90, "the host for matching is in lower case")
    for i in range(head.path_len):
        ensure(head.path[i] > 32 and head.path[i] < 127 and head.path[i] != b"?", "the path has only its own bytes")
    _check_fields(head.fields, head.n_fields, data, out.used)


cdef void _check_response(const Outcome* out, const uint8_t* data) noexcept nogil:
    cdef const ResponseHead* head = &out.response
    cdef Reading seen = _read_slowly(data, out.used)
    ensure(seen.lengths + seen.codings <= 1, "one framing")
    ensure(100 <= head.status <= 599, "a status")
    ensure(head.framing == FRAMING_NONE or (head.framing == FRAMING_CHUNKED) == (seen.codings == 1), "chunked")
    ensure(head.framing != FRAMING_LENGTH or seen.lengths == 1, "a length where the field says so")
    ensure(head.framing != FRAMING_LENGTH or head.content_length >= 0, "no negative length")
    _check_fields(head.fields, head.n_fields, data, out.used)


# --- comparing two outcomes -----------------------------------------------------------------------------------------


cdef bint _same(const void* a, Py_ssize_t n, const void* b, Py_ssize_t m) noexcept nogil:
    return n == m and (n == 0 or memcmp(a, b, n) == 0)


cdef bint _same_fields(const Field* a, int n, const Field* b, int m, bint kept) noexcept nogil:
    """kept: without those that are dropped, which are also those that the writer makes anew."""
    cdef int i = 0, j = 0
    while True:
        while kept and i < n and a[i].flags & FIELD_DROP:
            i += 1
        while kept and j < m and b[j].flags & FIELD_DROP:
            j += 1
        if i == n or j == m:
            return i == n and j == m
        if a[i].id != b[j].id or a[i].flags != b[j].flags:
            return False
        if not _same(a[i].name, a[i].name_len, b[j].name, b[j].name_len):
            return False
        if not _same(a[i].value, a[i].value_len, b[j].value, b[j].value_len):
            return False
        i += 1
        j += 1


cdef bint _same_target(const RequestHead* a, const RequestHead* b) noexcept nogil:
    return (
        _same(a.method, a.method_len, b.method, b.method_len) and _same(a.path, a.path_len, b.path, b.path_len)
        and (a.query == NULL) == (b.query == NULL) and _same(a.query, a.query_len, b.query, b.query_len)
        and _same(a.authority, a.authority_len, b.authority, b.authority_len)
        and _same(a.host, a.host_len, b.host, b.host_len) and a.port == b.port and a.method_id == b.method_id
    )


cdef void _ensure_same_request(const Outcome* a, const Outcome* b) noexcept nogil:
    ensure(a.result == b.result, "one result, however the head is cut")
    if a.result:
        return
    ensure(a.used == b.used, "one end, however the head is cut")
    ensure(_same_target(&a.request, &b.request), "one target, however the head is cut")
    ensure(
        a.request.framing == b.request.framing and a.request.content_length == b.request.content_length
        and a.request.minor == b.request.minor and a.request.keep_alive == b.request.keep_alive
        and a.request.expect_continue == b.request.expect_continue
        and a.request.wants_trailers == b.request.wants_trailers and a.request.websocket == b.request.websocket,
        "one meaning, however the head is cut",
    )
    ensure(
        _same_fields(a.request.fields, a.request.n_fields, b.request.fields, b.request.n_fields, False),
        "the same fields, however the head is cut",
    )


cdef void _ensure_same_response(const Outcome* a, const Outcome* b) noexcept nogil:
    ensure(a.result == b.result, "one result, however the head is cut")
    if a.result:
        return
    ensure(a.used == b.used, "one end, however the head is cut")
    ensure(
        a.response.status == b.response.status and a.response.framing == b.response.framing
        and a.response.content_length == b.response.content_length and a.response.minor == b.response.minor
        and a.response.keep_alive == b.response.keep_alive and a.response.event_stream == b.response.event_stream
        and a.response.websocket == b.response.websocket
        and _same(a.response.reason, a.response.reason_len, b.response.reason, b.response.reason_len),
        "one meaning, however the head is cut",
    )
    ensure(
        _same_fields(a.response.fields, a.response.n_fields, b.response.fields, b.response.n_fields, False),
        "the same fields, however the head is cut",
    )


# --- the harnesses --------------------------------------------------------------------------------------------------


cdef int request_target(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t seed = digest(data, size)
    cdef HeadLimits limits = _limits(seed)
    cdef Cuts at_once
    memset(&at_once, 0, sizeof(at_once))
    _parse(&whole, data, size, &limits, at_once, 0)
    _parse(&pieces, data, size, &limits, cuts_of(seed), 0)
    _ensure_same_request(&whole, &pieces)
    ensure(whole.result == HEAD_MORE or whole.result == 0 or 400 <= whole.result <= 505, "a result that is one")
    if whole.result == 0:
        ensure(0 < whole.used <= <Py_ssize_t> size and whole.used <= limits.head, "an end inside of the input")
        _check_request(&whole, data)
        _parse(&again, data, whole.used - 1, &limits, at_once, 0)
        ensure(again.result == HEAD_MORE, "no head before its last byte")
    return 0


cdef int response_target(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t seed = digest(data, size)
    cdef HeadLimits limits = _limits(seed)
    cdef int kind = 1 + <int> (seed >> 3 & 1)
    cdef Cuts at_once
    memset(&at_once, 0, sizeof(at_once))
    _parse(&whole, data, size, &limits, at_once, kind)
    _parse(&pieces, data, size, &limits, cuts_of(seed), kind)
    _ensure_same_response(&whole, &pieces)
    ensure(whole.result == HEAD_MORE or whole.result == 0 or whole.result == 502, "a result that is one")
    if whole.result == 0:
        ensure(0 < whole.used <= <Py_ssize_t> size and whole.used <= limits.head, "an end inside of the input")
        _check_response(&whole, data)
        _parse(&again, data, whole.used - 1, &limits, at_once, kind)
        ensure(again.result == HEAD_MORE, "no head before its last byte")
    return 0


cdef int _write(Buffer* into, const Outcome* outcome, int kind) noexcept:
    if kind == 0:
        return write_request_head(into, &outcome.request)
    return write_response_head(
        into, &outcome.response, outcome.response.framing, outcome.response.content_length,
        not outcome.response.keep_alive, False,
    )


cdef void _ensure_rewritten(int kind) noexcept nogil:
    """What was read from our own writing is what we meant to write."""
    cdef const RequestHead* request = &again.request
    if kind:
        ensure(whole.response.status == again.response.status, "the status is written")
        ensure(whole.response.framing == again.response.framing, "the framing is written")
        ensure(whole.response.content_length == again.response.content_length, "the length is written")
        ensure(whole.response.websocket == again.response.websocket, "the switch is written")
        # After a switch there is nothing to keep or to close, whatever the agent's fields say of it.
        ensure(
            whole.response.websocket or whole.response.keep_alive == again.response.keep_alive,
            "the connection's fate is written",
        )
        ensure(_same_fields(
            whole.response.fields, whole.response.n_fields, again.response.fields, again.response.n_fields, True
        ), "the kept fields are written")
        return
    ensure(_same_target(&whole.request, request), "the target is written")
    ensure(whole.request.content_length == request.content_length, "the length is written")
    ensure(whole.request.framing == request.framing or (
        whole.request.framing == FRAMING_NONE and request.framing == FRAMING_LENGTH
        and whole.request.method_id in (M_POST, M_PUT, M_PATCH)
    ), "the framing is written")
    ensure(request.minor == 1 and request.keep_alive, "HTTP/1.1 is written")
    ensure(whole.request.websocket == request.websocket, "the handshake is written")
    ensure(
        request.websocket or whole.request.wants_trailers == request.wants_trailers, "the wish for trailers is written",
    )
    ensure(_same_fields(
        whole.request.fields, whole.request.n_fields, request.fields, request.n_fields, True
    ), "the kept fields are written")


cdef int writer_target(const uint8_t* data, size_t size) noexcept:
    cdef int kind = 1 if size > 5 and memcmp(data, b"HTTP/", 5) == 0 else 0
    cdef HeadLimits limits = _limits(0xFFFF)
    cdef Cuts at_once
    cdef Buffer first, second
    memset(&at_once, 0, sizeof(at_once))
    memset(&first, 0, sizeof(first))
    memset(&second, 0, sizeof(second))
    _parse(&whole, data, size, &limits, at_once, kind)
    # A request of HTTP/1.0 without a Host goes on with an empty one (RFC 9112 3.2), which we ourselves refuse.
    if whole.result or (kind == 0 and whole.request.authority_len == 0):
        return 0
    ensure(_write(&first, &whole, kind) == 0, "a head is written")
    # Room in a line and among the fields for what the writer puts there itself.
    limits.line += 256
    limits.fields += 4
    _parse(&again, first.data, first.end, &limits, at_once, kind)
    ensure(again.result == 0 and again.used == first.end, "what we write we also accept, to its end")
    _ensure_rewritten(kind)
    ensure(_write(&second, &again, kind) == 0, "a head is written again")
    ensure(_same(first.data, first.end, second.data, second.end), "written again, the same bytes")
    buffer_free(&first)
    buffer_free(&second)
    ensure(live_buffers()[0] == 0, "no buffer is left")
    return 0


def targets():
    """Addresses of the harnesses, by name."""
    return {
        "request": <size_t> <void*> request_target,
        "response": <size_t> <void*> response_target,
        "writer": <size_t> <void*> writer_target,
    }
