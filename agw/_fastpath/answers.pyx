"""Bodies of the answers that agw gives itself, made once at import.

The shape is google.rpc.Status with an ErrorInfo, which REST clients of A2A 1.0 read, and which says the same to a
person: status, sentence, reason (agw.errors.EXPLANATIONS). Who speaks JSON-RPC gets the same as an error of that, with
the HTTP status in its message too, since SDKs show no more than that. The code is JSON-RPC's own for an internal error:
those from -32001 on are the agent's to give. Nothing comes from the request but the id of its envelope, as JSON-RPC 2.0
section 5 asks, so that nothing else can be reflected.
"""

from libc.string cimport memcpy, memset, strlen
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from agw._fastpath.envelope cimport TEXT_ROOM
from agw._fastpath.forwarding cimport add_field
from agw._fastpath.message cimport FRAMING_LENGTH
from agw._fastpath.record cimport R_LOCAL, R_OVERLOADED, R_UPSTREAM_CLOSED
from agw.errors import EXPLANATIONS, Reason

cdef extern from "<time.h>" nogil:
    struct tm:
        pass
    tm* gmtime_r(const long* seconds, tm* result)
    size_t strftime(char* text, size_t room, const char* format, const tm* when)

cdef const char* CHALLENGE = 'Bearer realm="agw"'

cdef char _date[32]
cdef long _date_second = -1


def _body(reason, code=None):
    told = EXPLANATIONS[reason]
    if not told.code:
        return b""
    return (
        f'{{"error":{{"code":{code or told.statuses[0]},"status":"{told.code}","message":"{told.message}",'
        f'"details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason.name}",'
        f'"domain":"agentgateway.alibabacloud.com"}}]}}}}\n'
    ).encode()


def _error(reason, code=None):
    """What stands behind the id of a JSON-RPC answer."""
    told = EXPLANATIONS[reason]
    if not told.code:
        return b""
    status = code or told.statuses[0]
    return (
        f',"error":{{"code":-32603,"message":"{status} {told.message}",'
        f'"data":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason.name}",'
        f'"domain":"agentgateway.alibabacloud.com","metadata":{{"httpStatus":"{status}"}}}}]}}}}\n'
    ).encode()


cdef enum:
    RPC_ROOM = 1024
    TARGET_TOO_LONG = 63    # one reason, two statuses: 431, and 414 for a request line
    CLOSED_AGAIN = 62       # the same: 502, and 503 where the rule has a retry, which was of no use

cdef list _bodies = [_body(reason) for reason in Reason]
cdef bytes _target_too_long = _body(Reason.HEAD_TOO_LARGE, 414)
cdef bytes _closed_again = _body(Reason.UPSTREAM_CLOSED, 503)
cdef list _errors = [_error(reason) for reason in Reason]
cdef bytes _closed_again_error = _error(Reason.UPSTREAM_CLOSED, 503)
cdef char _rpc[RPC_ROOM]
cdef const char* _error_texts[64]
cdef uint32_t _error_sizes[64]
cdef const char* _texts[64]
cdef uint32_t _sizes[64]


cdef void _fill() noexcept:
    """Borrow the bytes of the list, which lives as long as the module."""
    cdef Py_ssize_t index
    for index in range(len(_bodies)):
        _texts[index] = <const char*> (<bytes> _bodies[index])
        _sizes[index] = <uint32_t> len(<bytes> _bodies[index])
        _error_texts[index] = <const char*> (<bytes> _errors[index])
        _error_sizes[index] = <uint32_t> len(<bytes> _errors[index])
    _texts[TARGET_TOO_LONG] = <const char*> _target_too_long
    _sizes[TARGET_TOO_LONG] = <uint32_t> len(_target_too_long)
    _texts[CLOSED_AGAIN] = <const char*> _closed_again
    _sizes[CLOSED_AGAIN] = <uint32_t> len(_closed_again)
    _error_texts[CLOSED_AGAIN] = <const char*> _closed_again_error
    _error_sizes[CLOSED_AGAIN] = <uint32_t> len(_closed_again_error)


