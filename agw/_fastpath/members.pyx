"""The members of A2A's JSON by which a gateway knows what it has before it: which name stands for what, and where.

Rules: a name counts in the object that is its place, and nowhere else: what is in metadata, in history or in a part is
the user's. Names in snake case are those of protocol buffers (ProtoJSON takes both). A name in another case is found
too, and told apart: Go's reader takes it.

Most keys are none of these, as their first letter tells. The others are compared as two words each.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from agw._fastpath.envelope cimport (
    PLACE_ANSWER, PLACE_BODY, PLACE_ENVELOPE, PLACE_MESSAGE, PLACE_PARAMS, PLACE_RESULT, PLACE_STATUS, PLACE_WRAPPED,
    SLOT_CONTEXT, SLOT_ID, SLOT_MESSAGE, SLOT_MESSAGE_CONTEXT, SLOT_MESSAGE_ID, SLOT_MESSAGE_TASK, SLOT_METHOD,
    SLOT_OTHER, SLOT_PARAMS, SLOT_RESULT, SLOT_RPC_ID, SLOT_STATE, SLOT_STATUS, SLOT_TASK, SLOT_VERSION, SLOT_WRAPPED,
)

cdef enum:
    PLACES = 8
    ROOM = 14               # names of a place, and one more

cdef struct Member:
    uint64_t first          # see _first_word
    uint64_t last
    const char* name        # borrowed from _NAMES
    Member* next            # of those in its place that begin with the same letter; NULL at their end
    uint8_t size            # bytes, at most the 16 of two words
    uint8_t slot

# What is in parameters, tasks and events alike.
cdef dict _IDS = {
    b"id": SLOT_ID,
    b"taskId": SLOT_TASK, b"task_id": SLOT_TASK,
    b"contextId": SLOT_CONTEXT, b"context_id": SLOT_CONTEXT,
}
cdef dict _NAMES = {
    PLACE_ENVELOPE: {b"jsonrpc": SLOT_VERSION, b"method": SLOT_METHOD, b"id": SLOT_RPC_ID, b"params": SLOT_PARAMS},
    PLACE_PARAMS: {**_IDS, b"message": SLOT_MESSAGE},
    # No parameter is called a method: that is an envelope.
    PLACE_BODY: {**_IDS, b"message": SLOT_MESSAGE, b"method": SLOT_METHOD},
    PLACE_MESSAGE: {
        b"messageId": SLOT_MESSAGE_ID, b"message_id": SLOT_MESSAGE_ID,
        b"taskId": SLOT_MESSAGE_TASK, b"task_id": SLOT_MESSAGE_TASK,
        b"contextId": SLOT_MESSAGE_CONTEXT, b"context_id": SLOT_MESSAGE_CONTEXT,
    },
    PLACE_ANSWER: {b"result": SLOT_RESULT},
    # A2A 1.0 says what the result is by the name of its member.
    PLACE_RESULT: {
        **_IDS, b"status": SLOT_STATUS, b"task": SLOT_WRAPPED, b"message": SLOT_WRAPPED,
        b"statusUpdate": SLOT_WRAPPED, b"status_update": SLOT_WRAPPED,
        b"artifactUpdate": SLOT_WRAPPED, b"artifact_update": SLOT_WRAPPED,
    },
    PLACE_WRAPPED: {**_IDS, b"status": SLOT_STATUS},
    PLACE_STATUS: {b"state": SLOT_STATE},
}
cdef Member _members[PLACES][ROOM]          # the one behind the last has no size
cdef Member* _by_letter[PLACES][32]         # NULL where no name begins with it


cdef inline uint64_t _word(const char* text) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, text, 8)
    return word


cdef inline uint32_t _half(const char* text) noexcept nogil:
    cdef uint32_t half
    memcpy(&half, text, 4)
    return half


cdef inline uint64_t _first_word(const char* text, size_t size) noexcept nogil:
    """The beginning of a text of 1 to 16 bytes, of which this and _last_word leave none out."""
    if size >= 8:
        return _word(text)
    if size >= 4:
        return _half(text)
    return <unsigned char> text[0] | <unsigned char> text[size >> 1] << 8


cdef inline uint64_t _last_word(const char* text, size_t size) noexcept nogil:
    if size >= 8:
        return _word(text + size - 8)
    return _half(text + size - 4) if size >= 4 else <unsigned char> text[size - 1]


cdef void _fill():
    cdef Member* member
    cdef Member** others
    cdef bytes name
    for place, names in _NAMES.items():
        member = _members[<int> place]
        for name, slot in names.items():
            others = &_by_letter[<int> place][name[0] & 31]
            member.name = name
            member.size = <uint8_t> len(name)
            member.slot = <uint8_t> slot
            member.first, member.last = _first_word(name, len(name)), _last_word(name, len(name))
            member.next = others[0]
            others[0] = member
            member += 1


_fill()


cdef bint _folds(const char* key, size_t n, const Member* member) noexcept nogil:
    """Whether a key is this name to a reader that ignores case, as Unicode folds it."""
    cdef const unsigned char* at = <const unsigned char*> key
    cdef const unsigned char* end = at + n
    cdef const unsigned char* want = <const unsigned char*> member.name
    cdef const unsigned char* last = want + member.size
    cdef unsigned char c
    while at < end and want < last:
        c = at[0]
        if c == 0xc5 and end - at >= 2 and at[1] == 0xbf:
            c = b"s"
            at += 1
        elif c == 0xe2 and end - at >= 3 and at[1] == 0x84 and at[2] == 0xaa:
            c = b"k"
            at += 2
        if c | 0x20 != want[0] | 0x20 or (c != want[0] and not (b"a" <= c | 0x20 <= b"z")):
            return False
        at += 1
        want += 1
    return at == end and want == last


cdef int member_like(int place, const char* key, size_t n) noexcept nogil:
    cdef const Member* member = _members[place]
    while member.size:
        if _folds(key, n, member):
            return member.slot
        member += 1
    return SLOT_OTHER


cdef int member_of(int place, const char* key, size_t n) noexcept nogil:
    cdef const Member* member
    cdef uint64_t first, last
    if n == 0:
        return SLOT_OTHER
    if <unsigned char> key[0] >= 0x80:
        return MEMBER_UNSURE
    member = _by_letter[place][key[0] & 31]
    if member == NULL:
        return SLOT_OTHER
    first, last = _first_word(key, n), _last_word(key, n)
    while member.size != n or member.first != first or member.last != last:
        member = member.next
        if member == NULL:
            return MEMBER_UNSURE
    return member.slot
