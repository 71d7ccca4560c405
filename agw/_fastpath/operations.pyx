"""Names of A2A's operations on the wire, looked up without an object: agw.a2a.operations as C tables, made at import.

A path is read from its end, since nobody here knows where below a route an agent's own paths begin: /v1, a tenant, or a
prefix may stand before them. What is asked is whether it ends like a path of the binding, whole segments only.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memset

from agw._fastpath.fields cimport method_id as method_number
from agw._fastpath.message cimport M_GET, M_HEAD
from agw.a2a import operations as table

cdef extern from "<strings.h>" nogil:
    int strncasecmp(const char* one, const char* other, size_t size)

cdef enum:
    MAX_NAMES = 48
    MAX_REST = 32
    METHODS = 16        # MethodId

# A name, borrowed from _kept, and what it stands for.
cdef struct Named:
    const char* name
    uint32_t size
    uint8_t operation
    uint8_t place

cdef enum Form:
    FORM_MESSAGE = 0
    FORM_TASKS = 1
    FORM_TASK = 2
    FORM_TASK_VERB = 3
    FORM_CONFIGS = 4
    FORM_CONFIG = 5
    FORM_PLAIN = 6

cdef struct Call:
    Named verb
    uint8_t method
    uint8_t form

cdef Named _rpc[MAX_NAMES]
cdef Named _grpc[MAX_NAMES]
cdef Named _services[4]
cdef Call _rest[MAX_REST]
# The letters that a path of the binding may end with, by method, a bit each. Those of an agent's one path are mostly
# others, which saves it the look-up.
cdef uint32_t _ends[METHODS]
cdef int _n_rpc = 0, _n_grpc = 0, _n_services = 0, _n_rest = 0
cdef list _kept = []


cdef Named _named(str name, int operation, int place):
    cdef Named named
    cdef bytes raw = name.encode()
    _kept.append(raw)
    named.name = raw
    named.size = <uint32_t> len(raw)
    named.operation = <uint8_t> operation
    named.place = <uint8_t> place
    return named


cdef uint32_t _may_end(int form, str verb):
    """The last byte of a path of this form, a bit for each letter; all of them where it is an id's."""
    if form == FORM_TASK or form == FORM_CONFIG:
        return 0xffffffff
    if form == FORM_TASKS or form == FORM_CONFIGS:
        verb = "tasks"      # or configs
    return <uint32_t> 1 << (ord(verb[len(verb) - 1]) & 31)


cdef void _fill():
    global _n_rpc, _n_grpc, _n_services, _n_rest
    cdef bytes method
    forms = list(table.RestForm)
    for each in table.RPC:
        _rpc[_n_rpc] = _named(each.name, each.operation, each.task)
        _n_rpc += 1
    for name, operation in table.GRPC.items():
        _grpc[_n_grpc] = _named(name, operation, 0)
        _n_grpc += 1
    for name in table.GRPC_SERVICES:
        _services[_n_services] = _named(name, 0, 0)
        _n_services += 1
    for each in table.REST:
        method = each.method.encode()
        _rest[_n_rest].verb = _named(each.verb, each.operation, 0)
        _rest[_n_rest].method = <uint8_t> method_number(method, <uint32_t> len(method))
        _rest[_n_rest].form = <uint8_t> forms.index(each.form)
        _ends[_rest[_n_rest].method] |= _may_end(_rest[_n_rest].form, each.verb)
        _n_rest += 1
    _ends[<int> M_HEAD] = _ends[<int> M_GET]


_fill()


cdef inline bint _same(const Named* named, const void* data, uint32_t size) noexcept nogil:
    return named.size == size and memcmp(named.name, data, size) == 0


cdef int rpc_operation(const char* name, uint32_t size, int* place) noexcept nogil:
    cdef int i
    place[0] = 0
    for i in range(_n_rpc):
        if _same(&_rpc[i], name, size):
            place[0] = _rpc[i].place
            return _rpc[i].operation
    return 0


cdef int grpc_operation(const unsigned char* path, uint32_t size) noexcept nogil:
    cdef int i, j
    for i in range(_n_services):
        if size > _services[i].size and memcmp(path, _services[i].name, _services[i].size) == 0:
            for j in range(_n_grpc):
                if _same(&_grpc[j], path + _services[i].size, size - _services[i].size):
                    return _grpc[j].operation
    return 0


# --- HTTP+JSON ----------------------------------------------------------------------------------------------------

cdef enum:
    SEGMENTS = 4        # of a path's end, that a form may need
    SHORTEST = 6        # bytes of the shortest path of the binding, "/tasks": an agent's one path is mostly shorter

# The last segments of a path, from its end.
cdef struct Tail:
    PathSpan segments[SEGMENTS]
    PathSpan verb               # behind the last colon of the last segment, which ends before it
    PathSpan whole              # the last segment with its verb


cdef inline bint _equal(const void* one, const void* other, uint32_t size, bint fold) noexcept nogil:
    if fold:
        return strncasecmp(<const char*> one, <const char*> other, size) == 0
    return memcmp(one, other, size) == 0


cdef bint _is(const PathSpan* span, const char* word, uint32_t size, bint fold) noexcept nogil:
    return span.size == size and _equal(span.data, word, size, fold)


cdef bint _is_verb(const Call* call, const Tail* tail, bint fold) noexcept nogil:
    return call.verb.size == tail.verb.size and _equal(call.verb.name, tail.verb.data, tail.verb.size, fold)


