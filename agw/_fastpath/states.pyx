"""Names of task states on the wire, looked up without an object: agw.a2a.states as a C table, made at import."""

from libc.string cimport memcmp

from agw.a2a import states as table

cdef enum:
    MAX_NAMES = 24

cdef struct Named:
    const char* name            # borrowed from _kept
    uint8_t size                # bytes
    uint8_t state

cdef Named _names[MAX_NAMES]
cdef int _n_names = 0
cdef list _kept = []


cdef void _fill():
    global _n_names
    cdef bytes raw
    for name, state in table.NAMES.items():
        raw = name.encode()
        _kept.append(raw)
        _names[_n_names].name = raw
        _names[_n_names].size = <uint8_t> len(raw)
        _names[_n_names].state = <uint8_t> state
        _n_names += 1


_fill()


cdef int task_state(const char* name, uint8_t size) noexcept nogil:
    cdef int i
    for i in range(_n_names):
        if _names[i].size == size and memcmp(_names[i].name, name, size) == 0:
            return _names[i].state
    return STATE_UNKNOWN


def state_of(bytes name not None):
    """For tests: see states.pyi."""
    return task_state(name, <uint8_t> min(len(name), 255))
