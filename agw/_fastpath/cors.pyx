"""Cross-origin resource sharing (Fetch 3.2; HTTPCORSFilter of the Gateway API).

Rules: the gateway speaks for the agent, whose own Access-Control fields are dropped, so that there is one opinion.
An origin that is not allowed is told nothing: a request of its is forwarded, and its browser keeps the answer from it.
"*" is said only where it means anyone: with credentials allowed the origin itself is repeated, and Vary says so to
caches. Method and headers that a preflight asks for are repeated where any is allowed: to browsers "*" means neither
Authorization nor, with credentials, anything but itself.

Must not: repeat what is not a name, whoever sent it.
"""

cimport cython
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from agw._fastpath.fields cimport AGW_HOST, AGW_TOKEN, agw_class, same_folded
from agw._fastpath.forwarding cimport add_field
from agw._fastpath.framing cimport same_name
from agw._fastpath.message cimport F_OTHER, FIELD_DROP


@cython.final
cdef class CompiledCors:
    """A Cors of the snapshot."""

    def __dealloc__(self):
        free(self.origins)


cdef bint _is_list(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    """Names, commas and spaces."""
    cdef Py_ssize_t i
    for i in range(n):
        if not (agw_class[text[i]] & AGW_TOKEN or text[i] == b"," or text[i] == b" "):
            return False
    return n > 0


cdef bytes _joined(names):
    cdef bytes joined = ", ".join(names).encode()
    if joined and not _is_list(joined, len(joined)):
        raise ValueError(f"{joined!r} is no list of names")
    return joined


cdef CompiledCors cors_new(object cors):
    cdef CompiledCors made = CompiledCors.__new__(CompiledCors)
    made._bytes = []
    made.credentials = cors.credentials
    made.any_origin = "*" in cors.origins
    made.any_method = "*" in cors.methods
    made.any_header = "*" in cors.headers
    made.methods = _joined(cors.methods)
    made.headers = _joined(cors.headers)
    # Literal to browsers where credentials are allowed, and so of no use.
    made.expose = b"" if cors.credentials and "*" in cors.expose else _joined(cors.expose)
    made.max_age = str(max(0, int(cors.max_age))).encode()
    made.origins = <AllowedOrigin*> calloc(<size_t> len(cors.origins) + 1, sizeof(AllowedOrigin))
    if made.origins == NULL:
        raise MemoryError
    for origin in cors.origins:
        _add_origin(made, origin.encode().lower())
    return made


cdef int _add_origin(CompiledCors cors, bytes text) except -1:
    cdef AllowedOrigin* origin = &cors.origins[cors.n_origins]
    cdef bytes start, end
    start, mark, end = text.partition(b"*")
    cors._bytes += [start, end]
    origin.start = start
    origin.start_len = <int> _without_port(start, len(start))
    if mark:
        origin.end = end
        origin.end_len = <int> len(end)
    cors.n_origins += 1
    return 0


cdef Py_ssize_t _without_port(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    """Length without a port that is the scheme's own."""
    if n > 12 and same_name(text, b"https://", 8) and same_folded(text + n - 4, ":443", 4):
        return n - 4
    if n > 10 and same_name(text, b"http://", 7) and same_folded(text + n - 3, ":80", 3):
        return n - 3
    return n


cdef bint _matches(const AllowedOrigin* allowed, const unsigned char* origin, Py_ssize_t n) noexcept nogil:
    """Whether it is this one; what "*" stands for is a piece of a host, so that it spans dots and nothing else."""
    cdef Py_ssize_t i, end = n - allowed.end_len
    if allowed.end == NULL:
        return n == allowed.start_len and same_name(origin, allowed.start, n)
    if end <= allowed.start_len or not same_name(origin, allowed.start, allowed.start_len):
        return False
    for i in range(allowed.start_len, end):
        if not agw_class[origin[i]] & AGW_HOST:
            return False
    return same_name(origin + end, allowed.end, allowed.end_len)


cdef const Field* lone_field(const Field* fields, int count, const char* name, int name_len) noexcept:
    cdef const Field* found = NULL
    cdef int i
    for i in range(count):
        if fields[i].name_len != name_len or fields[i].id != F_OTHER or fields[i].flags & FIELD_DROP:
            continue
        if same_name(fields[i].name, <const unsigned char*> name, name_len):
            if found != NULL:
                return NULL
            found = &fields[i]
    return found


cdef bint is_preflight(const Field* fields, int count) noexcept:
    cdef const Field* method = lone_field(fields, count, "access-control-request-method", 29)
    return method != NULL and method.value_len > 0 and lone_field(fields, count, "origin", 6) != NULL


cdef int allowed_origin(CompiledCors cors, const Field* fields, int count, char* into) noexcept:
    cdef const Field* origin = lone_field(fields, count, "origin", 6)
    cdef Py_ssize_t n
    cdef int i
    if origin == NULL or not 0 < origin.value_len <= ORIGIN_ROOM:
        return 0
    n = _without_port(origin.value, origin.value_len)
    for i in range(cors.n_origins):
        if cors.any_origin or _matches(&cors.origins[i], origin.value, n):
            memcpy(into, origin.value, origin.value_len)
            return <int> origin.value_len
    return 0


cdef void allow(CompiledCors cors, Field* fields, int* count, const char* origin, int origin_len) noexcept:
    cdef int i
    for i in range(count[0]):
        if fields[i].name_len > 15 and same_name(fields[i].name, b"access-control-", 15):
            fields[i].flags |= FIELD_DROP
    if cors.any_origin and not cors.credentials:
        add_field(fields, count, "Access-Control-Allow-Origin", 27, "*", 1)
    else:
        add_field(fields, count, "Vary", 4, "Origin", 6)
        if not origin_len:
            return
        add_field(fields, count, "Access-Control-Allow-Origin", 27, origin, origin_len)
        if cors.credentials:
            add_field(fields, count, "Access-Control-Allow-Credentials", 32, "true", 4)
    if len(cors.expose):
        add_field(fields, count, "Access-Control-Expose-Headers", 29, cors.expose, len(cors.expose))


cdef void allow_preflight(
    CompiledCors cors, Field* fields, int* count, const char* origin, int origin_len, const Field* method,
    const Field* headers,
) noexcept:
    allow(cors, fields, count, origin, origin_len)
    if not origin_len:
        return
    if cors.any_method:
        if method != NULL and _is_list(method.value, method.value_len):
            add_field(fields, count, "Access-Control-Allow-Methods", 28, <const char*> method.value, method.value_len)
    elif len(cors.methods):
        add_field(fields, count, "Access-Control-Allow-Methods", 28, cors.methods, len(cors.methods))
    if cors.any_header:
        if headers != NULL and _is_list(headers.value, headers.value_len):
            add_field(fields, count, "Access-Control-Allow-Headers", 28, <const char*> headers.value, headers.value_len)
    elif len(cors.headers):
        add_field(fields, count, "Access-Control-Allow-Headers", 28, cors.headers, len(cors.headers))
    add_field(fields, count, "Access-Control-Max-Age", 22, cors.max_age, len(cors.max_age))


def allows(cors, bytes origin not None):
    """Whether answers may be read from this origin; for tests."""
    cdef Field field
    cdef int count = 0
    cdef char into[ORIGIN_ROOM]
    add_field(&field, &count, "Origin", 6, origin, len(origin))
    return allowed_origin(cors_new(cors), &field, 1, into) > 0
