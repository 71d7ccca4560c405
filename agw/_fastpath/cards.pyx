"""Agent cards on their way past: what of a head is said in Python, and the answer that waits for it.

    GET, HEAD of a card's path     asked for whole and in the clear, since conditions, ranges and codings speak of the
                                   agent's bytes, not of ours
    JSON-RPC                       which method it is shows only behind the head, so all that is asked of any answer is
                                   a coding that can be undone; of those to GetExtendedAgentCard, the result is a card

Only what a backend that speaks A2A answers to these comes here; everything else stays in C. An answer is looked into
where its head says 200, JSON, one of CODINGS, and no more than MAX_CARD; whatever it turns out to be. What may be a
card and is not looked into is told of (HeldCard.tell): it names the agent's own URLs.

Rules: memory is bounded by MAX_CARD for each answer, however finely its agent cuts it. Cards at their well-known places
are looked into whatever their media type: servers of plain files call them what they like.
"""

cimport cython
from libc.string cimport memchr, memcmp, memset

from agw._fastpath.answers cimport reason_phrase
from agw._fastpath.buffer cimport buffer_append, buffer_free, buffer_size
from agw._fastpath.fields cimport is_word, same_folded
from agw._fastpath.forwarding cimport add_field
from agw._fastpath.message cimport (
    F_ACCEPT_ENCODING, F_CONTENT_ENCODING, F_CONTENT_TYPE, F_ETAG, F_IF_MODIFIED_SINCE, F_IF_NONE_MATCH, F_RANGE,
    F_X_REQUEST_ID, FIELD_DROP, FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, M_GET, M_HEAD,
)
from agw.a2a.coding import CODINGS as _CODINGS

cdef str _TOO_LARGE = f"it has more than {<int> MAX_CARD >> 10} KiB"

# Fields that speak of the bytes that the agent sent.
_OF_OLD_BYTES = frozenset((
    b"etag", b"last-modified", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"accept-ranges",
    b"content-encoding",
))


cdef bint is_card_path(const unsigned char* path, uint32_t n) noexcept:
    if n >= 28 and memcmp(path + n - 28, b"/.well-known/agent-card.json", 28) == 0:
        return True
    return n >= 23 and memcmp(path + n - 23, b"/.well-known/agent.json", 23) == 0


cdef str _text(const unsigned char* data, uint32_t size):
    return data[:size].decode("latin-1")


cdef str _one(const Field* fields, int count, int identity):
    """The value of a field, "" without it; of several the last."""
    cdef int i
    found = ""
    for i in range(count):
        if fields[i].id == identity:
            found = _text(fields[i].value, fields[i].value_len)
    return found


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


# --- codings of answers to JSON-RPC -------------------------------------------------------------------------------


cdef bint _is_readable(const unsigned char* value, uint32_t size) noexcept:
    """Whether each coding of an Accept-Encoding can be undone here, or is refused by it."""
    cdef uint32_t at = 0, end, word
    while at < size:
        while at < size and value[at] in (b" ", b"\t", b","):
            at += 1
        end = at
        while end < size and value[end] != b",":
            end += 1
        word = at
        while word < end and value[word] not in (b";", b" ", b"\t"):
            word += 1
        if word > at and not (
            is_word(value + at, word - at, "gzip", 4) or is_word(value + at, word - at, "deflate", 7)
            or is_word(value + at, word - at, "identity", 8) or is_word(value + at, word - at, "x-gzip", 6)
        ):
            return False
        at = end
    return True


cdef bint _takes_gzip(const unsigned char* value, uint32_t size) noexcept:
    """Whether gzip is one of the codings, without a weight: with one it may be refused, and no coding is right too."""
    cdef uint32_t at = 0, end
    while at < size:
        while at < size and value[at] in (b" ", b"\t", b","):
            at += 1
        end = at
        while end < size and value[end] not in (b" ", b"\t", b","):
            end += 1
        if is_word(value + at, end - at, "gzip", 4):
            return True
        at = end
    return False


cdef void ask_for_readable(RequestHead* head) noexcept:
    cdef Field* field
    cdef int i
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id != F_ACCEPT_ENCODING or _is_readable(field.value, field.value_len):
            continue
        if _takes_gzip(field.value, field.value_len):
            field.value, field.value_len = <const unsigned char*> "gzip", 4
        else:
            field.value, field.value_len = <const unsigned char*> "identity", 8