cdef void _split(const unsigned char* path, uint32_t size, Tail* tail) noexcept nogil:
    """Take the last segments, a verb from the last of them; its colon may be percent-encoded."""
    cdef uint32_t end = size, at
    cdef int i
    cdef PathSpan* last = &tail.segments[0]
    memset(tail, 0, sizeof(Tail))
    for i in range(SEGMENTS):
        at = end
        while at and path[at - 1] != b"/":
            at -= 1
        if at == 0:
            break
        tail.segments[i].data = path + at
        tail.segments[i].size = end - at
        end = at - 1
    tail.whole = last[0]
    at = last.size
    while at:
        at -= 1
        if last.data[at] == b":":
            tail.verb.data, tail.verb.size = last.data + at + 1, last.size - at - 1
            last.size = at
            return
        if last.size - at >= 3 and memcmp(last.data + at, b"%3", 2) == 0 and last.data[at + 2] | 0x20 == b"a":
            tail.verb.data, tail.verb.size = last.data + at + 3, last.size - at - 3
            last.size = at
            return


cdef bint _fits(
    const Call* call, const Tail* tail, const unsigned char* path, uint32_t size, PathSpan* task, bint fold,
) noexcept nogil:
    """Whether the path's end has this form; and where the task's id is in it."""
    cdef const PathSpan* at = <const PathSpan*> tail.segments
    cdef int form = call.form
    if form == FORM_PLAIN:
        return size >= call.verb.size and _equal(path + size - call.verb.size, call.verb.name, call.verb.size, fold)
    if form == FORM_MESSAGE:
        return _is(at, "message", 7, fold) and _is_verb(call, tail, fold)
    if form == FORM_TASKS:
        return _is(&tail.whole, "tasks", 5, fold)
    if form == FORM_CONFIGS:
        task[0] = at[1]
        return _is(&tail.whole, "pushNotificationConfigs", 23, fold) and _is(at + 2, "tasks", 5, fold)
    if form == FORM_CONFIG:
        task[0] = at[2]
        return _is(at + 1, "pushNotificationConfigs", 23, fold) and _is(at + 3, "tasks", 5, fold)
    if not _is(at + 1, "tasks", 5, fold):
        return False
    if form == FORM_TASK_VERB:
        task[0] = at[0]
        return _is_verb(call, tail, fold)
    task[0] = tail.whole
    return tail.whole.size > 0


cdef int _look_up(
    int method_id, const unsigned char* path, uint32_t size, const Tail* tail, PathSpan* task, bint fold,
) noexcept nogil:
    cdef int i
    if method_id == M_HEAD:
        method_id = M_GET
    # The longer forms first: "tasks/{id}:subscribe" is a "tasks/{id}" too, where nothing forbids a colon in an id.
    for i in range(_n_rest - 1, -1, -1):
        task.data, task.size = NULL, 0
        if _rest[i].method == method_id and _fits(&_rest[i], tail, path, size, task, fold):
            return _rest[i].verb.operation
    task.data, task.size = NULL, 0
    return 0


cdef int rest_operation(int method_id, const unsigned char* path, uint32_t size, PathSpan* task) noexcept nogil:
    cdef Tail tail
    task.data, task.size = NULL, 0
    if size > 1 and path[size - 1] == b"/":
        size -= 1
    if size < SHORTEST or not _ends[method_id] >> (path[size - 1] & 31) & 1:
        return 0
    _split(path, size, &tail)
    return _look_up(method_id, path, size, &tail, task, False)


cdef bint _has_service(const unsigned char* path, uint32_t size) noexcept nogil:
    """Whether "A2AService" is anywhere in the path, in any case."""
    cdef uint32_t at
    for at in range(size):
        if size - at >= 10 and strncasecmp(<const char*> path + at, "A2AService", 10) == 0:
            return True
    return False


cdef bint is_plain_path(int method_id, const unsigned char* path, uint32_t size, int operation) noexcept nogil:
    cdef Tail tail
    cdef PathSpan task
    if memchr(path, b"%", size) != NULL or memchr(path, b";", size) != NULL:
        return False
    if _has_service(path, size):
        return False    # Connect, or gRPC
    if size > 1 and path[size - 1] == b"/":
        size -= 1
    _split(path, size, &tail)
    if tail.verb.data != NULL and operation not in (
        OP_SEND_MESSAGE, OP_SEND_STREAMING_MESSAGE, OP_CANCEL_TASK, OP_SUBSCRIBE_TO_TASK,
    ):
        return False    # a verb that is none here may be one to others
    return _look_up(method_id, path, size, &tail, &task, True) == operation


def operation_of(str what, name, str path=""):
    """For tests: see operations.pyi."""
    cdef int place = 0
    cdef PathSpan task
    cdef bytes raw = name.encode(), rest = path.encode()
    task.data = NULL
    if what == "rpc":
        return rpc_operation(raw, <uint32_t> len(raw), &place), place
    if what == "grpc":
        return grpc_operation(raw, <uint32_t> len(raw)), 0
    method = method_number(raw, <uint32_t> len(raw))
    operation = rest_operation(method, rest, <uint32_t> len(rest), &task)
    if what == "plain":
        return operation, is_plain_path(method, rest, <uint32_t> len(rest), operation)
    return operation, (<bytes> task.data[:task.size]).decode() if task.data != NULL else ""
