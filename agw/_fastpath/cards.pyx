"""Agent cards on their way past: what of a head is said in Python, and the answer that waits for it.

Only requests to the well-known places of a backend that speaks A2A come here; everything else stays in C.
"""

cimport cython
from libc.string cimport memcmp, memset

from agw._fastpath.answers cimport reason_phrase
from agw._fastpath.forwarding cimport add_field
from agw._fastpath.message cimport (
    F_ACCEPT_ENCODING, F_CONTENT_ENCODING, F_IF_MODIFIED_SINCE, F_IF_NONE_MATCH, F_RANGE, F_X_REQUEST_ID, FIELD_DROP,
    FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, M_GET, M_HEAD,
)

# Fields that speak of the bytes that the agent sent.
_OF_OLD_BYTES = frozenset((
    b"etag", b"last-modified", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"accept-ranges",
))


cdef bint is_card_path(const unsigned char* path, uint32_t n) noexcept:
    if n >= 28 and memcmp(path + n - 28, b"/.well-known/agent-card.json", 28) == 0:
        return True
    return n >= 23 and memcmp(path + n - 23, b"/.well-known/agent.json", 23) == 0


cdef dict _facts(const RequestHead* head, int port):
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


cdef void _ask_for_whole_card(RequestHead* head) noexcept:
    """Conditions and codings speak of the agent's bytes, not of ours. HEAD becomes GET, since the length of a card
    that was not read is not known."""
    cdef int i
    for i in range(head.n_fields):
        if head.fields[i].id in (F_IF_NONE_MATCH, F_IF_MODIFIED_SINCE, F_RANGE, F_ACCEPT_ENCODING):
            head.fields[i].flags |= FIELD_DROP
    if head.method_id == M_HEAD:
        head.method = <const unsigned char*> "GET"
        head.method_len = 3
        head.method_id = M_GET


cdef list _changed_fields(list fields, int status, str etag):
    """The fields of a card that is not the agent's any more."""
    fields = [(name, value) for name, value in fields if name.lower() not in _OF_OLD_BYTES]
    if etag:
        fields.append((b"ETag", etag.encode("latin-1")))
    if status == 502:
        fields = [(name, value) for name, value in fields if name.lower() != b"content-type"]
        fields.append((b"Content-Type", b"application/json"))
    return fields


cdef HeldCard hold_card(RequestHead* head, int port):
    cdef HeldCard card = HeldCard.__new__(HeldCard)
    card.facts = _facts(head, port)
    card.status = 200
    card.changed = False
    _ask_for_whole_card(head)
    return card


@cython.final
cdef class HeldCard:
    cdef bint take(self, const ResponseHead* head) except -1:
        cdef int i
        if head.status != 200 or head.framing == FRAMING_NONE or head.content_length > MAX_CARD:
            return False
        for i in range(head.n_fields):
            if head.fields[i].id == F_CONTENT_ENCODING:
                return False
        self.fields = [
            (head.fields[i].name[:head.fields[i].name_len], head.fields[i].value[:head.fields[i].value_len])
            for i in range(head.n_fields)
            if not head.fields[i].flags & FIELD_DROP and head.fields[i].id != F_X_REQUEST_ID
        ]
        self.phrase = head.reason[:head.reason_len]
        self.content_length = head.content_length
        self.parts = []
        self.size = 0
        return True

    cdef bint add(self, const unsigned char* data, Py_ssize_t size) except -1:
        self.parts.append(data[:size])
        self.size += size
        return self.size <= MAX_CARD

    cdef bytes received(self):
        cdef bytes body = b"".join(self.parts)
        self.parts = None
        return body

    cdef bytes rewritten(self, object rewrite, str rule_key):
        cdef bytes body = self.received()
        result = rewrite(rule_key, body, self.facts)
        if result is None:
            return body
        status, body, etag = result
        self.status = status
        self.changed = True
        self.fields = _changed_fields(self.fields, status, etag)
        if status != 200:
            self.phrase = <bytes> reason_phrase(status)
        return body

    cdef int head(self, ResponseHead* head, Field* fields, int64_t content_length) except -1:
        cdef Py_ssize_t i
        memset(head, 0, sizeof(head[0]))
        head.fields = fields
        head.status = self.status
        head.reason = <const unsigned char*> self.phrase
        head.reason_len = <uint32_t> len(self.phrase)
        head.minor = 1
        head.framing = FRAMING_LENGTH if content_length >= 0 else FRAMING_CHUNKED
        head.content_length = content_length
        if self.status == 304:
            # RFC 9110 8.6 lets it tell only the length that a 200 would have had.
            head.framing = FRAMING_NONE
            head.content_length = -1
        for i in range(len(self.fields)):
            name, value = <bytes> self.fields[i][0], <bytes> self.fields[i][1]
            add_field(head.fields, &head.n_fields, <bytes> name, <int> len(name), <bytes> value, len(value))
        return 0