# --- the answer ---------------------------------------------------------------------------------------------------


cdef bint _is_json(const unsigned char* value, uint32_t size) noexcept:
    """Whether a media type is JSON's, or one that ends in +json (RFC 6839 3.1)."""
    cdef const void* end = memchr(value, b";", size)
    if end != NULL:
        size = <uint32_t> (<const unsigned char*> end - value)
    while size and value[size - 1] in (b" ", b"\t"):
        size -= 1
    return size >= 5 and same_folded(value + size - 4, "json", 4) and value[size - 5] in (b"/", b"+")


cdef list _changed_fields(list fields, str etag):
    """The fields of a card that is not the agent's any more."""
    fields = [(name, value) for name, value in fields if name.lower() not in _OF_OLD_BYTES]
    if etag:
        fields.append((b"ETag", etag.encode("latin-1")))
    return fields


cdef HeldCard _hold(str authority, str if_none_match, int port, bint https, str form):
    cdef HeldCard card = HeldCard.__new__(HeldCard)
    card.facts = {
        "authority": authority,
        "if_none_match": if_none_match,
        "port": str(port),
        "scheme": "https" if https else "http",
        "form": form,
    }
    card.status = 200
    return card


cdef HeldCard hold_card(RequestHead* head, int port, bint https, bint extended):
    cdef HeldCard card = _hold(
        _text(head.authority, head.authority_len), _one(head.fields, head.n_fields, F_IF_NONE_MATCH), port, https,
        "extended" if extended else "card",
    )
    card.of_json = extended
    _ask_for_whole_card(head)
    return card


cdef HeldCard hold_result(const char* authority, uint32_t size, int port, bint https):
    cdef HeldCard card = _hold(_text(<const unsigned char*> authority, size), "", port, https, "rpc")
    card.of_json = True
    return card


@cython.final
cdef class HeldCard:
    def __dealloc__(self):
        buffer_free(&self.body)

    cdef bint take(self, const ResponseHead* head) except -1:
        cdef const Field* field
        cdef int i, codings = 0
        self.unread = None
        if head.status != 200 or head.framing == FRAMING_NONE or head.event_stream:
            return False
        for i in range(head.n_fields):
            field = &head.fields[i]
            if field.id == F_CONTENT_ENCODING:
                codings += 1
            elif field.id == F_CONTENT_TYPE and self.of_json and not _is_json(field.value, field.value_len):
                return False
        self.facts["coding"] = _one(head.fields, head.n_fields, F_CONTENT_ENCODING)
        self.facts["etag"] = _one(head.fields, head.n_fields, F_ETAG)
        if codings > 1 or self.facts["coding"].lower() not in _CODINGS:
            self.unread = f"its content coding {self.facts['coding']} cannot be undone here"
        elif head.content_length > MAX_CARD:
            self.unread = _TOO_LARGE
        if self.unread is not None:
            return False
        self.fields = [
            (head.fields[i].name[:head.fields[i].name_len], head.fields[i].value[:head.fields[i].value_len])
            for i in range(head.n_fields)
            if not head.fields[i].flags & FIELD_DROP and head.fields[i].id != F_X_REQUEST_ID
        ]
        self.phrase = head.reason[:head.reason_len]
        self.content_length = head.content_length
        buffer_free(&self.body)
        return True

    cdef bint add(self, const unsigned char* data, Py_ssize_t size) except -1:
        buffer_append(&self.body, data, size)
        if buffer_size(&self.body) <= MAX_CARD:
            return True
        self.unread = _TOO_LARGE
        return False

    cdef int tell(self, object rewrite, str rule_key) except -1:
        self.facts["unread"] = self.unread
        rewrite(rule_key, b"", self.facts)
        return 0

    cdef bytes received(self):
        cdef bytes body = (<const char*> self.body.data)[:buffer_size(&self.body)] if self.body.data != NULL else b""
        buffer_free(&self.body)
        return body

    cdef bytes rewritten(self, object rewrite, str rule_key):
        cdef bytes body = self.received()
        result = rewrite(rule_key, body, self.facts)
        if result is None:
            return body
        status, body, etag = result
        self.status = status
        self.changed = True
        if status == 502:
            return b""
        self.fields = _changed_fields(self.fields, etag)
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
