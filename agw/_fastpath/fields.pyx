"""Validators of names, authorities and paths, shared by every codec.

HTTP/1 and HTTP/2 carry the same names and paths in different frames; a rule that lived in one codec would be missing
from the other, which is how proxies get two opinions about one request. See facts of RFC 9110 5.1, 7.2 and RFC 3986.
"""

from libc.string cimport memcmp

from agw._fastpath.message cimport (
    F_A2A_VERSION, F_ACCEPT, F_ACCEPT_ENCODING, F_AUTHORIZATION, F_CONNECTION, F_CONTENT_ENCODING, F_CONTENT_LENGTH,
    F_CONTENT_TYPE, F_COOKIE, F_DATE, F_ETAG, F_EXPECT, F_FORWARDED, F_HOST, F_HTTP2_SETTINGS, F_IF_MODIFIED_SINCE,
    F_IF_NONE_MATCH, F_KEEP_ALIVE, F_MAX_FORWARDS, F_OTHER, F_OVERRIDE, F_PROXY, F_PROXY_AUTHENTICATE,
    F_PROXY_AUTHORIZATION, F_PROXY_CONNECTION, F_RANGE, F_SERVER, F_TE, F_TRACEPARENT, F_TRACESTATE, F_TRAILER,
    F_TRANSFER_ENCODING, F_UPGRADE, F_VIA, F_X_API_KEY, F_X_FORWARDED_FOR, F_X_FORWARDED_HOST, F_X_FORWARDED_PORT,
    F_X_FORWARDED_PROTO, F_X_REAL_IP, F_X_REQUEST_ID, M_CONNECT, M_DELETE, M_GET, M_HEAD, M_OPTIONS, M_OTHER,
    M_PATCH, M_POST, M_PUT, M_TRACE,
)


cdef extern from "<arpa/inet.h>" nogil:
    enum:
        AF_INET6
    int inet_pton(int family, const char* text, void* address)

cdef enum:
    IP_ROOM = 46            # the longest address as text, and a NUL


cdef int field_id(const unsigned char* name, Py_ssize_t n) noexcept nogil:
    # By length first: most names are told apart without reading them.
    if n == 4:
        if same_folded(name, "host", 4): return F_HOST
        if same_folded(name, "etag", 4): return F_ETAG
        if same_folded(name, "date", 4): return F_DATE
    elif n == 6:
        if same_folded(name, "accept", 6): return F_ACCEPT
        if same_folded(name, "expect", 6): return F_EXPECT
        if same_folded(name, "cookie", 6): return F_COOKIE
        if same_folded(name, "server", 6): return F_SERVER
    elif n == 10:
        if same_folded(name, "connection", 10): return F_CONNECTION
        if same_folded(name, "keep-alive", 10): return F_KEEP_ALIVE
        if same_folded(name, "tracestate", 10): return F_TRACESTATE
    elif n == 12:
        if same_folded(name, "content-type", 12): return F_CONTENT_TYPE
        if same_folded(name, "x-request-id", 12): return F_X_REQUEST_ID
        if same_folded(name, "max-forwards", 12): return F_MAX_FORWARDS
    elif n == 13:
        if same_folded(name, "authorization", 13): return F_AUTHORIZATION
        if same_folded(name, "if-none-match", 13): return F_IF_NONE_MATCH
        if same_folded(name, "x-rewrite-url", 13): return F_OVERRIDE
    elif n == 14:
        if same_folded(name, "content-length", 14): return F_CONTENT_LENGTH
        if same_folded(name, "http2-settings", 14): return F_HTTP2_SETTINGS
        if same_folded(name, "true-client-ip", 14): return F_X_REAL_IP
        if same_folded(name, "x-original-url", 14): return F_OVERRIDE
    elif n == 15:
        if same_folded(name, "accept-encoding", 15): return F_ACCEPT_ENCODING
        if same_folded(name, "x-forwarded-for", 15): return F_X_FORWARDED_FOR
    elif n == 17:
        if same_folded(name, "transfer-encoding", 17): return F_TRANSFER_ENCODING
        if same_folded(name, "x-forwarded-proto", 17): return F_X_FORWARDED_PROTO
        if same_folded(name, "if-modified-since", 17): return F_IF_MODIFIED_SINCE
    else:
        return _rare_field_id(name, n)
    return F_OTHER


