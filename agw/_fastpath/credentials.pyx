"""Finding the one credential of a request.

Exactly one of the policy's sources must carry exactly one non-empty key; whatever else a client sends in other fields
or under other schemes is none of ours and passes untouched.
"""

from agw._fastpath.message cimport FIELD_DROP, Field
from agw._fastpath.route cimport KeySourceSpec


cdef bint _same_header(const Field* field, const KeySourceSpec* source) noexcept:
    cdef int i
    if source.field_id:
        return field.id == source.field_id
    if field.name_len != source.header_len:
        return False
    for i in range(source.header_len):
        if (field.name[i] | 0x20 if 65 <= field.name[i] <= 90 else field.name[i]) != source.header[i]:
            return False
    return True


cdef bint _presented(
    const Field* field, const KeySourceSpec* source, const unsigned char** key, Py_ssize_t* n,
) noexcept:
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
    key[0] = field.value + at
    n[0] = field.value_len - at
    return True


cdef int authenticate(RequestHead* head, CompiledPolicy policy) noexcept:
    """The consumer's index, or one of ANONYMOUS, MISSING and REFUSED."""
    cdef const unsigned char* key = b""
    cdef const unsigned char* found = b""
    cdef Py_ssize_t n = 0, found_n = 0
    cdef Field* carrier = NULL
    cdef int i, j, consumer, count = 0
    for j in range(policy.n_sources):
        for i in range(head.n_fields):
            if head.fields[i].flags & FIELD_DROP:
                continue
            if _presented(&head.fields[i], &policy.sources[j], &key, &n):
                count += 1
                carrier = &head.fields[i]
                found = key
                found_n = n
    if count == 0 and policy.optional:
        return ANONYMOUS
    # Looked up even where the answer is known: missing, doubled and wrong keys cost the same.
    consumer = policy.keys.find(found, found_n) if policy.keys is not None else -1
    if count != 1 or found_n == 0 or consumer < 0:
        return REFUSED if count else MISSING
    if not policy.forward_credential:
        carrier.flags |= FIELD_DROP
    return consumer
