"""The members of A2A's JSON by which a gateway knows what it has before it: which name stands for what, and where.

Rules: a name counts in the object that is its place, and nowhere else: what is in metadata, in history or in a part is
the user's. Names in snake case are those of protocol buffers (ProtoJSON takes both). A name in another case is found
too, and told apart: Go's reader takes it.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from agw._fastpath.envelope cimport (
    PLACE_ANSWER, PLACE_BODY, PLACE_ENVELOPE, PLACE_MESSAGE, PLACE_PARAMS, PLACE_RESULT, PLACE_STATUS, SLOT_CONTEXT,
    SLOT_ID, SLOT_MESSAGE, SLOT_MESSAGE_CONTEXT, SLOT_MESSAGE_ID, SLOT_MESSAGE_TASK, SLOT_METHOD, SLOT_OTHER,
    SLOT_PARAMS, SLOT_RESULT, SLOT_RPC_ID, SLOT_STATE, SLOT_STATUS, SLOT_TASK, SLOT_VERSION, SLOT_WRAPPED,
)


cdef inline bint _is(const Text* key, const char* name, uint8_t size, bint* exact) noexcept nogil:
    """Whether a key is this name to a reader that ignores case, as Unicode folds it. Most are told by a glance."""
    cdef unsigned char first = <unsigned char> key.data[0]
    if key.size < size or (first < 0x80 and first | 0x20 != <unsigned char> name[0]):
        return False
    if key.size == size and memcmp(key.data, name, size) == 0:
        exact[0] = True
        return True
    return _folds(key, name, size, exact)


cdef bint _folds(const Text* key, const char* name, uint8_t size, bint* exact) noexcept nogil:
    cdef const unsigned char* at = <const unsigned char*> key.data
    cdef const unsigned char* end = at + key.size
    cdef const unsigned char* want = <const unsigned char*> name
    cdef const unsigned char* last = want + size
    cdef unsigned char c
    exact[0] = True
    while at < end and want < last:
        c = at[0]
        if c == 0xc5 and end - at >= 2 and at[1] == 0xbf:
            c = b"s"
            at += 1
            exact[0] = False
        elif c == 0xe2 and end - at >= 3 and at[1] == 0x84 and at[2] == 0xaa:
            c = b"k"
            at += 2
            exact[0] = False
        elif c != want[0]:
            exact[0] = False
        if c | 0x20 != want[0] | 0x20 or (c != want[0] and not (b"a" <= c | 0x20 <= b"z")):
            return False
        at += 1
        want += 1
    return at == end and want == last


cdef int _of_envelope(const Text* key, bint* exact) noexcept nogil:
    if _is(key, "jsonrpc", 7, exact): return SLOT_VERSION
    if _is(key, "method", 6, exact): return SLOT_METHOD
    if _is(key, "id", 2, exact): return SLOT_RPC_ID
    if _is(key, "params", 6, exact): return SLOT_PARAMS
    return SLOT_OTHER


cdef int _of_anything(const Text* key, bint* exact) noexcept nogil:
    """What is in parameters, messages, tasks and events alike."""
    if _is(key, "taskId", 6, exact) or _is(key, "task_id", 7, exact): return SLOT_TASK
    if _is(key, "contextId", 9, exact) or _is(key, "context_id", 10, exact): return SLOT_CONTEXT
    return SLOT_ID if _is(key, "id", 2, exact) else SLOT_OTHER


cdef int _of_message(const Text* key, bint* exact) noexcept nogil:
    if _is(key, "taskId", 6, exact) or _is(key, "task_id", 7, exact): return SLOT_MESSAGE_TASK
    if _is(key, "contextId", 9, exact) or _is(key, "context_id", 10, exact): return SLOT_MESSAGE_CONTEXT
    if _is(key, "messageId", 9, exact) or _is(key, "message_id", 10, exact): return SLOT_MESSAGE_ID
    return SLOT_OTHER


cdef int _of_result(const Text* key, bint* exact) noexcept nogil:
    """What in A2A 1.0 says what the result is, by the name of its member."""
    if _is(key, "task", 4, exact) or _is(key, "message", 7, exact): return SLOT_WRAPPED
    if _is(key, "statusUpdate", 12, exact) or _is(key, "status_update", 13, exact): return SLOT_WRAPPED
    if _is(key, "artifactUpdate", 14, exact) or _is(key, "artifact_update", 15, exact): return SLOT_WRAPPED
    return SLOT_OTHER


cdef int member_of(int place, const Text* key, bint* exact) noexcept nogil:
    cdef int slot
    if place == PLACE_ENVELOPE:
        return _of_envelope(key, exact)
    if place == PLACE_MESSAGE:
        return _of_message(key, exact)
    if place == PLACE_ANSWER:
        return SLOT_RESULT if _is(key, "result", 6, exact) else SLOT_OTHER
    if place == PLACE_STATUS:
        return SLOT_STATE if _is(key, "state", 5, exact) else SLOT_OTHER
    if place == PLACE_BODY and _is(key, "method", 6, exact):
        return SLOT_METHOD      # no parameter: an envelope
    slot = _of_anything(key, exact)
    if slot != SLOT_OTHER:
        return slot
    if place == PLACE_PARAMS or place == PLACE_BODY:
        return SLOT_MESSAGE if _is(key, "message", 7, exact) else SLOT_OTHER
    if _is(key, "status", 6, exact):
        return SLOT_STATUS
    return _of_result(key, exact) if place == PLACE_RESULT else SLOT_OTHER