_fill()


cdef const char* answer_body(int status, int reason, uint32_t* size) noexcept nogil:
    cdef int index = TARGET_TOO_LONG if status == 414 else reason
    if status == 503 and reason == R_UPSTREAM_CLOSED:
        index = CLOSED_AGAIN
    size[0] = _sizes[index]
    return _texts[index]


cdef const char* rpc_answer(ResponseHead* head, int reason, const char* id, uint32_t id_size) noexcept:
    cdef int index = CLOSED_AGAIN if head.status == 503 and reason == R_UPSTREAM_CLOSED else reason
    cdef uint32_t size = _error_sizes[index]
    cdef uint32_t before = 22
    memcpy(_rpc, b'{"jsonrpc":"2.0","id":', before)
    memcpy(_rpc + before, id, id_size)
    memcpy(_rpc + before + id_size, _error_texts[index], size)
    head.content_length = before + id_size + size
    return _rpc


cdef const char* reason_phrase(int status) noexcept nogil:
    if status == 200: return "OK"
    if status == 204: return "No Content"
    if status == 301: return "Moved Permanently"
    if status == 302: return "Found"
    if status == 303: return "See Other"
    if status == 304: return "Not Modified"
    if status == 307: return "Temporary Redirect"
    if status == 308: return "Permanent Redirect"
    if status == 400: return "Bad Request"
    if status == 401: return "Unauthorized"
    if status == 403: return "Forbidden"
    if status == 404: return "Not Found"
    if status == 405: return "Method Not Allowed"
    if status == 408: return "Request Timeout"
    if status == 413: return "Content Too Large"
    if status == 414: return "URI Too Long"
    if status == 417: return "Expectation Failed"
    if status == 429: return "Too Many Requests"
    if status == 431: return "Request Header Fields Too Large"
    if status == 500: return "Internal Server Error"
    if status == 501: return "Not Implemented"
    if status == 502: return "Bad Gateway"
    if status == 503: return "Service Unavailable"
    if status == 504: return "Gateway Timeout"
    if status == 505: return "HTTP Version Not Supported"
    if status == 508: return "Loop Detected"
    return ""


cdef const char* http_date() noexcept:
    """Made once a second."""
    global _date_second
    cdef timespec now
    cdef tm parts
    clock_gettime(CLOCK_REALTIME, &now)
    if now.tv_sec != _date_second:
        _date_second = now.tv_sec
        gmtime_r(&_date_second, &parts)
        strftime(_date, sizeof(_date), "%a, %d %b %Y %H:%M:%S GMT", &parts)
    return _date


cdef const char* local_answer(ResponseHead* head, Field* fields, int status, int reason) noexcept:
    cdef uint32_t size = 0
    cdef const char* body = answer_body(status, reason, &size)
    memset(head, 0, sizeof(head[0]))
    head.fields = fields
    head.status = status
    head.reason = <const unsigned char*> reason_phrase(status)
    head.reason_len = <uint32_t> strlen(<const char*> head.reason)
    head.minor = 1
    head.framing = FRAMING_LENGTH
    head.content_length = size
    add_field(fields, &head.n_fields, "Date", 4, http_date(), 29)
    if size:
        # With its charset, as Google's APIs have it: the conformance suite decodes what is just "application/json" even
        # where there is nothing to decode, as after HEAD.
        add_field(fields, &head.n_fields, "Content-Type", 12, "application/json; charset=utf-8", 31)
    if status == 401:
        add_field(fields, &head.n_fields, "WWW-Authenticate", 16, CHALLENGE, strlen(CHALLENGE))
    if reason == R_OVERLOADED:
        add_field(fields, &head.n_fields, "Retry-After", 11, "1", 1)
    if status == 405 or reason == R_LOCAL:
        add_field(fields, &head.n_fields, "Allow", 5, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", 44)
    return body


def largest_error():
    """For tests: see answers.pyi."""
    return max([22 + TEXT_ROOM + size for size in _error_sizes]), <int> RPC_ROOM
