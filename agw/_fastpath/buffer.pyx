"""Buffers of connections: allocated when bytes arrive, given back when they are gone.

Memory of the usual sizes is kept for the next connection that needs some, the last given back first: it is still in the
processor's caches, and malloc's own quick lists end at a kilobyte.
"""

from libc.stdlib cimport free, realloc

cdef extern from *:
    """
    #ifdef AGW_EXACT
    #define AGW_GROWS_EXACTLY 1
    #else
    #define AGW_GROWS_EXACTLY 0
    #endif
    """
    bint AGW_GROWS_EXACTLY

cdef enum:
    SMALLEST = 1024         # bytes: a typical head with its body fits
    SIZES = 3               # that are kept: the smallest, and each twice the one before
    SPARES = 32             # of each size
    KEPT = 65536            # bytes before the start that are never moved over: a retry sends them again


cdef long _live = 0
cdef unsigned char* _spares[SIZES][SPARES]
cdef int _counts[SIZES]


cdef long* live_buffers() noexcept nogil:
    return &_live


cdef int buffer_grow(Buffer* buffer, Py_ssize_t more) except -1 nogil:
    """Make room for `more` bytes: first by closing the gap before the start, then by doubling."""
    cdef Py_ssize_t held = buffer.end - buffer.start
    cdef Py_ssize_t capacity = buffer.capacity if buffer.capacity else SMALLEST
    cdef unsigned char* data
    if buffer.data != NULL and buffer.start > KEPT and buffer.start >= more and buffer.start >= held:
        memmove(buffer.data, buffer.data + buffer.start, held)
        buffer.start = 0
        buffer.end = held
        return 0
    while capacity < buffer.end + more:
        capacity *= 2
    if AGW_GROWS_EXACTLY:
        # Under AddressSanitizer, so that it sees whoever writes one byte more than was reserved.
        capacity = buffer.end + more
    data = _spare(capacity) if buffer.data == NULL else NULL
    if data == NULL:
        data = <unsigned char*> realloc(buffer.data, capacity)
    if data == NULL:
        with gil:
            raise MemoryError
    if buffer.data == NULL:
        _count(1)
    buffer.data = data
    buffer.capacity = capacity
    return 0


cdef void _count(int more) noexcept nogil:
    live_buffers()[0] += more


cdef inline int _size_of(Py_ssize_t capacity) noexcept nogil:
    """Which of the kept sizes this is; -1 for none."""
    cdef int size
    for size in range(SIZES):
        if capacity == SMALLEST << size:
            return -1 if AGW_GROWS_EXACTLY else size
    return -1


cdef unsigned char* _spare(Py_ssize_t capacity) noexcept nogil:
    cdef int size = _size_of(capacity)
    if size < 0 or _counts[size] == 0:
        return NULL
    _counts[size] -= 1
    return _spares[size][_counts[size]]


cdef void buffer_give_back(unsigned char* data, Py_ssize_t capacity) noexcept nogil:
    cdef int size = _size_of(capacity)
    _count(-1)
    if size < 0 or _counts[size] == SPARES:
        free(data)
        return
    _spares[size][_counts[size]] = data
    _counts[size] += 1


def live():
    """How many buffers hold memory."""
    return _live
