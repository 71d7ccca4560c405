"""Finding the one credential of a request.

Exactly one of the policy's sources must carry exactly one non-empty key; whatever else a client sends in other fields,
parameters, cookies or under other schemes is none of ours and passes untouched.

    header   the whole value, or what follows its scheme (RFC 9110 11.4)
    query    the value of the parameter of that name; both may be percent-encoded, and `+` is itself
    cookie   the value of the cookie of that name (RFC 6265 4.2), without quotes around it

Rules: what let a client in does not reach the agent, unless the policy says so: a field is dropped, a parameter or a
cookie is cut out of the received bytes, in which spans only ever get shorter. Where a public card is asked for, no key
is looked up, and all that could be one is taken out.
"""

from libc.string cimport memchr, memcmp, memmove

from agw._fastpath.message cimport F_COOKIE, FIELD_DROP, Field
from agw._fastpath.percent cimport percent_decode
from agw._fastpath.route cimport IN_COOKIE, IN_QUERY, KeySourceSpec

cdef enum:
    KEY_ROOM = 4096         # bytes of a key that was encoded; a longer one is nobody's

# One credential. pair: the parameter or cookie that it stands in.
cdef struct Presented:
    const unsigned char* key
    Py_ssize_t size
    Field* field
    const unsigned char* pair
    Py_ssize_t pair_size

cdef unsigned char _decoded[KEY_ROOM]


cdef bint _same_header(const Field* field, const KeySourceSpec* source) noexcept:
    cdef int i
    if source.field_id:
        return field.id == source.field_id
    if field.name_len != source.name_len:
        return False
    for i in range(source.name_len):
        if (field.name[i] | 0x20 if 65 <= field.name[i] <= 90 else field.name[i]) != source.name[i]:
            return False
    return True


cdef bint _in_header(Field* field, const KeySourceSpec* source, Presented* found) noexcept:
    """Whether this field is a credential of that source, and the key in it. RFC 9110 11.4: scheme 1*SP token."""
    cdef Py_ssize_t at = source.scheme_len
    cdef int i
    if not _same_header(field, source):
        return False
    if source.scheme_len:
        if <Py_ssize_t> field.value_len < at:
            return False
        for i in range(source.scheme_len):
            if (field.value[i] | 0x20) != (source.scheme[i] | 0x20):
                return False
        if <Py_ssize_t> field.value_len > at and field.value[at] != b" " and field.value[at] != b"\t":
            return False
        # A tab is no separator here: it stays in what is then no key, rather than making a credential none at all.
        while at < <Py_ssize_t> field.value_len and field.value[at] == b" ":
            at += 1
    found.key = field.value + at
    found.size = field.value_len - at
    found.field = field
    return True


cdef bint _is_name(const unsigned char* data, Py_ssize_t size, const KeySourceSpec* source) noexcept:
    """Whether this is the parameter's or cookie's name; a parameter's as an agent decodes it."""
    if source.place == IN_QUERY and memchr(data, b"%", size) != NULL:
        if size > 3 * source.name_len:
            return False
        size = percent_decode(data, size, _decoded, KEY_ROOM)
        data = _decoded
    return size == source.name_len and memcmp(data, source.name, size) == 0


cdef int _in_pairs(
    const unsigned char* data, Py_ssize_t size, unsigned char separator, const KeySourceSpec* source, Presented* found,
) noexcept:
    """How many pairs bear the source's name; found: the last one."""
    cdef const unsigned char* end = data + size
    cdef const unsigned char* stop
    cdef const unsigned char* sign
    cdef int count = 0
    while data < end:
        stop = <const unsigned char*> memchr(data, separator, end - data)
        if stop == NULL:
            stop = end
        if source.place == IN_COOKIE:
            while data < stop and (data[0] == b" " or data[0] == b"\t"):
                data += 1
        sign = <const unsigned char*> memchr(data, b"=", stop - data)
        if sign != NULL and _is_name(data, sign - data, source):
            count += 1
            found.pair, found.pair_size = data, stop - data
            found.key, found.size = sign + 1, stop - sign - 1
        data = stop + 1
    return count


cdef int _in_cookies(RequestHead* head, const KeySourceSpec* source, Presented* found) noexcept:
    cdef int i, n, count = 0
    for i in range(head.n_fields):
        if head.fields[i].id == F_COOKIE and not head.fields[i].flags & FIELD_DROP:
            n = _in_pairs(head.fields[i].value, head.fields[i].value_len, b";", source, found)
            if n:
                count += n
                found.field = &head.fields[i]
                while found.size and found.key[found.size - 1] in b" \t":
                    found.size -= 1
                if found.size >= 2 and found.key[0] == b'"' and found.key[found.size - 1] == b'"':
                    found.key += 1
                    found.size -= 2
    return count