cdef int _rare_field_id(const unsigned char* name, Py_ssize_t n) noexcept nogil:
    if n == 2:
        if same_folded(name, "te", 2): return F_TE
    elif n == 3:
        if same_folded(name, "via", 3): return F_VIA
    elif n == 5:
        if same_folded(name, "range", 5): return F_RANGE
        if same_folded(name, "proxy", 5): return F_PROXY
    elif n == 7:
        if same_folded(name, "upgrade", 7): return F_UPGRADE
        if same_folded(name, "trailer", 7): return F_TRAILER
    elif n == 9:
        if same_folded(name, "x-api-key", 9): return F_X_API_KEY
        if same_folded(name, "forwarded", 9): return F_FORWARDED
        if same_folded(name, "x-real-ip", 9): return F_X_REAL_IP
    elif n == 11:
        if same_folded(name, "traceparent", 11): return F_TRACEPARENT
        if same_folded(name, "a2a-version", 11): return F_A2A_VERSION
    elif n == 16:
        if same_folded(name, "content-encoding", 16): return F_CONTENT_ENCODING
        if same_folded(name, "x-forwarded-host", 16): return F_X_FORWARDED_HOST
        if same_folded(name, "x-forwarded-port", 16): return F_X_FORWARDED_PORT
        if same_folded(name, "proxy-connection", 16): return F_PROXY_CONNECTION
        if same_folded(name, "cf-connecting-ip", 16): return F_X_REAL_IP
    elif n == 18:
        if same_folded(name, "proxy-authenticate", 18): return F_PROXY_AUTHENTICATE
    elif n == 19:
        if same_folded(name, "proxy-authorization", 19): return F_PROXY_AUTHORIZATION
    elif n == 22:
        if same_folded(name, "x-http-method-override", 22): return F_OVERRIDE
    return F_OTHER


cdef int method_id(const unsigned char* method, Py_ssize_t n) noexcept nogil:
    if n == 3:
        if memcmp(method, b"GET", 3) == 0: return M_GET
        if memcmp(method, b"PUT", 3) == 0: return M_PUT
    elif n == 4:
        if memcmp(method, b"POST", 4) == 0: return M_POST
        if memcmp(method, b"HEAD", 4) == 0: return M_HEAD
    elif n == 5:
        if memcmp(method, b"PATCH", 5) == 0: return M_PATCH
        if memcmp(method, b"TRACE", 5) == 0: return M_TRACE
    elif n == 6:
        if memcmp(method, b"DELETE", 6) == 0: return M_DELETE
    elif n == 7:
        if memcmp(method, b"OPTIONS", 7) == 0: return M_OPTIONS
        if memcmp(method, b"CONNECT", 7) == 0: return M_CONNECT
    return M_OTHER


