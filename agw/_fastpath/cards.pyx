"""Agent cards on their way past: what of a head is said in Python.

Only requests to the well-known places of a backend that speaks A2A come here; everything else stays in C.
"""

from libc.string cimport memcmp

from agw._fastpath.message cimport (
    F_ACCEPT_ENCODING, F_IF_MODIFIED_SINCE, F_IF_NONE_MATCH, F_RANGE, F_X_REQUEST_ID, FIELD_DROP, M_GET, M_HEAD,
)

# Fields that speak of the bytes that the agent sent.
_OF_OLD_BYTES = frozenset((
    b"etag", b"last-modified", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"accept-ranges",
))


cdef bint is_card_path(const unsigned char* path, uint32_t n) noexcept:
    """The well-known places of agent cards, below any prefix (A2A 0.2 5.3, 1.0 8.2)."""
    if n >= 28 and memcmp(path + n - 28, b"/.well-known/agent-card.json", 28) == 0:
        return True
    return n >= 23 and memcmp(path + n - 23, b"/.well-known/agent.json", 23) == 0


cdef dict card_facts(const RequestHead* head, int port):
    cdef int i
    if_none_match = ""
    for i in range(head.n_fields):
        if head.fields[i].id == F_IF_NONE_MATCH:
            if_none_match = head.fields[i].value[:head.fields[i].value_len].decode("latin-1")
    return {
        "authority": head.authority[:head.authority_len].decode("latin-1"),
        "host": head.host[:head.host_len].decode("latin-1"),
        "path": head.path[:head.path_len].decode("latin-1"),
        "port": str(port),
        "if_none_match": if_none_match,
    }


cdef void ask_for_whole_card(RequestHead* head) noexcept:
    cdef int i
    for i in range(head.n_fields):
        if head.fields[i].id in (F_IF_NONE_MATCH, F_IF_MODIFIED_SINCE, F_RANGE, F_ACCEPT_ENCODING):
            head.fields[i].flags |= FIELD_DROP
    if head.method_id == M_HEAD:
        head.method = <const unsigned char*> "GET"
        head.method_len = 3
        head.method_id = M_GET


cdef list kept_fields(const ResponseHead* head):
    return [
        (head.fields[i].name[:head.fields[i].name_len], head.fields[i].value[:head.fields[i].value_len])
        for i in range(head.n_fields)
        if not head.fields[i].flags & FIELD_DROP and head.fields[i].id != F_X_REQUEST_ID
    ]


cdef list changed_fields(list fields, int status, str etag):
    fields = [(name, value) for name, value in fields if name.lower() not in _OF_OLD_BYTES]
    if etag:
        fields.append((b"ETag", etag.encode("latin-1")))
    if status == 502:
        fields = [(name, value) for name, value in fields if name.lower() != b"content-type"]
        fields.append((b"Content-Type", b"application/json"))
    return fields
