"""X-Forwarded-*, Via and X-Request-Id: what is believed, dropped and written.

With no trusted hops (the default, at the edge) all that a client says of itself is dropped and replaced; with n, the
rightmost n addresses of its chain are kept.
"""

from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy, memmove

from agw._fastpath.message cimport (
    F_FORWARDED, F_OVERRIDE, F_PROXY, F_VIA, F_X_FORWARDED_FOR, F_X_FORWARDED_HOST, F_X_FORWARDED_PORT,
    F_X_FORWARDED_PROTO, F_X_REAL_IP, F_X_REQUEST_ID, FIELD_DROP,
)

cdef const char* HEX = "0123456789abcdef"


cdef Py_ssize_t hex_id(const uint64_t* id, char* text) noexcept:
    cdef const unsigned char* raw = <const unsigned char*> id
    cdef int i
    for i in range(16):
        text[2 * i] = HEX[raw[i] >> 4]
        text[2 * i + 1] = HEX[raw[i] & 15]
    return 32


cdef int drop_untrusted(RequestHead* head) noexcept:
    """Drop what a client may not say about itself; gives the number of agw that the request came through."""
    cdef Field* field
    cdef int i, loops = 0
    cdef const unsigned char* at
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id == F_OTHER:
            continue
        if field.id in (
            F_X_FORWARDED_FOR, F_X_FORWARDED_PROTO, F_X_FORWARDED_HOST, F_X_FORWARDED_PORT, F_FORWARDED,
            F_X_REAL_IP, F_PROXY, F_OVERRIDE, F_X_REQUEST_ID,
        ):
            field.flags |= FIELD_DROP
        elif field.id == F_VIA:
            at = field.value
            while at + 3 <= field.value + field.value_len:
                loops += memcmp(at, b"agw", 3) == 0
                at += 1
    return loops


cdef Py_ssize_t forwarded_for(
    RequestHead* head, char* text, Py_ssize_t room, int hops, const char* peer, Py_ssize_t peer_len,
) noexcept:
    """The client's chain of addresses as far as it is trusted, and the peer: one line."""
    cdef Py_ssize_t n = 0, start
    cdef int i
    cdef Field* field
    if hops > 0:
        for i in range(head.n_fields):
            field = &head.fields[i]
            if field.id == F_X_FORWARDED_FOR and n + <Py_ssize_t> field.value_len + 2 < room:
                memcpy(text + n, field.value, field.value_len)
                memcpy(text + n + field.value_len, b", ", 2)
                n += field.value_len + 2
        start = n
        while start > 0 and hops >= 0:
            start -= 1
            hops -= text[start] == b","
        if hops < 0:
            start += 2 if text[start + 1] == b" " else 1
            memmove(text, text + start, n - start)
            n -= start
    memcpy(text + n, peer, peer_len)
    return n + peer_len


cdef void describe_client(
    RequestHead* head, char* text, int hops, const char* peer, Py_ssize_t peer_len, int port, const uint64_t* id,
) noexcept:
    cdef Py_ssize_t n = forwarded_for(head, text, TEXT_ROOM - 256, hops, peer, peer_len)
    add_field(head.fields, &head.n_fields, "X-Forwarded-For", 15, text, n)
    text += n
    if head.authority_len:
        add_field(
            head.fields, &head.n_fields, "X-Forwarded-Host", 16, <const char*> head.authority, head.authority_len
        )
    n = snprintf(text, 8, "%d", head.port if head.port else port)
    add_field(head.fields, &head.n_fields, "X-Forwarded-Port", 16, text, n)
    text += n
    add_field(head.fields, &head.n_fields, "X-Forwarded-Proto", 17, "http", 4)
    add_field(head.fields, &head.n_fields, "X-Request-Id", 12, text, hex_id(id, text))
    add_field(head.fields, &head.n_fields, "Via", 3, "1.1 agw", 7)
