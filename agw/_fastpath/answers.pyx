"""Bodies of the answers that agw gives itself, made once at import.

The shape is google.rpc.Status with an ErrorInfo, which REST clients of A2A 1.0 read, and which says the same to a
person: status, sentence, reason. Nothing in it comes from the request, so that nothing of a request can be reflected.
"""

from libc.string cimport memset, strlen
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from agw._fastpath.forwarding cimport add_field
from agw._fastpath.message cimport FRAMING_LENGTH
from agw._fastpath.record cimport R_LOCAL
from agw.errors import Reason

cdef extern from "<time.h>" nogil:
    struct tm:
        pass
    tm* gmtime_r(const long* seconds, tm* result)
    size_t strftime(char* text, size_t room, const char* format, const tm* when)

cdef const char* CHALLENGE = 'Bearer realm="agw"'

cdef char _date[32]
cdef long _date_second = -1

_SENTENCES = {
    Reason.BAD_REQUEST: (400, "INVALID_ARGUMENT", "the request breaks a rule of HTTP"),
    Reason.NOT_FOUND: (404, "NOT_FOUND", "no route of this gateway matches the request"),
    Reason.UNAUTHENTICATED: (401, "UNAUTHENTICATED", "a valid API key is required"),
    Reason.INVALID_BACKEND: (500, "INTERNAL", "the route's backend is missing, refused or not supported"),
    Reason.NO_ENDPOINT: (503, "UNAVAILABLE", "the agent has no endpoint at the moment"),
    Reason.CONNECT_FAILED: (503, "UNAVAILABLE", "the agent cannot be reached"),
    Reason.UPSTREAM_INVALID: (502, "UNAVAILABLE", "the agent's answer breaks a rule of HTTP"),
    Reason.UPSTREAM_CLOSED: (502, "UNAVAILABLE", "the agent closed the connection before it answered"),
    Reason.UPSTREAM_TIMEOUT: (504, "DEADLINE_EXCEEDED", "the agent did not answer in time"),
    Reason.REQUEST_TIMEOUT: (408, "DEADLINE_EXCEEDED", "the request did not arrive in time"),
    Reason.TOO_LARGE: (413, "INVALID_ARGUMENT", "the request's body is larger than this gateway allows"),
    Reason.HEAD_TOO_LARGE: (431, "INVALID_ARGUMENT", "the request's head is larger than this gateway allows"),
    Reason.METHOD_REFUSED: (405, "UNIMPLEMENTED", "this gateway does not forward the method"),
    Reason.NOT_IMPLEMENTED: (501, "UNIMPLEMENTED", "this gateway does not know the transfer coding"),
    Reason.VERSION_REFUSED: (505, "UNIMPLEMENTED", "this gateway does not speak that version of HTTP here"),
    Reason.EXPECTATION_FAILED: (417, "FAILED_PRECONDITION", "this gateway cannot meet the expectation"),
    Reason.DRAINED: (503, "UNAVAILABLE", "the gateway is shutting down"),
    Reason.INTERNAL: (500, "INTERNAL", "the gateway failed"),
    Reason.LOOP: (508, "FAILED_PRECONDITION", "the request has passed through this gateway too often"),
    Reason.POLICY_INVALID: (500, "INTERNAL", "a policy of the route cannot be applied, so nobody is let in"),
}


def _body(reason, code=None):
    listed, status, sentence = _SENTENCES[reason]
    code = code or listed
    return (
        f'{{"error":{{"code":{code},"status":"{status}","message":"{sentence}","details":[{{'
        f'"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason.name}",'
        f'"domain":"agentgateway.alibabacloud.com"}}]}}}}\n'
    ).encode()


cdef enum:
    TARGET_TOO_LONG = 63    # one reason, two statuses: 431, and 414 for a request line

cdef list _bodies = [_body(reason) if reason in _SENTENCES else b"" for reason in Reason]
cdef bytes _target_too_long = _body(Reason.HEAD_TOO_LARGE, 414)
cdef const char* _texts[64]
cdef uint32_t _sizes[64]


cdef void _fill() noexcept:
    """Borrow the bytes of the list, which lives as long as the module."""
    cdef Py_ssize_t index
    for index in range(len(_bodies)):
        _texts[index] = <const char*> (<bytes> _bodies[index])
        _sizes[index] = <uint32_t> len(<bytes> _bodies[index])
    _texts[TARGET_TOO_LONG] = <const char*> _target_too_long
    _sizes[TARGET_TOO_LONG] = <uint32_t> len(_target_too_long)


_fill()


cdef const char* answer_body(int status, int reason, uint32_t* size) noexcept nogil:
    cdef int index = TARGET_TOO_LONG if status == 414 else reason
    size[0] = _sizes[index]
    return _texts[index]


cdef const char* reason_phrase(int status) noexcept nogil:
    if status == 200: return "OK"
    if status == 304: return "Not Modified"
    if status == 400: return "Bad Request"
    if status == 401: return "Unauthorized"
    if status == 404: return "Not Found"
    if status == 405: return "Method Not Allowed"
    if status == 408: return "Request Timeout"
    if status == 413: return "Content Too Large"
    if status == 414: return "URI Too Long"
    if status == 417: return "Expectation Failed"
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
        add_field(fields, &head.n_fields, "Content-Type", 12, "application/json", 16)
    if status == 401:
        add_field(fields, &head.n_fields, "WWW-Authenticate", 16, CHALLENGE, strlen(CHALLENGE))
    if status == 405 or reason == R_LOCAL:
        add_field(fields, &head.n_fields, "Allow", 5, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", 44)
    return body
