"""The HTTP/1 head parser: one strict pass, no lenient mode (RFC 9112).

    request line = token SP 1*target-byte SP "HTTP/1." DIGIT CRLF
    field line   = token ":" OWS *(HTAB / SP / VCHAR / obs-text) OWS CRLF

A CR without LF, an LF without CR, NUL or another control byte is refused wherever it stands: each leniency here is
one more way for two parsers to see two requests. What a head *means* (its framing above all) is decided once, in
`_request_meaning` and `_response_meaning`; nobody reads Content-Length or Transfer-Encoding again.

A head that arrives in pieces is parsed line by line as lines complete, so that a bad line is refused when it is
there, and once more from its start when the last line is: the spans of earlier pieces do not outlive their buffer.
The result is a function of the bytes alone, not of how they were cut.
"""

from libc.string cimport memchr, memcmp, memset

from agw._fastpath.fields cimport (
    AGW_DIGIT, AGW_FIELD, AGW_TARGET, AGW_TOKEN, agw_class, agw_class_run, agw_name_run, agw_value_run, field_id,
    method_id, normalise_path, parse_authority, same_folded,
)
from agw._fastpath.framing cimport Options, connection_options, content_length, same_name, transfer_encoding
from agw._fastpath.message cimport (
    F_AUTHORIZATION, F_CONNECTION, F_CONTENT_LENGTH, F_CONTENT_TYPE, F_EXPECT, F_HOST, F_HTTP2_SETTINGS,
    F_KEEP_ALIVE, F_OTHER, F_PROXY_AUTHENTICATE, F_PROXY_AUTHORIZATION, F_PROXY_CONNECTION, F_TE, F_TRAILER,
    F_TRANSFER_ENCODING, F_UPGRADE, F_X_API_KEY, FIELD_DROP, FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE,
    FRAMING_UNTIL_CLOSE, M_CONNECT, M_OPTIONS, M_TRACE,
)
from agw._fastpath.upgrade cimport agrees_to_websocket, asks_for_websocket

cdef enum:
    BLANK_LINES = 4         # before a request line (RFC 9112 2.2 asks for at least one)
    HTTP_PORT = 80          # the default of the scheme (RFC 9110 4.2.1)


cdef struct Line:
    const unsigned char* start
    const unsigned char* end        # bytes that may be looked at: the data, cut at the limit of a line
    const unsigned char* next       # out: the byte after its CRLF
    uint8_t within                  # out, with HEAD_MORE: class of byte whose run the end of the data cut, or 0


cdef inline int _line_end(Line* line, const unsigned char* at) noexcept nogil:
    """Expect CRLF at this place."""
    if at == line.end:
        return HEAD_MORE
    if at[0] != b"\r":
        return 400
    if at + 1 == line.end:
        return HEAD_MORE
    if at[1] != b"\n":
        return 400
    line.next = at + 2
    return 0


cdef int _version(Line* line, const unsigned char* at, uint8_t* minor) noexcept nogil:
    """HTTP-version and the line's end (RFC 9112 2.3); a higher minor version is spoken to as 1.1 (RFC 9110 2.5)."""
    if line.end - at < 8:
        return 400 if memchr(at, 10, line.end - at) != NULL else HEAD_MORE
    if memcmp(at, b"HTTP/", 5) != 0 or at[6] != b"." or not (agw_class[at[5]] & agw_class[at[7]] & AGW_DIGIT):
        return 400
    if at[5] != b"1":
        return 505
    minor[0] = 0 if at[7] == b"0" else 1
    return 0


cdef int _request_line(Line* line, RequestHead* head) noexcept nogil:
    """method SP request-target SP HTTP-version CRLF; the target is taken apart once the Host is known."""
    cdef const unsigned char* at = line.start
    cdef int result
    while at < line.end and agw_class[at[0]] & AGW_TOKEN:
        at += 1
    if at == line.end:
        line.within = AGW_TOKEN
        return HEAD_MORE
    if at == line.start or at[0] != b" ":
        return 400
    head.method = line.start
    head.method_len = <uint32_t> (at - line.start)
    at += 1
    head.path = at
    at += agw_class_run(at, line.end - at, AGW_TARGET)
    if at == line.end:
        line.within = AGW_TARGET
        return HEAD_MORE
    if at == head.path or at[0] != b" ":
        return 400
    head.path_len = <uint32_t> (at - head.path)
    at += 1
    result = _version(line, at, &head.minor)
    return result if result else _line_end(line, at + 8)


