"""Buffers of connections: allocated when bytes arrive, given back when they are gone."""

cdef extern from *:
    """
    #ifdef AGW_EXACT
    #define AGW_GROWS_EXACTLY 1
    #else
    #define AGW_GROWS_EXACTLY 0
    #endif
    """
    bint AGW_GROWS_EXACTLY

cdef long _live = 0

cdef enum:
    SMALLEST = 1024         # bytes: a typical head with its body fits, malloc serves it from a cache
    KEPT = 65536            # bytes before the start that are never moved over: a retry sends them again


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
    data = <unsigned char*> realloc(buffer.data, capacity)
    if data == NULL:
        with gil:
            raise MemoryError
    if buffer.data == NULL:
        _count_one()
    buffer.data = data
    buffer.capacity = capacity
    return 0


cdef void _count_one() noexcept nogil:
    live_buffers()[0] += 1


def live():
    """How many buffers hold memory."""
    return _live
