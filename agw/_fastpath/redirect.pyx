"""Redirects: the Location that answers a request (HTTPRequestRedirectFilter).

    scheme   the filter's, else the one that the client spoke
    host     the filter's, else the request's as the client has sent it
    port     the filter's; else with a scheme of the filter's that scheme's own; else with a host of the filter's the
             listener's; else the one that the client has sent, since that is where it has found us
    path     changed or not; the query stays

A port that is the scheme's own is not written. What is spelled here comes from the configuration, or from spans of a
request that the parser has found to be a host, a path and a query: nothing in it can end a line.
"""

cimport cython
from libc.string cimport memcpy, memset

from agw._fastpath.digits cimport write_decimal
from agw._fastpath.edits cimport change_path, path_change
from agw._fastpath.fields import parsed_authority


@cython.final
cdef class CompiledRedirect:
    """A Redirect of the snapshot."""


cdef CompiledRedirect redirect_new(object redirect):
    cdef CompiledRedirect made = CompiledRedirect.__new__(CompiledRedirect)
    made._bytes = []
    made.status = redirect.status
    made.scheme = redirect.scheme.encode()
    made.hostname = redirect.hostname.encode()
    made.port = redirect.port
    if not 300 <= made.status <= 308 or made.scheme not in (b"", b"http", b"https") or not 0 <= made.port <= 65535:
        raise ValueError("a redirect that leads nowhere")
    if made.hostname and (len(made.hostname) > 255 or parsed_authority(made.hostname) != (made.hostname.lower(), 0)):
        raise ValueError(f"{redirect.hostname!r} is no host")
    path_change(redirect.path, &made.path, made._bytes)
    return made


cdef inline unsigned char* _text(unsigned char* at, const void* text, Py_ssize_t n) noexcept:
    memcpy(at, text, n)
    return at + n


cdef Py_ssize_t _host_len(const RequestHead* head) noexcept:
    """Bytes of the authority without its port."""
    cdef Py_ssize_t n = head.authority_len
    if head.port:
        while head.authority[n - 1] != b":":
            n -= 1
        n -= 1
    return n


cdef Py_ssize_t write_location(
    CompiledRedirect redirect, const RequestHead* head, int port, bint https, unsigned char* into,
) noexcept:
    cdef unsigned char* at = into
    cdef const unsigned char* host = redirect.hostname
    cdef Py_ssize_t host_len = len(redirect.hostname)
    if redirect.scheme:
        https = len(redirect.scheme) == 5
        port = 0
    elif not host_len:
        port = head.port
    elif https:
        port = 0        # the front that speaks https for us has a listener of its own
    if redirect.port:
        port = redirect.port
    if not host_len:
        host = head.authority
        host_len = _host_len(head)
    if host_len:        # an HTTP/1.0 request may have none: then the path alone leads to us (RFC 9110 10.2.2)
        at = _text(at, b"https://", 8) if https else _text(at, b"http://", 7)
        at = _text(at, host, host_len)
        if port and port != (443 if https else 80):
            at[0] = b":"
            at = <unsigned char*> write_decimal(<char*> at + 1, port)
    if redirect.path.present:
        at += change_path(&redirect.path, head.path, head.path_len, at)
    else:
        at = _text(at, head.path, head.path_len)
    if head.query != NULL:
        at[0] = b"?"
        at = _text(at + 1, head.query, head.query_len)
    return at - into


def location(redirect, bytes authority not None, bytes target not None, int port, bint https=False):
    """The Location that a Redirect gives for a request with this authority and target; for tests."""
    cdef CompiledRedirect made = redirect_new(redirect)
    cdef RequestHead head
    cdef bytes path, query
    memset(&head, 0, sizeof(head))
    path, mark, query = target.partition(b"?")
    head.authority, head.authority_len = authority, <unsigned int> len(authority)
    head.port = parsed_authority(authority)[1] if authority else 0
    head.path, head.path_len = path, <unsigned int> len(path)
    if mark:
        head.query, head.query_len = query, <unsigned int> len(query)
    into = bytearray(LOCATION_ROOM + len(authority) + len(target))
    return bytes(into[:write_location(made, &head, port, https, into)])
