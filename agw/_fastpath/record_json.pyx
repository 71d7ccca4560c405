"""The JSON line of a request record: what the access log writes.

Rules: an object on one line, always the same order; what is not known is left out, but for the three flags, which are
always there. No text can break the line or the JSON (RFC 8259 section 7): control characters are escaped, and what is
no UTF-8 becomes U+FFFD, as a text that was cut within a character does. Nothing is allocated.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcmp, memcpy, strlen

from agw import errors
from agw._fastpath.digits cimport write_decimal
from agw._fastpath.record cimport (
    CONSUMER_ROOM, ID_ROOM, KEY_ROOM, METHOD_ROOM, PATH_ROOM, RECORD_END, RECORD_HEARD, RECORD_RETRIED, RECORD_REUSED,
    RECORD_SIZE, RECORD_START, RECORD_STREAM, ROUTE_ROOM, stream_end,
)
from agw._fastpath.record import A2A_VERSIONS, AFFINITIES, ENDS, OPERATIONS, STATES

cdef extern from "<time.h>" nogil:
    struct tm:
        int tm_year
        int tm_mon
        int tm_mday
        int tm_hour
        int tm_min
        int tm_sec
    tm* gmtime_r(const long* seconds, tm* result)

cdef extern from "<arpa/inet.h>" nogil:
    enum:
        AF_INET6
    const char* inet_ntop(int family, const void* address, char* text, unsigned int size)

cdef enum:
    REASONS = 64
    OPERATIONS_ROOM = 32
    STATES_ROOM = 16
    ENDS_ROOM = 8
    AFFINITIES_ROOM = 8
    VERSIONS_ROOM = 4

cdef const char* HEX = "0123456789abcdef"

# Bytes that stand in a JSON string as they are, runs of which are copied.
cdef uint8_t _plain[256]
cdef char _words[REASONS][24]
cdef char _operations[OPERATIONS_ROOM][48]
cdef char _states[STATES_ROOM][16]
cdef char _ends[ENDS_ROOM][16]
cdef char _affinities[AFFINITIES_ROOM][16]
cdef char _versions[VERSIONS_ROOM][8]

cdef long _second = -1      # of _date
cdef char _date[20]         # "2026-01-31T23:59:59."


def _fill():
    cdef bytes word
    for byte in range(256):
        _plain[byte] = 0x20 <= byte < 0x7F and byte not in b'"\\'
    for reason in errors.Reason:
        word = reason.word.encode()
        memcpy(_words[<int> reason], <const char*> word, len(word) + 1)
    for number, name in enumerate(OPERATIONS):
        word = name.encode()
        memcpy(_operations[<int> number], <const char*> word, len(word) + 1)
    for number, name in enumerate(STATES):
        word = name.encode()
        memcpy(_states[<int> number], <const char*> word, len(word) + 1)
    for number, name in enumerate(ENDS):
        word = name.encode()
        memcpy(_ends[<int> number], <const char*> word, len(word) + 1)
    for number, name in enumerate(AFFINITIES):
        word = name.encode()
        memcpy(_affinities[<int> number], <const char*> word, len(word) + 1)
    for number, name in enumerate(A2A_VERSIONS):
        word = name.encode()
        memcpy(_versions[<int> number], <const char*> word, len(word) + 1)


_fill()


# --- pieces: each writes at a place and gives the next ---------------------------------------------------------------


cdef inline char* _put(char* at, const char* text) noexcept nogil:
    # A literal's length is known when this is compiled in.
    cdef size_t n = strlen(text)
    memcpy(at, text, n)
    return at + n


cdef inline char* _digits(char* at, uint64_t value, int count) noexcept nogil:
    """The last `count` digits, zeros in front."""
    cdef int i
    for i in range(count - 1, -1, -1):
        at[i] = <char> (c"0" + value % 10)
        value //= 10
    return at + count


cdef char* _milliseconds(char* at, int64_t us) noexcept nogil:
    cdef uint64_t value = <uint64_t> us if us > 0 else 0
    at = write_decimal(at, value // 1000)
    at[0] = c"."
    return _digits(at + 1, value % 1000, 3)


cdef char* _time(char* at, int64_t ns) noexcept nogil:
    """RFC 3339, UTC, microseconds. What is above the second is made once a second."""
    global _second
    cdef long second = ns // 1_000_000_000
    cdef tm parts
    cdef char* to = _date
    if second != _second:
        _second = second
        gmtime_r(&second, &parts)
        to = _digits(to, parts.tm_year + 1900, 4)
        to[0] = c"-"
        to = _digits(to + 1, parts.tm_mon + 1, 2)
        to[0] = c"-"
        to = _digits(to + 1, parts.tm_mday, 2)
        to[0] = c"T"
        to = _digits(to + 1, parts.tm_hour, 2)
        to[0] = c":"
        to = _digits(to + 1, parts.tm_min, 2)
        to[0] = c":"
        to = _digits(to + 1, parts.tm_sec, 2)
        to[0] = c"."
    memcpy(at, _date, 20)
    at = _digits(at + 20, <uint64_t> (ns % 1_000_000_000) // 1000, 6)
    at[0] = c"Z"
    return at + 1


cdef int _utf8(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    """Bytes of the well-formed sequence (RFC 3629) that begins here; 0: none does."""
    cdef unsigned char first = text[0]
    cdef unsigned char low = 0x80, high = 0xBF
    cdef int size, i
    if 0xC2 <= first <= 0xDF:
        size = 2
    elif first & 0xF0 == 0xE0:
        size = 3
        low = 0xA0 if first == 0xE0 else 0x80
        high = 0x9F if first == 0xED else 0xBF      # no surrogates
    elif 0xF0 <= first <= 0xF4:
        size = 4
        low = 0x90 if first == 0xF0 else 0x80
        high = 0x8F if first == 0xF4 else 0xBF
    else:
        return 0
    if size > n or not low <= text[1] <= high:
        return 0
    for i in range(2, size):
        if text[i] & 0xC0 != 0x80:
            return 0
    return size


cdef char* _escaped(char* at, const unsigned char* text, Py_ssize_t n, Py_ssize_t* used) noexcept nogil:
    """What cannot stand as it is."""
    cdef unsigned char byte = text[0]
    cdef int size = _utf8(text, n) if byte >= 0x80 else 0
    used[0] = size if size else 1
    if size:
        memcpy(at, text, size)
        return at + size
    if byte >= 0x80:
        return _put(at, "\\ufffd")
    if byte == c'"' or byte == c"\\":
        at[0] = c"\\"
        at[1] = byte
        return at + 2
    at = _put(at, "\\u00")
    at[0] = HEX[byte >> 4]
    at[1] = HEX[byte & 15]
    return at + 2


cdef char* _text(char* at, const char* text, Py_ssize_t n) noexcept nogil:
    cdef const unsigned char* raw = <const unsigned char*> text
    cdef Py_ssize_t start = 0, i = 0, used = 0
    while i < n:
        if _plain[raw[i]]:
            i += 1
            continue
        memcpy(at, raw + start, i - start)
        at = _escaped(at + (i - start), raw + i, n - i, &used)
        i += used
        start = i
    memcpy(at, raw + start, i - start)
    return at + (i - start)


cdef inline char* _member(char* at, const char* name, const char* text, Py_ssize_t n) noexcept nogil:
    """A member with a text; nothing where there is none. name: `,"name":"`."""
    if n == 0:
        return at
    at = _text(_put(at, name), text, n)
    at[0] = c'"'
    return at + 1


cdef char* _address(char* at, const uint8_t* ip, uint16_t port) noexcept nogil:
    cdef char text[48]
    cdef int i
    if memcmp(ip, b"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0:
        for i in range(12, 16):
            at = write_decimal(at, ip[i])
            at[0] = c"." if i < 15 else c":"
            at += 1
        return write_decimal(at, port)
    inet_ntop(AF_INET6, ip, text, sizeof(text))
    at[0] = c"["
    at = _put(_put(at + 1, text), "]:")
    return write_decimal(at, port)


# --- the line --------------------------------------------------------------------------------------------------------


cdef char* _who(char* at, const Record* record) noexcept nogil:
    at = _address(_put(at, ',"peer":"'), record.peer, record.peer_port)
    at = write_decimal(_put(at, '","port":'), record.port)
    at = _member(at, ',"listener":"', record.listener, record.listener_len)
    if record.route_len:
        at = _member(at, ',"route":"', record.route, record.route_len)
        at = write_decimal(_put(at, ',"rule":'), record.rule)
    at = _member(at, ',"backend":"', record.backend, record.backend_len)
    if record.endpoint_port:
        at = _address(_put(at, ',"endpoint":"'), record.endpoint, record.endpoint_port)
        at = _put(at, '"')
    if record.affinity:
        at = _put(_put(_put(at, ',"affinity":"'), _affinities[record.affinity % AFFINITIES_ROOM]), '"')
    return _member(at, ',"consumer":"', record.consumer, record.consumer_len)


cdef char* _what(char* at, const Record* record) noexcept nogil:
    if record.operation:
        at = _put(_put(_put(at, ',"operation":"'), _operations[record.operation % OPERATIONS_ROOM]), '"')
    if record.a2a_version:
        at = _put(_put(_put(at, ',"a2a_version":"'), _versions[record.a2a_version % VERSIONS_ROOM]), '"')
    at = _member(at, ',"method":"', record.method, record.method_len)
    at = _member(at, ',"path":"', record.path, record.path_len)
    if record.status:
        at = write_decimal(_put(at, ',"status":'), record.status)
    at = _put(_put(at, ',"reason":"'), _words[record.reason % REASONS])
    return _put(at, '"')


cdef char* _how(char* at, const Record* record) noexcept nogil:
    if record.first_byte_us >= 0:
        at = _milliseconds(_put(at, ',"first_byte_ms":'), record.first_byte_us)
    at = _milliseconds(_put(at, ',"total_ms":'), record.total_us)
    at = write_decimal(_put(at, ',"bytes_in":'), record.request_bytes)
    at = write_decimal(_put(at, ',"bytes_out":'), record.response_bytes)
    at = _put(at, ',"stream":true' if record.flags & RECORD_STREAM else ',"stream":false')
    at = _put(at, ',"reused":true' if record.flags & RECORD_REUSED else ',"reused":false')
    at = _put(at, ',"retried":true' if record.flags & RECORD_RETRIED else ',"retried":false')
    if record.flags & (RECORD_STREAM | RECORD_HEARD):
        at = _answer(at, record)
    return _member(at, ',"trace_id":"', record.trace_id, record.trace_id_len)


cdef char* _answer(char* at, const Record* record) noexcept nogil:
    """What the agent answered, as far as it was looked at."""
    cdef bint heard = record.flags & RECORD_HEARD
    if record.flags & RECORD_STREAM:
        if heard:
            at = write_decimal(_put(at, ',"events":'), record.events)
        if heard and record.first_event_us >= 0:
            at = _milliseconds(_put(at, ',"first_event_ms":'), record.first_event_us)
        if record.kind == RECORD_END:
            at = _put(_put(_put(at, ',"ended_by":"'), _ends[stream_end(record.reason) % ENDS_ROOM]), '"')
    if heard and record.task_state:
        at = _put(_put(_put(at, ',"task_state":"'), _states[record.task_state % STATES_ROOM]), '"')
    return at


cdef Py_ssize_t record_json(const Record* record, char* into) noexcept nogil:
    cdef char* at = _time(_put(into, '{"time":"'), record.started_ns)
    at = _put(at, '"')
    if record.kind == RECORD_START:
        at = _put(at, ',"event":"start"')
    at = _member(at, ',"id":"', record.request_id, record.request_id_len)
    at = _how(_what(_who(at, record), record), record)
    return _put(at, "}\n") - into


def format_record(bytes record not None):
    """Give the line of a record, newline included."""
    cdef char line[JSON_ROOM]
    cdef Record copy
    if len(record) != RECORD_SIZE:
        raise ValueError(f"a record has {RECORD_SIZE} bytes, not {len(record)}")
    memcpy(&copy, PyBytes_AS_STRING(record), RECORD_SIZE)
    if not (
        copy.route_len <= ROUTE_ROOM and copy.listener_len <= KEY_ROOM and copy.backend_len <= KEY_ROOM
        and copy.consumer_len <= CONSUMER_ROOM and copy.request_id_len <= ID_ROOM and copy.method_len <= METHOD_ROOM
        and copy.path_len <= PATH_ROOM and copy.trace_id_len <= sizeof(copy.trace_id)
    ):
        raise ValueError("a text is longer than its room")
    return line[:record_json(&copy, line)]