cdef int _find(RequestHead* head, CompiledPolicy policy, Presented* found, const KeySourceSpec** source) noexcept:
    """How many credentials there are; found: the last one, and where."""
    cdef int i, j, n, count = 0
    for j in range(policy.n_sources):
        n = 0
        if policy.sources[j].place == IN_QUERY:
            n = _in_pairs(head.query, head.query_len, b"&", &policy.sources[j], found) if head.query != NULL else 0
        elif policy.sources[j].place == IN_COOKIE:
            n = _in_cookies(head, &policy.sources[j], found)
        else:
            for i in range(head.n_fields):
                if not head.fields[i].flags & FIELD_DROP and _in_header(&head.fields[i], &policy.sources[j], found):
                    n += 1
        if n:
            count += n
            source[0] = &policy.sources[j]
    return count


cdef Py_ssize_t _cut(const unsigned char* data, Py_ssize_t size, const Presented* found) noexcept:
    """Take a pair and one separator out of a list of them; bytes that are left."""
    cdef unsigned char* start = <unsigned char*> found.pair
    cdef unsigned char* stop = start + found.pair_size
    cdef const unsigned char* end = data + size
    if stop < end:
        stop += 1
        while stop < end and stop[0] == b" ":
            stop += 1
    else:
        while start > data and ((start - 1)[0] == b" " or (start - 1)[0] == b"\t"):
            start -= 1
        if start > data:
            start -= 1
    memmove(start, stop, end - stop)
    return size - (stop - start)


cdef void _take_out(RequestHead* head, const KeySourceSpec* source, Presented* found) noexcept:
    """The agent is not told."""
    if source.place == IN_QUERY:
        head.query_len = <unsigned int> _cut(head.query, head.query_len, found)
        if head.query_len == 0:
            head.query = NULL
    elif source.place == IN_COOKIE:
        found.field.value_len = <unsigned int> _cut(found.field.value, found.field.value_len, found)
        if found.field.value_len == 0:
            found.field.flags |= FIELD_DROP
    else:
        found.field.flags |= FIELD_DROP


cdef int authenticate(RequestHead* head, CompiledPolicy policy) noexcept:
    """The consumer's index, or one of ANONYMOUS, MISSING and REFUSED."""
    cdef Presented found
    cdef const KeySourceSpec* source = NULL
    cdef int consumer, count
    found.key = b""
    found.size = 0
    count = _find(head, policy, &found, &source)
    if count == 0 and policy.optional:
        return ANONYMOUS
    if source != NULL and source.place == IN_QUERY and found.size and memchr(found.key, b"%", found.size) != NULL:
        found.size = max(0, percent_decode(found.key, found.size, _decoded, KEY_ROOM))
        found.key = _decoded
    # Looked up even where the answer is known: missing, doubled and wrong keys cost the same.
    consumer = policy.keys.find(found.key, found.size) if policy.keys is not None else -1
    if count != 1 or found.size == 0 or consumer < 0:
        return REFUSED if count else MISSING
    if not policy.forward_credential:
        _take_out(head, source, &found)
    return consumer


# --- where no key is asked for ------------------------------------------------------------------------------------


cdef Py_ssize_t _without(
    unsigned char* data, Py_ssize_t size, unsigned char separator, const KeySourceSpec* source,
) noexcept:
    """Take all pairs of the source's name out of a list of them; bytes that are left."""
    cdef const unsigned char* end = data + size
    cdef const unsigned char* at = data
    cdef const unsigned char* stop
    cdef unsigned char* into = data
    cdef Presented found
    while at < end:
        stop = <const unsigned char*> memchr(at, separator, end - at)
        if stop == NULL:
            stop = end
        if not _in_pairs(at, stop - at, separator, source, &found):
            if into > data:
                into[0] = separator
                into += 1
            else:
                while source.place == IN_COOKIE and at < stop and at[0] == b" ":
                    at += 1
            memmove(into, at, stop - at)
            into += stop - at
        at = stop + 1
    return into - data


cdef void take_out_keys(RequestHead* head, CompiledPolicy policy) noexcept:
    cdef const KeySourceSpec* source
    cdef Presented found
    cdef Field* field
    cdef int i, j
    for j in range(policy.n_sources):
        source = &policy.sources[j]
        if source.place == IN_QUERY and head.query != NULL:
            if _in_pairs(head.query, head.query_len, b"&", source, &found):
                head.query_len = <unsigned int> _without(<unsigned char*> head.query, head.query_len, b"&", source)
                if head.query_len == 0:
                    head.query = NULL
        for i in range(head.n_fields if source.place != IN_QUERY else 0):
            field = &head.fields[i]
            if field.flags & FIELD_DROP:
                continue
            if source.place == IN_COOKIE:
                if field.id == F_COOKIE and _in_pairs(field.value, field.value_len, b";", source, &found):
                    field.value_len = <unsigned int> _without(
                        <unsigned char*> field.value, field.value_len, b";", source
                    )
                    if field.value_len == 0:
                        field.flags |= FIELD_DROP
            elif _in_header(field, source, &found):
                field.flags |= FIELD_DROP
