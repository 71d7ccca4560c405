"""Conditions of a match, and their order: Gateway API HTTPRouteMatch, below the path.

Rules:
- A header condition sees the value as RFC 9110 5.3 defines it: several fields of one name are one list, joined by
  ", ". So neither order nor number of lines lets a client slip one value past a condition and another to the agent.
- A query condition sees the first parameter of its name, percent-decoded, "+" as a space (as Go's net/url, which the
  conformance suite's other side is); a "%" that begins no escape stands for itself.
- Fields that the codec drops (FIELD_DROP) are not seen: what is matched is what is forwarded.
- Plain conditions are tried before expressions: only those cost a Python call.

Every name that a bucket's conditions ask for is looked up once per bucket, so a hundred candidates that differ in one
header's value cost a hundred comparisons, not a hundred searches.

Must not: keep a reference to a request. Borrowed rules and patterns are the table's to keep alive.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from agw._fastpath.index cimport Block, block_free, block_new
from agw._fastpath.message cimport FIELD_DROP, Field, RequestHead
from agw._fastpath.route cimport CompiledRule

cdef enum:
    FEW = 32           # parameters and names that need no allocation
    ABSENT = -1

# What a bucket's names stand for in this request.
cdef struct Resolved:
    uint32_t known     # bit per name: looked up
    uint32_t several   # bit per name: more than one field has it
    int32_t at[32]     # index of the first field or parameter, or ABSENT


cdef void request_start(Request* request, const RequestHead* head) noexcept nogil:
    request.head = head
    request.parameters = NULL
    request.n_parameters = -1
    request.last_pattern = NULL


cdef void request_end(Request* request) noexcept nogil:
    if request.parameters != NULL and request.parameters != request.few:
        free(request.parameters)


# --- Query ---

cdef int _split_query(Request* request) except -1:
    """Split at "&" and at the first "="; nothing is decoded or copied."""
    cdef const unsigned char* p = request.head.query
    cdef const unsigned char* end
    cdef uint32_t i, count = 1
    cdef Parameter* parameter
    if p == NULL:
        request.n_parameters = 0
        return 0
    end = p + request.head.query_len
    for i in range(request.head.query_len):
        count += p[i] == c"&"
    request.parameters = request.few
    if count > FEW:
        request.parameters = <Parameter*>malloc(count * sizeof(Parameter))
        if request.parameters == NULL:
            raise MemoryError
    parameter = request.parameters
    parameter.name = p
    parameter.value = NULL
    while True:
        if p == end or p[0] == c"&":
            if parameter.value == NULL:
                parameter.value = p
                parameter.name_len = <uint32_t>(p - parameter.name)
            parameter.value_len = <uint32_t>(p - parameter.value)
            if p == end:
                break
            parameter += 1
            parameter.name = p + 1
            parameter.value = NULL
        elif p[0] == c"=" and parameter.value == NULL:
            parameter.name_len = <uint32_t>(p - parameter.name)
            parameter.value = p + 1
        p += 1
    request.n_parameters = <int>count
    return 0


cdef inline int _nibble(unsigned char c) noexcept nogil:
    if c"0" <= c <= c"9":
        return c - c"0"
    c |= 0x20
    return c - c"a" + 10 if c"a" <= c <= c"f" else -1


cdef inline const unsigned char* _decode(
    const unsigned char* p, const unsigned char* end, unsigned char* out
) noexcept nogil:
    """Decode one byte of a query component at p; where the next begins."""
    cdef int high, low
    out[0] = c" " if p[0] == c"+" else p[0]
    if p[0] == c"%" and end - p >= 3:
        high = _nibble(p[1])
        low = _nibble(p[2])
        if high >= 0 and low >= 0:
            out[0] = <unsigned char>(high << 4 | low)
            return p + 3
    return p + 1


cdef bint _decodes_to(
    const unsigned char* raw, uint32_t raw_len, const unsigned char* text, uint32_t n
) noexcept nogil:
    cdef const unsigned char* end = raw + raw_len
    cdef unsigned char byte
    cdef uint32_t i
    if raw_len < n:
        return False    # an escape is longer than what it stands for
    for i in range(n):
        if raw == end:
            return False
        raw = _decode(raw, end, &byte)
        if byte != text[i]:
            return False
    return raw == end


cdef bytes _decoded(const unsigned char* raw, uint32_t raw_len):
    cdef const unsigned char* end = raw + raw_len
    cdef bytearray out = bytearray()
    cdef unsigned char byte
    while raw != end:
        raw = _decode(raw, end, &byte)
        out.append(byte)
    return bytes(out)


# --- Names ---

cdef inline bint _named(const Field* field, const Name* name) noexcept nogil:
    cdef unsigned char c
    cdef uint32_t i
    if field.name_len != name.len or field.flags & FIELD_DROP:
        return False
    for i in range(name.len):
        c = field.name[i]
        if c"A" <= c <= c"Z":
            c |= 0x20
        if c != name.text[i]:
            return False
    return True


cdef int32_t _find_field(const RequestHead* head, const Name* name, int32_t start) noexcept nogil:
    cdef int32_t i
    for i in range(start, head.n_fields):
        if _named(&head.fields[i], name):
            return i
    return ABSENT


cdef int32_t _find_parameter(const Request* request, const Name* name) noexcept nogil:
    cdef int32_t i
    for i in range(request.n_parameters):
        if _decodes_to(request.parameters[i].name, request.parameters[i].name_len, name.text, name.len):
            return i
    return ABSENT


cdef int _resolve(const Bucket* bucket, Request* request, Resolved* resolved, uint32_t index) except -1:
    """Look a name up, once for all candidates of the bucket. The answer is in the slot of index modulo FEW."""
    cdef const Name* name = &bucket.names[index]
    cdef uint32_t slot = index % FEW
    cdef uint32_t bit = <uint32_t>1 << slot
    if bucket.n_names <= FEW and resolved.known & bit:
        return <int>slot
    resolved.known |= bit
    resolved.several &= ~bit
    if name.query:
        if request.n_parameters < 0:
            _split_query(request)
        resolved.at[slot] = _find_parameter(request, name)
        return <int>slot
    resolved.at[slot] = _find_field(request.head, name, 0)
    if resolved.at[slot] >= 0 and _find_field(request.head, name, resolved.at[slot] + 1) >= 0:
        resolved.several |= bit
    return <int>slot


# --- Conditions ---

cdef bint _joined_equals(const RequestHead* head, const Name* name, int32_t first, const Condition* condition) noexcept:
    """Compare the list that several fields are, without building it."""
    cdef const unsigned char* p = condition.value
    cdef const unsigned char* end = p + condition.value_len
    cdef const Field* field
    cdef int32_t i = first
    while i >= 0:
        field = &head.fields[i]
        if i != first:
            if end - p < 2 or p[0] != c"," or p[1] != c" ":
                return False
            p += 2
        if <size_t>(end - p) < field.value_len or memcmp(p, field.value, field.value_len) != 0:
            return False
        p += field.value_len
        i = _find_field(head, name, i + 1)
    return p == end


cdef bytes _joined(const RequestHead* head, const Name* name, int32_t first):
    cdef list values = []
    cdef int32_t i = first
    while i >= 0:
        values.append(PyBytes_FromStringAndSize(<const char*>head.fields[i].value, head.fields[i].value_len))
        i = _find_field(head, name, i + 1)
    return b", ".join(values)


cdef bint _full(const Condition* condition, bytes text) except -1:
    return (<object>condition.pattern).fullmatch(text) is not None


cdef bint _path_holds(const Condition* condition, Request* request) except -1:
    if request.last_pattern != condition.pattern:
        request.last_result = _full(
            condition, PyBytes_FromStringAndSize(<const char*>request.head.path, request.head.path_len)
        )
        request.last_pattern = condition.pattern
    return request.last_result


cdef bint _header_holds(
    const Condition* condition, const Bucket* bucket, Request* request, Resolved* resolved
) except -1:
    cdef int slot = _resolve(bucket, request, resolved, condition.name)
    cdef int32_t at = resolved.at[slot]
    cdef const Field* field
    if at < 0:
        return False
    if condition.kind == WHERE_HEADER_REGEX:
        return _full(condition, _joined(request.head, &bucket.names[condition.name], at))
    if resolved.several >> slot & 1:
        return _joined_equals(request.head, &bucket.names[condition.name], at, condition)
    field = &request.head.fields[at]
    return field.value_len == condition.value_len and memcmp(field.value, condition.value, field.value_len) == 0


cdef bint _query_holds(
    const Condition* condition, const Bucket* bucket, Request* request, Resolved* resolved
) except -1:
    cdef int slot = _resolve(bucket, request, resolved, condition.name)
    cdef int32_t at = resolved.at[slot]
    if at < 0:
        return False
    if condition.kind == WHERE_QUERY_REGEX:
        return _full(condition, _decoded(request.parameters[at].value, request.parameters[at].value_len))
    return _decodes_to(
        request.parameters[at].value, request.parameters[at].value_len, condition.value, condition.value_len
    )


cdef bint _holds(
    const Condition* condition, const Bucket* bucket, Request* request, Resolved* resolved
) except -1:
    if condition.kind == WHERE_METHOD:
        return request.head.method_len == condition.value_len and memcmp(
            request.head.method, condition.value, condition.value_len
        ) == 0
    if condition.kind <= WHERE_HEADER_REGEX:
        return _header_holds(condition, bucket, request, resolved)
    if condition.kind <= WHERE_QUERY_REGEX:
        return _query_holds(condition, bucket, request, resolved)
    return condition.kind == WHERE_PATH_REGEX and _path_holds(condition, request)


cdef const Candidate* bucket_pick(const Bucket* bucket, Request* request) except? NULL:
    cdef Resolved resolved
    cdef const Candidate* candidate
    cdef uint32_t i, j
    resolved.known = 0
    resolved.several = 0
    for i in range(bucket.n_candidates):
        candidate = &bucket.candidates[i]
        for j in range(candidate.n_conditions):
            if not _holds(&candidate.conditions[j], bucket, request, &resolved):
                break
        else:
            return candidate
    return NULL


# --- Building ---

cdef tuple _plain_or_regex(int kind, name, value, bint regex, CompiledRule rule):
    """Describe a condition as (kind, name, value, pattern). Expressions come after plain values of all kinds."""
    if not regex:
        return (kind, name, value.encode(), None)
    pattern = rule.patterns.get(value)
    return (WHERE_NEVER if pattern is None else kind + 1, name, b"", pattern)


cdef list _conditions(CompiledRule rule, match, bint regex):
    cdef list conditions = []
    if not (regex or match.method or match.headers or match.queries):
        return conditions
    if match.method:
        conditions.append((WHERE_METHOD, None, match.method.encode(), None))
    for field in match.headers:
        conditions.append(_plain_or_regex(WHERE_HEADER, (False, field.name.lower().encode()), field.value,
                                          field.regex, rule))
    for field in match.queries:
        conditions.append(_plain_or_regex(WHERE_QUERY, (True, field.name.encode()), field.value, field.regex, rule))
    if regex:
        conditions.append(_plain_or_regex(WHERE_PATH_REGEX - 1, None, match.path.value, True, rule))
    conditions.sort(key=_cost)
    return conditions


def _cost(condition):
    return condition[3] is not None


cdef unsigned char* _copy(unsigned char* to, bytes text) noexcept:
    memcpy(to, <const unsigned char*>text, <size_t>len(text))
    return to + len(text)


cdef Bucket* bucket_new(uint64_t hash, bytes path, list candidates) except NULL:
    """Lay all out in one allocation: bucket, candidates, conditions, names, then the bytes that these point to."""
    cdef list all_conditions = []
    cdef dict names = {}
    cdef Py_ssize_t n_conditions = 0, text = 0
    cdef CompiledRule rule
    for _, rule, index, regex, _ in candidates:
        conditions = _conditions(rule, rule.entry.matches[index], regex)
        n_conditions += len(conditions)
        all_conditions.append(conditions)
        for _, name, value, _ in conditions:
            text += len(value)
            if name is not None and name not in names:
                names[name] = len(names)
                text += len(name[1])
    return _lay_out(hash, path, candidates, all_conditions, names, n_conditions, text)


cdef Bucket* _lay_out(
    uint64_t hash, bytes path, list candidates, list all_conditions, dict names, Py_ssize_t n_conditions,
    Py_ssize_t text,
) except NULL:
    cdef size_t n_candidates = <size_t>len(candidates)
    cdef size_t head = sizeof(Bucket) + (n_candidates - 1) * sizeof(Candidate)
    cdef size_t size = head + n_conditions * sizeof(Condition) + len(names) * sizeof(Name) + text
    cdef Bucket* bucket = <Bucket*>block_new(size, hash, path, <uint32_t>len(path))
    cdef Condition* condition = <Condition*>(<unsigned char*>bucket + head)
    cdef unsigned char* to
    cdef size_t i
    bucket.n_candidates = <uint32_t>n_candidates
    bucket.n_names = <uint32_t>len(names)
    bucket.names = <Name*>(condition + n_conditions)
    to = <unsigned char*>(bucket.names + bucket.n_names)
    for (query, name), i in names.items():
        bucket.names[i].text = to
        bucket.names[i].len = <uint32_t>len(name)
        bucket.names[i].query = query
        to = _copy(to, name)
    for i in range(n_candidates):
        _, rule, index, _, listener = candidates[i]
        bucket.candidates[i].rule = <void*>rule
        bucket.candidates[i].listener = <void*>listener
        bucket.candidates[i].match = index
        bucket.candidates[i].conditions = condition
        bucket.candidates[i].n_conditions = <uint32_t>len(all_conditions[i])
        for kind, name, value, pattern in all_conditions[i]:
            condition.kind = kind
            condition.name = names[name] if name is not None else 0
            condition.value = to
            condition.value_len = <uint32_t>len(value)
            condition.pattern = <void*>pattern if pattern is not None else NULL
            to = _copy(to, value)
            condition += 1
    return bucket


cdef void bucket_release(Block* block) noexcept:
    block.owners -= 1
    if block.owners == 0:
        block_free(block)
