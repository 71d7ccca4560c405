"""X-Forwarded-*, Forwarded, Via, X-Request-Id and trace context: what is believed, dropped and written.

    X-Forwarded-For     0 trusted hops (the edge): the peer alone; n: the rightmost n of the chain, then the peer
    X-Forwarded-Proto   ours; a trusted peer's "http" or "https"
    X-Forwarded-Host    the validated Host; X-Forwarded-Port: its port or the listener's
    Forwarded           the client's never; ours on demand, from the same chain, so that the two cannot differ
    X-Real-IP and its like, X-Original-URL and its like: from trusted peers only. Proxy: from nobody (CVE-2016-5385)
    Via                 ours behind the others'; our own pseudonym in it is a loop
    X-Request-Id        a trusted peer's, else ours
    Max-Forwards        of OPTIONS (RFC 9110 7.6.2): one less, and at 0 the answer is ours

Where trusted peers are named, hops are counted for them alone: whoever comes past the proxy in front may not write the
chain. Rules: a chain is read from its right end, where the trusted hops wrote, and ends at the first entry that is no
address; what lies left of it was written by nobody whom we know. The client's fields are judged before a route is
looked for, so that what is matched is what is forwarded; ours are added after all removal.
"""

cimport cython
from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from agw._fastpath.copy cimport copy_short
from agw._fastpath.digits cimport hex_digits, write_decimal
from agw._fastpath.fields cimport AGW_DIGIT, AGW_TOKEN, agw_class, same_folded
from agw._fastpath.message cimport (
    F_MAX_FORWARDS, F_OVERRIDE, F_TRACEPARENT, F_TRACESTATE, F_VIA, F_X_FORWARDED_FOR, F_X_FORWARDED_PROTO, F_X_REAL_IP,
    F_X_REQUEST_ID, FIELD_DROP, M_OPTIONS,
)
from agw._fastpath.networks cimport ADDRESS_TEXT, ip_text, parse_ip
from agw._fastpath.record cimport R_BAD_REQUEST, R_LOCAL, R_LOOP
from agw._fastpath.trace_context cimport TRACE_ID_AT, valid_traceparent, valid_tracestate

cdef enum:
    MAX_GATEWAYS = 8        # a request may have passed through, by its Via fields: replicas do not know each other
    MAX_ENTRY = 55          # "[", 45 bytes of IPv6, "]:65535"
    MAX_HOST = 512          # bytes of a Host that is repeated in Forwarded

cdef int hex_id(const uint64_t* id, char* text) noexcept:
    cdef uint64_t digits[4]
    digits[0], digits[1] = hex_digits(id[0]), hex_digits(id[0] >> 32)
    digits[2], digits[3] = hex_digits(id[1]), hex_digits(id[1] >> 32)
    memcpy(text, digits, 32)
    return 32