cdef inline int _port(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    """1 to 65535 in decimal, else -1. An empty port, and zeros in front, are grammatical (RFC 3986 3.2.3) and no client
    sends them: refused."""
    cdef int value = 0
    cdef Py_ssize_t i
    if n < 1 or n > 5 or text[0] == b"0":
        return -1
    for i in range(n):
        if not agw_class[text[i]] & AGW_DIGIT:
            return -1
        value = value * 10 + (text[i] - 48)
    return value if value <= 65535 else -1


cdef Py_ssize_t _ip_literal(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    """Length of "[" IPv6address "]" at the start of text, else -1: no zone, and none of a future version."""
    cdef Py_ssize_t i
    cdef char address[IP_ROOM]
    cdef unsigned char binary[16]
    for i in range(1, min(n, IP_ROOM + 1)):
        if text[i] == b"]":
            address[i - 1] = 0
            return i + 1 if inet_pton(AF_INET6, address, binary) == 1 else -1
        if text[i] == 0:
            return -1
        address[i - 1] = text[i]
    return -1


cdef int parse_authority(
    const unsigned char* text, Py_ssize_t n, unsigned char* scratch,
    const unsigned char** host, uint32_t* host_len, int* port,
) noexcept nogil:
    cdef Py_ssize_t i = 0, end
    cdef unsigned char kind, upper = 0
    port[0] = 0
    if n < 1:
        return -1
    if text[0] == b"[":
        end = _ip_literal(text, n)
        if end < 0:
            return -1
        for i in range(end):
            upper |= agw_class[text[i]]
    else:
        end = n
        for i in range(n):
            kind = agw_class[text[i]]
            if not kind & AGW_HOST:
                if text[i] != b":":
                    return -1
                end = i
                break
            if text[i] == b"." and (i == 0 or text[i - 1] == b"."):
                # An empty label names no host, and stripping one dot would leave another name (nginx does the same).
                return -1
            upper |= kind
    if end == 0:
        return -1
    if end < n:
        if text[end] != b":":
            return -1
        port[0] = _port(text + end + 1, n - end - 1)
        if port[0] < 0:
            return -1
    if text[end - 1] == b".":
        end -= 1
        if end == 0:
            return -1
    host[0] = text
    host_len[0] = <uint32_t> end
    if upper & AGW_UPPER:
        for i in range(end):
            scratch[i] = text[i] | 0x20 if agw_class[text[i]] & AGW_UPPER else text[i]
        host[0] = scratch
    return 0


cdef inline int _hex(unsigned char c) noexcept nogil:
    return c - 48 if c <= 57 else (c | 0x20) - 87


cdef Py_ssize_t _decode_unreserved(const unsigned char* text, Py_ssize_t n, unsigned char* out) noexcept nogil:
    """Decode what RFC 3986 6.2.2.2 calls equivalent, keep other escapes as they are; -1 where an escape is malformed
    or hides a NUL, a slash or a backslash."""
    cdef Py_ssize_t i = 0, w = 0
    cdef unsigned char c
    while i < n:
        c = text[i]
        if c == b"%":
            if n - i < 3 or not (agw_class[text[i + 1]] & agw_class[text[i + 2]] & AGW_HEX):
                return -1
            c = <unsigned char> (_hex(text[i + 1]) << 4 | _hex(text[i + 2]))
            if c == 0 or c == b"/" or c == b"\\":
                return -1
            if not agw_class[c] & AGW_UNRESERVED:
                out[w] = text[i]
                out[w + 1] = text[i + 1]
                out[w + 2] = text[i + 2]
                w += 3
            else:
                out[w] = c
                w += 1
            i += 3
        else:
            out[w] = c
            w += 1
            i += 1
    return w


cdef Py_ssize_t _remove_dot_segments(unsigned char* path, Py_ssize_t n) noexcept nogil:
    """In place; -1 where ".." climbs above the root. Empty segments are merged on the way."""
    cdef Py_ssize_t i = 0, w = 0, start, size
    while i < n:
        # path[i] is the "/" before a segment; w is where the result ends, never with a slash of its own.
        start = i + 1
        i = start
        while i < n and path[i] != b"/":
            i += 1
        size = i - start
        if size == 0 or (size == 1 and path[start] == b"."):
            if i == n:
                path[w] = b"/"
                w += 1
        elif size == 2 and path[start] == b"." and path[start + 1] == b".":
            if w == 0:
                return -1
            w -= 1
            while path[w] != b"/":
                w -= 1
            if i == n:
                path[w] = b"/"
                w += 1
        else:
            path[w] = b"/"
            w += 1
            while start < i:
                path[w] = path[start]
                w += 1
                start += 1
    return w


cdef int normalise_path(
    const unsigned char* text, Py_ssize_t n, unsigned char* scratch,
    const unsigned char** path, uint32_t* path_len,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned char c
    cdef bint plain = True
    for i in range(n):
        c = text[i]
        if c > b"/":        # so are letters, digits and most of the rest
            continue
        if c == b"%" or (c == b"/" and i + 1 < n and (text[i + 1] == b"/" or text[i + 1] == b".")):
            plain = False
            break
    if plain:
        path[0] = text
        path_len[0] = <uint32_t> n
        return 0
    n = _decode_unreserved(text, n, scratch)
    if n > 0:
        n = _remove_dot_segments(scratch, n)
    if n < 1:
        return -1
    path[0] = scratch
    path_len[0] = <uint32_t> n
    return 0


def normalised_path(bytes path):
    """The normalised path, or None where a request with it is refused: for translation's twin and for tests."""
    cdef const unsigned char* out
    cdef uint32_t size
    scratch = bytearray(max(len(path), 1))
    if not path.startswith(b"/") or normalise_path(path, len(path), scratch, &out, &size) < 0:
        return None
    return (<const char*> out)[:size]


def parsed_authority(bytes authority):
    """(host for matching, port or 0), or None where malformed: for tests and the command line."""
    cdef const unsigned char* host
    cdef uint32_t size
    cdef int port
    scratch = bytearray(max(len(authority), 1))
    if parse_authority(authority, len(authority), scratch, &host, &size, &port) < 0:
        return None
    return (<const char*> host)[:size], port