cdef int _status_line(Line* line, ResponseHead* head) noexcept nogil:
    """HTTP-version SP 3DIGIT SP [reason] CRLF (RFC 9112 4); the SP before an empty reason may be missing."""
    cdef const unsigned char* at = line.start
    cdef int i, result = _version(line, at, &head.minor)
    if result:
        return result
    at += 8
    if line.end - at < 5:
        return 502 if memchr(at, 10, line.end - at) != NULL and line.end - at < 5 else HEAD_MORE
    if at[0] != b" ":
        return 502
    head.status = 0
    for i in range(1, 4):
        if not agw_class[at[i]] & AGW_DIGIT:
            return 502
        head.status = head.status * 10 + (at[i] - 48)
    if head.status < 100 or head.status > 599:
        return 502
    at += 4
    head.reason = at
    if at[0] == b" ":
        at += 1
        head.reason = at
        while at < line.end and agw_class[at[0]] & AGW_FIELD:
            at += 1
    head.reason_len = <uint32_t> (at - head.reason)
    return _line_end(line, at)


cdef inline const unsigned char* _value_end(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """Where a field's value and the white space behind it end."""
    while True:
        at += agw_value_run(at, end - at)
        if at == end or at[0] != b"\t":
            return at
        at += 1


cdef inline int _field_line(Line* line, Field* field) noexcept nogil:
    """field-name ":" OWS field-value OWS CRLF. White space before the name or the colon is refused (5.1, 5.2)."""
    cdef const unsigned char* start = line.start
    cdef const unsigned char* end = line.end
    cdef const unsigned char* at = start + agw_name_run(start, end - start)
    cdef const unsigned char* usual = at
    cdef const unsigned char* value
    cdef int result
    if at == end or at[0] != b":":
        at += agw_class_run(at, end - at, AGW_TOKEN)
        if at == end:
            line.within = AGW_TOKEN
            return HEAD_MORE
    if at == start or at[0] != b":" or at - start > 65535:
        return 400
    field.name = start
    field.name_len = <uint16_t> (at - start)
    at += 1
    while at < end and (at[0] == b" " or at[0] == b"\t"):
        at += 1
    value = at
    at = _value_end(at, end)
    if at == end:
        line.within = AGW_FIELD
        return HEAD_MORE
    result = _line_end(line, at)
    if result:
        return result
    while at > value and ((at - 1)[0] == b" " or (at - 1)[0] == b"\t"):
        at -= 1
    field.value = value
    field.value_len = <uint32_t> (at - value)
    field.id = field_id(start, field.name_len)
    field.flags = 0
    if field.id == F_OTHER and usual < start + field.name_len and memchr(usual, b"_", value - usual) != NULL:
        # CGI-style agents cannot tell it from the same name with "-": dropped, never aliased. No known name has one.
        field.flags = FIELD_DROP
    return 0


cdef inline bint _open_line(const unsigned char* data, Py_ssize_t end, HeadState* state) noexcept nogil:
    """True when the new bytes only go on with what the last ones cut: a long line that trickles in costs no more than
    one that comes whole, since it is read again only where one part of it ends and another begins."""
    while state.scanned < end and agw_class[data[state.scanned]] & state.within:
        state.scanned += 1
    return state.scanned == end


cdef inline const unsigned char* _cut(
    const unsigned char* at, const unsigned char* window, const HeadLimits* limits,
) noexcept nogil:
    """The end of what may be looked at of a line that begins here."""
    cdef Py_ssize_t most = <Py_ssize_t> limits.line + 2
    return at + most if window - at > most else window


cdef int _start_line(
    Line* line, const unsigned char* window, HeadState* state, const HeadLimits* limits,
    RequestHead* request, ResponseHead* response,
) noexcept nogil:
    """The first line; before a request's there may be empty ones."""
    cdef int result
    while line.start < line.end and line.start[0] == b"\r" and request != NULL:
        result = _line_end(line, line.start)
        if result:
            return result
        state.blank += 1
        if state.blank > BLANK_LINES:
            return 400
        state.line_start += 2
        line.start = line.next
        line.end = _cut(line.start, window, limits)
    if line.start == line.end:
        return HEAD_MORE
    result = _request_line(line, request) if request != NULL else _status_line(line, response)
    if result == 0:
        state.lines = 1
        state.line_start += <uint32_t> (line.next - line.start)
        line.start = line.next
        line.end = _cut(line.start, window, limits)
    return result


cdef int _field_lines(
    Line* line, const unsigned char* window, HeadState* state, const HeadLimits* limits, Field* fields, int* count,
) noexcept nogil:
    """The lines behind the first one, with the empty one that ends the head."""
    cdef const unsigned char* first = line.start
    cdef uint32_t lines = state.lines
    cdef int result = HEAD_MORE
    while line.start < line.end:
        if line.start[0] == b"\r":
            result = _line_end(line, line.start)
            if result == 0:
                line.start = line.next
            break
        if lines > <uint32_t> limits.fields:
            result = 431
            break
        result = _field_line(line, fields)
        if result:
            break
        fields += 1
        lines += 1
        line.start = line.next
        line.end = _cut(line.start, window, limits)
        result = HEAD_MORE
    count[0] = <int> (lines - state.lines)
    state.lines = lines
    state.line_start += <uint32_t> (line.start - first)
    return result


cdef int _lines(
    const unsigned char* data, Py_ssize_t size, HeadState* state, const HeadLimits* limits,
    Field* fields, RequestHead* request, ResponseHead* response, int* count,
) noexcept nogil:
    """Parse the lines from state.line_start on, up to and with the empty one that ends the head."""
    cdef Line line
    cdef int result = 0
    cdef const unsigned char* window = data + (size if size < <Py_ssize_t> limits.head else <Py_ssize_t> limits.head)
    count[0] = 0
    line.start = data + state.line_start
    line.end = _cut(line.start, window, limits)
    line.within = 0
    if state.within and _open_line(data, line.end - data, state):
        return _stopped(HEAD_MORE, line.end - data, size, state, limits)
    if state.lines == 0:
        result = _start_line(&line, window, state, limits, request, response)
    if result == 0:
        result = _field_lines(&line, window, state, limits, fields, count)
    if result:
        state.within = line.within
        state.scanned = <uint32_t> (line.end - data)
        return _stopped(result, line.end - data, size, state, limits)
    return 0


cdef int _stopped(
    int result, Py_ssize_t end, Py_ssize_t size, const HeadState* state, const HeadLimits* limits,
) noexcept nogil:
    """Why the lines ended early: a fault, a limit, or bytes that are yet to come."""
    if result != HEAD_MORE:
        return result
    if end == size and size < limits.head:
        if end - state.line_start < <Py_ssize_t> limits.line + 2:
            return HEAD_MORE
    if state.lines == 0 and end - state.line_start >= <Py_ssize_t> limits.line + 2:
        return 414
    return 431


cdef int _head_lines(
    const unsigned char* data, Py_ssize_t size, HeadState* state, const HeadLimits* limits,
    Field* fields, RequestHead* request, ResponseHead* response, int* count, Py_ssize_t* used,
) noexcept nogil:
    cdef bint resumed = state.lines != 0
    cdef int result = _lines(data, size, state, limits, fields, request, response, count)
    if result == 0 and resumed:
        memset(state, 0, sizeof(HeadState))
        result = _lines(data, size, state, limits, fields, request, response, count)
    used[0] = state.line_start
    return result


# --- what the fields mean ---------------------------------------------------------------------------------------


cdef bint _wants_trailers(const Field* field) noexcept nogil:
    return field.value_len == 8 and same_folded(field.value, "trailers", 8)


cdef int _request_meaning(RequestHead* head, const HeadLimits* limits, unsigned char* scratch) noexcept nogil:
    """Framing, connection and target of a request, decided once from its fields."""
    cdef Field* field
    cdef Field* host = NULL
    cdef int seen_length = 0, seen_coding = 0, seen_authorization = 0, seen_key = 0, seen_type = 0
    cdef int i, result
    cdef Options options
    memset(&options, 0, sizeof(options))
    head.content_length = 0
    head.expect_continue = 0
    head.wants_trailers = 0
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id == F_OTHER:
            continue
        result = 0
        if field.id == F_HOST:
            result = 400 if host != NULL else 0
            host = field
            field.flags |= FIELD_DROP
        elif field.id == F_CONTENT_LENGTH:
            seen_length += 1
            result = content_length(field, &head.content_length)
            field.flags |= FIELD_DROP
        elif field.id == F_TRANSFER_ENCODING:
            # Twice, or from a client of 1.0, whose other peers do not know it: faulty whatever it says (RFC 9112 6.1).
            result = 400 if seen_coding or head.minor == 0 else transfer_encoding(field)
            seen_coding += 1
            field.flags |= FIELD_DROP
        elif field.id == F_CONNECTION:
            result = connection_options(field, head.fields, head.n_fields, &options)
            field.flags |= FIELD_DROP
        elif field.id == F_AUTHORIZATION:
            seen_authorization += 1
        elif field.id == F_X_API_KEY:
            seen_key += 1
        elif field.id == F_CONTENT_TYPE:
            seen_type += 1
        elif field.id == F_EXPECT:
            if field.value_len != 12 or not same_folded(field.value, "100-continue", 12) or head.expect_continue:
                result = 417
            head.expect_continue = 1
            field.flags |= FIELD_DROP
        elif field.id == F_TE:
            head.wants_trailers |= _wants_trailers(field)
            field.flags |= FIELD_DROP
        elif field.id in (
            F_KEEP_ALIVE, F_PROXY_CONNECTION, F_UPGRADE, F_HTTP2_SETTINGS, F_TRAILER, F_PROXY_AUTHORIZATION,
        ):
            field.flags |= FIELD_DROP
        if result:
            return result
    if seen_length > 1 or (seen_length and seen_coding) or seen_type > 1:
        return 400
    if seen_authorization > 1 or seen_key > 1:
        return 401
    head.framing = FRAMING_CHUNKED if seen_coding else FRAMING_LENGTH if head.content_length > 0 else FRAMING_NONE
    if head.framing == FRAMING_NONE and seen_length:
        head.framing = FRAMING_LENGTH
    head.keep_alive = not options.close and (head.minor == 1 or options.keep_alive)
    if head.minor == 0:
        head.expect_continue = 0
    head.method_id = method_id(head.method, head.method_len)
    head.websocket = options.upgrade and asks_for_websocket(head, options.upgrade)
    return _request_target(head, host, limits, scratch)


cdef int _absolute_form(RequestHead* head, const unsigned char** authority, uint32_t* authority_len) noexcept nogil:
    """Take "http://authority" off the target (RFC 9112 3.2.2); a listener here speaks http alone."""
    cdef const unsigned char* end = head.path + head.path_len
    cdef const unsigned char* at
    if head.path_len < 8 or not same_name(head.path, b"http://", 7):
        return 400
    authority[0] = head.path + 7
    at = authority[0]
    while at < end and at[0] != b"/" and at[0] != b"?":
        at += 1
    authority_len[0] = <uint32_t> (at - authority[0])
    head.path = at
    head.path_len = <uint32_t> (end - at)
    return 0


cdef bint _one_authority(
    const unsigned char* authority, uint32_t authority_len, const Field* host, unsigned char* scratch,
) noexcept nogil:
    """Whether the target and Host name the same host and port: letter case and the default port are spelling (RFC 9110
    4.2.3). Also checks both."""
    cdef const unsigned char* a
    cdef const unsigned char* b
    cdef uint32_t a_len = 0, b_len = 0
    cdef int a_port = 0, b_port = 0
    if parse_authority(authority, authority_len, scratch, &a, &a_len, &a_port) < 0:
        return False
    if parse_authority(host.value, host.value_len, scratch + authority_len, &b, &b_len, &b_port) < 0:
        return False
    return a_len == b_len and memcmp(a, b, a_len) == 0 and (a_port or HTTP_PORT) == (b_port or HTTP_PORT)


cdef int _split_query(RequestHead* head, unsigned char* scratch, Py_ssize_t room) noexcept nogil:
    cdef const unsigned char* mark = <const unsigned char*> memchr(head.path, 63, head.path_len)
    cdef uint32_t size = head.path_len
    head.query = NULL
    head.query_len = 0
    if mark != NULL:
        head.query = mark + 1
        head.query_len = <uint32_t> (head.path + head.path_len - head.query)
        size = <uint32_t> (mark - head.path)
    if size == 0:
        head.path = b"/"
        head.path_len = 1
        return 0
    if size > room:
        return 414
    return 400 if normalise_path(head.path, size, scratch, &head.path, &head.path_len) < 0 else 0


cdef int _request_target(
    RequestHead* head, const Field* host, const HeadLimits* limits, unsigned char* scratch,
) noexcept nogil:
    """The forms of RFC 9112 3.2, and the one host that all of the request agrees on."""
    cdef const unsigned char* authority = NULL
    cdef uint32_t authority_len = 0
    cdef int result
    if head.method_id == M_CONNECT or head.method_id == M_TRACE:
        return 405
    if head.path[0] != b"/" and not (head.path_len == 1 and head.path[0] == b"*"):
        result = _absolute_form(head, &authority, &authority_len)
        if result:
            return result
    elif head.path[0] == b"*" and head.method_id != M_OPTIONS:
        return 400
    if host == NULL:
        if head.minor == 1:
            return 400
        if authority == NULL:
            # HTTP/1.0 knows no Host; what we send on has an empty one (RFC 9112 3.2), and only "any host" matches it.
            head.authority = head.host = head.path
            head.authority_len = head.host_len = 0
            head.port = 0
            return _split_query(head, scratch, limits.head)
    elif authority == NULL:
        authority = host.value
        authority_len = host.value_len
    elif not _one_authority(authority, authority_len, host, scratch):
        # RFC 9112 3.2.2 lets the target win; two hosts in one request are two routes for whoever reads the other.
        return 400
    head.authority = authority
    head.authority_len = authority_len
    if parse_authority(authority, authority_len, scratch, &head.host, &head.host_len, &head.port) < 0:
        return 400
    if head.path_len == 0 and head.method_id == M_OPTIONS:
        # "OPTIONS http://host" asks of the server as a whole (RFC 9112 3.2.4).
        head.path = b"*"
        head.path_len = 1
    if head.path_len and head.path[0] == b"*":
        head.query = NULL
        head.query_len = 0
        return 0
    return _split_query(head, scratch + authority_len, limits.head - authority_len)


cdef int _response_meaning(ResponseHead* head, bint to_head_request) noexcept nogil:
    """Framing and connection of a response (RFC 9112 6.3); what agents get wrong here is theirs: 502."""
    cdef Field* field
    cdef int seen_length = 0, seen_coding = 0, i
    cdef Options options
    memset(&options, 0, sizeof(options))
    head.content_length = -1
    head.event_stream = 0
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id == F_OTHER:
            continue
        if field.id == F_CONTENT_LENGTH:
            seen_length += 1
            field.flags |= FIELD_DROP
            if content_length(field, &head.content_length):
                return 502
        elif field.id == F_TRANSFER_ENCODING:
            seen_coding += 1
            field.flags |= FIELD_DROP
            if transfer_encoding(field):
                return 502
        elif field.id == F_CONNECTION:
            field.flags |= FIELD_DROP
            if connection_options(field, head.fields, head.n_fields, &options):
                return 502
        elif field.id == F_CONTENT_TYPE:
            head.event_stream = field.value_len >= 17 and same_name(field.value, b"text/event-stream", 17) and (
                field.value_len == 17 or field.value[17] in (b";", b" ", b"\t")
            )
        elif field.id in (F_KEEP_ALIVE, F_PROXY_CONNECTION, F_UPGRADE, F_TE, F_TRAILER, F_PROXY_AUTHENTICATE):
            field.flags |= FIELD_DROP
    if seen_length > 1 or seen_coding > 1 or (seen_length and seen_coding) or (seen_coding and head.minor == 0):
        return 502
    head.keep_alive = not options.close and (head.minor == 1 or options.keep_alive)
    head.websocket = head.status == 101 and agrees_to_websocket(head, options.upgrade)
    if to_head_request or head.status < 200 or head.status == 204 or head.status == 304:
        head.framing = FRAMING_NONE
        # What announces a body that it must not have may be followed by one, as soon as the next answer is awaited.
        if (to_head_request and head.content_length != 0 and head.status >= 200) or (
            head.status == 204 and (seen_coding or head.content_length > 0)
        ):
            head.keep_alive = 0
    elif seen_coding:
        head.framing = FRAMING_CHUNKED
    elif seen_length:
        head.framing = FRAMING_LENGTH
    else:
        head.framing = FRAMING_UNTIL_CLOSE
        head.keep_alive = 0
    return 0


cdef int parse_request_head(
    const unsigned char* data, Py_ssize_t size, HeadState* state, const HeadLimits* limits,
    unsigned char* scratch, Field* fields, RequestHead* head, Py_ssize_t* used,
) noexcept nogil:
    cdef int result
    head.fields = fields
    result = _head_lines(data, size, state, limits, fields, head, NULL, &head.n_fields, used)
    return result if result else _request_meaning(head, limits, scratch)


cdef int parse_response_head(
    const unsigned char* data, Py_ssize_t size, HeadState* state, const HeadLimits* limits, bint to_head_request,
    Field* fields, ResponseHead* head, Py_ssize_t* used,
) noexcept nogil:
    cdef int result
    head.fields = fields
    result = _head_lines(data, size, state, limits, fields, NULL, head, &head.n_fields, used)
    if result == HEAD_MORE:
        return result
    return 502 if result else _response_meaning(head, to_head_request)


cdef int parse_field_line(
    const unsigned char* data, Py_ssize_t size, Field* field, Py_ssize_t* used,
) noexcept nogil:
    cdef Line line
    cdef int result
    line.start = data
    line.end = data + size
    result = _field_line(&line, field)
    if result == 0:
        used[0] = line.next - data
    return result


# --- for tests, fuzzing and benches: the same functions over Python bytes -----------------------------------------


cdef _span(const unsigned char* data, Py_ssize_t size):
    return (<const char*> data)[:size]


cdef _fields(const Field* fields, int count):
    return [
        (_span(fields[i].name, fields[i].name_len), _span(fields[i].value, fields[i].value_len), fields[i].flags)
        for i in range(count)
    ]


def parse_request(pieces, uint32_t max_head=65536, uint32_t max_line=16384, int max_fields=100):
    """Feed the pieces one by one: None (incomplete), a status (int), or the head as a dict with `used` bytes."""
    cdef HeadState state
    cdef HeadLimits limits
    cdef RequestHead head
    cdef Field fields[MAX_FIELDS]
    cdef Py_ssize_t used = 0
    cdef int result = HEAD_MORE
    cdef bytes data = b""
    memset(&state, 0, sizeof(state))
    limits.head, limits.line, limits.fields = max_head, max_line, max_fields
    scratch = bytearray(2 * max_head)
    for piece in pieces:
        data += piece
        result = parse_request_head(data, len(data), &state, &limits, scratch, fields, &head, &used)
        if result != HEAD_MORE:
            break
    if result:
        return None if result == HEAD_MORE else result
    return {
        "method": _span(head.method, head.method_len), "path": _span(head.path, head.path_len),
        "query": None if head.query == NULL else _span(head.query, head.query_len),
        "authority": _span(head.authority, head.authority_len), "host": _span(head.host, head.host_len),
        "port": head.port, "minor": head.minor, "keep_alive": bool(head.keep_alive), "framing": head.framing,
        "content_length": head.content_length, "expect_continue": bool(head.expect_continue),
        "fields": _fields(head.fields, head.n_fields), "used": used,
    }


def parse_response(pieces, bint to_head_request=False, uint32_t max_head=65536, uint32_t max_line=16384):
    """The same for a response."""
    cdef HeadState state
    cdef HeadLimits limits
    cdef ResponseHead head
    cdef Field fields[MAX_FIELDS]
    cdef Py_ssize_t used = 0
    cdef int result = HEAD_MORE
    cdef bytes data = b""
    memset(&state, 0, sizeof(state))
    limits.head, limits.line, limits.fields = max_head, max_line, 100
    for piece in pieces:
        data += piece
        result = parse_response_head(data, len(data), &state, &limits, to_head_request, fields, &head, &used)
        if result != HEAD_MORE:
            break
    if result:
        return None if result == HEAD_MORE else result
    return {
        "status": head.status, "reason": _span(head.reason, head.reason_len), "minor": head.minor,
        "keep_alive": bool(head.keep_alive), "framing": head.framing, "content_length": head.content_length,
        "event_stream": bool(head.event_stream), "fields": _fields(head.fields, head.n_fields), "used": used,
    }


def bench_parse(bytes data, int n):
    """Parse the same complete head n times; the last result. For micro benches."""
    cdef HeadState state
    cdef HeadLimits limits
    cdef RequestHead head
    cdef Field fields[MAX_FIELDS]
    cdef Py_ssize_t used = 0
    cdef int result = HEAD_MORE, _
    cdef const unsigned char* raw = data
    cdef Py_ssize_t size = len(data)
    limits.head, limits.line, limits.fields = 65536, 16384, 100
    scratch = bytearray(2 * 65536)
    cdef unsigned char* room = scratch
    for _ in range(n):
        memset(&state, 0, sizeof(state))
        result = parse_request_head(raw, size, &state, &limits, room, fields, &head, &used)
    return result