cdef bint _digits(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if not agw_class[text[i]] & AGW_DIGIT:
            return False
    return True


cdef inline bint _is_port(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    return 1 <= n <= 5 and _digits(text, n)


# --- what is believed ---------------------------------------------------------------------------------------------


cdef bint _is_request_id(const Field* field) noexcept nogil:
    """[A-Za-z0-9._-]{1,128}: it stands in logs and in answers as it is."""
    cdef uint32_t i
    cdef unsigned char c
    if not 1 <= field.value_len <= MAX_REQUEST_ID:
        return False
    for i in range(field.value_len):
        c = field.value[i]
        if not (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122 or c in (b".", b"_", b"-")):
            return False
    return True


cdef int _gateways(const Field* field, const char* pseudonym, int pseudonym_len) noexcept nogil:
    """Members of a Via field that agw has written (RFC 9110 7.6.3); MAX_GATEWAYS for one of our own."""
    cdef const unsigned char* at = field.value
    cdef const unsigned char* end = at + field.value_len
    cdef const unsigned char* name
    cdef int count = 0
    while at < end:
        while at < end and (at[0] == b" " or at[0] == b"\t" or at[0] == b","):
            at += 1
        while at < end and (agw_class[at[0]] & AGW_TOKEN or at[0] == b"/"):
            at += 1
        while at < end and (at[0] == b" " or at[0] == b"\t"):
            at += 1
        name = at
        while at < end and agw_class[at[0]] & AGW_TOKEN:
            at += 1
        if pseudonym_len and at - name == pseudonym_len and memcmp(name, pseudonym, pseudonym_len) == 0:
            return MAX_GATEWAYS
        if at - name >= 3 and memcmp(name, b"agw", 3) == 0 and (at - name == 3 or name[3] == b"-"):
            count += 1
        while at < end and at[0] != b",":
            at += 1
    return count


cdef bint _in_trace(RequestHead* head, const Field* parent, int parents, int states) noexcept nogil:
    """Whether the trace context is sound; what is not sound of it is dropped (Trace Context 3.2, 3.3)."""
    cdef bint sound = parents == 1 and valid_traceparent(parent.value, parent.value_len)
    cdef bint state = sound and states and valid_tracestate(head.fields, head.n_fields)
    cdef int i
    for i in range(head.n_fields):
        if head.fields[i].id == F_TRACEPARENT and not sound or head.fields[i].id == F_TRACESTATE and not state:
            head.fields[i].flags |= FIELD_DROP
    return sound


cdef int _count_down(RequestHead* head, char* left) noexcept nogil:
    """Max-Forwards of an OPTIONS (RFC 9110 7.6.2): one less is left. 200 where none is, 400 where it is no number."""
    cdef Field* field
    cdef Field* found = NULL
    cdef int i
    cdef int64_t hops = 0
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id == F_MAX_FORWARDS and not field.flags & FIELD_DROP:
            if found != NULL or not 1 <= field.value_len <= 18 or not _digits(field.value, field.value_len):
                return 400
            found = field
    if found == NULL:
        return 0
    for i in range(<int> found.value_len):
        hops = hops * 10 + found.value[i] - 48
    if hops == 0:
        return 200
    found.value_len = <uint32_t> (write_decimal(left, <uint64_t> (hops - 1)) - left)
    found.value = <const unsigned char*> left
    return 0


# --- the chain of addresses ---------------------------------------------------------------------------------------


cdef bint _entry(const unsigned char* text, Py_ssize_t n, uint8_t* ip) noexcept nogil:
    """An entry of a chain: an address; some proxies put IPv6 in brackets, and a port behind either."""
    cdef const unsigned char* mark
    if n > MAX_ENTRY:
        return False
    if n and text[0] == b"[":
        mark = <const unsigned char*> memchr(text, 93, n)
        if mark == NULL or (mark + 1 < text + n and not (mark[1] == b":" and _is_port(mark + 2, text + n - mark - 2))):
            return False
        return memchr(text, 58, mark - text) != NULL and parse_ip(text + 1, mark - text - 1, ip)
    mark = <const unsigned char*> memchr(text, 58, n)
    if mark == NULL or memchr(mark + 1, 58, text + n - mark - 1) != NULL:
        return parse_ip(text, n, ip)
    return _is_port(mark + 1, text + n - mark - 1) and parse_ip(text, mark - text, ip)


cdef bint _read_field(const Field* field, int most, Chain* chain) noexcept nogil:
    """Take entries from the right end of a field; False where the chain ends in it. Empty ones are none (5.6.1.2)."""
    cdef const unsigned char* end = field.value + field.value_len
    cdef const unsigned char* start
    cdef uint8_t ip[16]
    while end > field.value:
        if (end - 1)[0] in (b" ", b"\t", b","):
            end -= 1
            continue
        start = end
        while start > field.value and (start - 1)[0] != b",":
            start -= 1
        while start[0] == b" " or start[0] == b"\t":
            start += 1
        if chain.count == most or not _entry(start, end - start, ip):
            return False
        chain.at[chain.count] = start
        chain.size[chain.count] = <uint8_t> (end - start)
        chain.count += 1
        end = start
    return True


cdef void _read_chain(const RequestHead* head, int most, Chain* chain) noexcept nogil:
    cdef int i
    chain.count = 0
    for i in range(head.n_fields - 1 if most else -1, -1, -1):
        if head.fields[i].id == F_X_FORWARDED_FOR and not _read_field(&head.fields[i], most, chain):
            return


cdef char* _forwarded_for(const Chain* chain, const Hop* hop, char* text) noexcept nogil:
    """All entries in one line, the peer last."""
    cdef int i
    for i in range(chain.count - 1, -1, -1):
        memcpy(text, chain.at[i], chain.size[i])
        memcpy(text + chain.size[i], b", ", 2)
        text += chain.size[i] + 2
    copy_short(text, hop.peer, hop.peer_len)
    return text + hop.peer_len


cdef char* _node(const unsigned char* entry, Py_ssize_t n, char* text) noexcept nogil:
    """An entry as a node of RFC 7239 6: whatever has a colon is quoted, a bare IPv6 address is put in brackets."""
    cdef const unsigned char* mark = <const unsigned char*> memchr(entry, 58, n)
    cdef bint bare = mark != NULL and entry[0] != b"[" and memchr(mark + 1, 58, entry + n - mark - 1) != NULL
    memcpy(text, b"for=", 4)
    text += 4
    if mark != NULL:
        text[0] = b'"'
        text += 1
    if bare:
        text[0] = b"["
        text += 1
    memcpy(text, entry, n)
    text += n
    if bare:
        text[0] = b"]"
        text += 1
    if mark != NULL:
        text[0] = b'"'
        text += 1
    return text


cdef char* _forwarded(const Chain* chain, const RequestHead* head, const Hop* hop, char* text) noexcept nogil:
    """The value of Forwarded (RFC 7239 4): the chain of X-Forwarded-For, and of our own hop host and protocol."""
    cdef int i
    for i in range(chain.count - 1, -1, -1):
        text = _node(chain.at[i], chain.size[i], text)
        memcpy(text, b", ", 2)
        text += 2
    text = _node(<const unsigned char*> hop.peer, hop.peer_len, text)
    if 0 < head.authority_len <= MAX_HOST:
        memcpy(text, b';host="', 7)
        memcpy(text + 7, head.authority, head.authority_len)
        text += 7 + head.authority_len
        text[0] = b'"'
        text += 1
    memcpy(text, b";proto=https", 12)
    return text + (12 if hop.https else 11)


cdef bint _is_token(const unsigned char* text, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if not agw_class[text[i]] & AGW_TOKEN:
            return False
    return True


# --- the rules ----------------------------------------------------------------------------------------------------


@cython.final
cdef class Forwarding:
    def __cinit__(self, trusted_peers=(), int trusted_hops=0, *, bint forwarded=False, str pseudonym="agw"):
        cdef bytes name = pseudonym.encode("ascii")
        if not 0 <= trusted_hops <= MAX_HOPS:
            raise ValueError(f"trusted hops must be 0 to {MAX_HOPS}")
        if len(name) > PSEUDONYM_ROOM or not _is_token(name, len(name)):
            raise ValueError(f"a pseudonym must be a token of at most {PSEUDONYM_ROOM} bytes")
        self.trusted_peers = Networks(trusted_peers)
        self.trusted_hops = trusted_hops
        self.forwarded = forwarded
        self.pseudonym_len = <int> len(name)
        memcpy(self.via, b"1.1 ", 4)
        memcpy(self.via + 4, <const char*> name, self.pseudonym_len)

    cdef int _hops(self, bint trusted) noexcept:
        return self.trusted_hops if trusted or self.trusted_peers.size == 0 else 0

    cdef void judge(self, RequestHead* head, bint trusted, Claims* claims) noexcept:
        cdef Field* field
        cdef const Field* request_id = NULL
        cdef const Field* proto = NULL
        cdef const Field* parent = NULL
        cdef int i, ids = 0, protos = 0, parents = 0, states = 0, gateways = 0
        for i in range(head.n_fields):
            field = &head.fields[i]
            if field.id < F_X_FORWARDED_FOR or field.id > F_OVERRIDE:
                continue
            if field.id == F_VIA:
                gateways += _gateways(field, self.via + 4, self.pseudonym_len)
            elif field.id == F_TRACEPARENT:
                parent = field
                parents += 1
            elif field.id == F_TRACESTATE:
                states += 1
            elif not trusted or not (field.id == F_X_REAL_IP or field.id == F_OVERRIDE):
                field.flags |= FIELD_DROP
                if field.id == F_X_REQUEST_ID:
                    request_id = field
                    ids += 1
                elif field.id == F_X_FORWARDED_PROTO:
                    proto = field
                    protos += 1
        memset(claims, 0, sizeof(Claims))
        if gateways >= MAX_GATEWAYS:
            claims.status, claims.reason = 508, R_LOOP
        elif head.method_id == M_OPTIONS:
            claims.status = _count_down(head, claims.left)
            claims.reason = R_LOCAL if claims.status == 200 else R_BAD_REQUEST
        if trusted and ids == 1 and _is_request_id(request_id):
            claims.request_id = request_id.value
            claims.request_id_len = <uint8_t> request_id.value_len
        claims.https = trusted and protos == 1 and proto.value_len == 5 and same_folded(proto.value, "https", 5)
        if (parents or states) and _in_trace(head, parent, parents, states):
            claims.trace_id = parent.value + TRACE_ID_AT

    cdef void describe(self, RequestHead* head, char* text, const Hop* hop) noexcept:
        cdef Chain chain
        cdef char* end
        cdef int port = head.port
        _read_chain(head, self._hops(hop.trusted), &chain)
        end = _forwarded_for(&chain, hop, text)
        add_field(head.fields, &head.n_fields, "X-Forwarded-For", 15, text, end - text)
        text = end
        if head.authority_len:
            add_field(
                head.fields, &head.n_fields, "X-Forwarded-Host", 16, <const char*> head.authority, head.authority_len
            )
        if port == 0:
            # A Host without a port means the scheme's; the listener's is what the client dialled where we are the edge.
            port = 443 if hop.https else hop.port
        end = write_decimal(text, port)
        add_field(head.fields, &head.n_fields, "X-Forwarded-Port", 16, text, end - text)
        text = end
        add_field(head.fields, &head.n_fields, "X-Forwarded-Proto", 17, "https", 5 if hop.https else 4)
        if self.forwarded:
            end = _forwarded(&chain, head, hop, text)
            add_field(head.fields, &head.n_fields, "Forwarded", 9, text, end - text)
            text = end
        add_field(head.fields, &head.n_fields, "X-Request-Id", 12, hop.request_id, hop.request_id_len)
        if self.pseudonym_len:
            copy_short(text, self.via, 4 + self.pseudonym_len)
            text[2] = b"1" if head.minor else b"0"
            add_field(head.fields, &head.n_fields, "Via", 3, text, 4 + self.pseudonym_len)

    cdef void client(self, const RequestHead* head, bint trusted, const uint8_t* peer, uint8_t* ip) noexcept:
        cdef Chain chain
        memcpy(ip, peer, 16)
        _read_chain(head, self._hops(trusted), &chain)
        if chain.count:
            _entry(chain.at[chain.count - 1], chain.size[chain.count - 1], ip)

    def client_address(self, chain, str peer not None, *, bint trusted=False):
        """Give the client's address for these X-Forwarded-For fields; for tests."""
        cdef RequestHead head
        cdef Field fields[64]
        cdef uint8_t address[16]
        cdef uint8_t ip[16]
        cdef char text[ADDRESS_TEXT]
        cdef bytes from_peer = peer.encode()
        cdef Py_ssize_t i
        kept = list(chain)[:64]
        memset(&head, 0, sizeof(head))
        head.fields = fields
        for i in range(len(kept)):
            add_field(fields, &head.n_fields, "X-Forwarded-For", 15, <bytes> kept[i], len(<bytes> kept[i]))
            fields[i].id = F_X_FORWARDED_FOR
        if not parse_ip(from_peer, len(from_peer), address):
            raise ValueError(peer)
        self.client(&head, trusted, address, ip)
        return (<bytes> text[:ip_text(ip, text)]).decode()
