# A growable stretch of bytes that a connection owns: filled at the end, drained from the start.

from libc.string cimport memcpy, memmove

# data[start:end] is what it holds; data is NULL while it holds nothing (an idle connection owns no memory here).
cdef struct Buffer:
    unsigned char* data
    Py_ssize_t capacity
    Py_ssize_t start
    Py_ssize_t end

cdef long* live_buffers() noexcept nogil        # how many Buffers hold memory: zero after each test

cdef int buffer_grow(Buffer* buffer, Py_ssize_t more) except -1 nogil
cdef void buffer_give_back(unsigned char* data, Py_ssize_t capacity) noexcept nogil


cdef inline Py_ssize_t buffer_size(const Buffer* buffer) noexcept nogil:
    return buffer.end - buffer.start


cdef inline unsigned char* buffer_reserve(Buffer* buffer, Py_ssize_t more) except NULL nogil:
    """Room for `more` bytes behind the end; the caller advances `end` by what it wrote."""
    if buffer.capacity - buffer.end < more:
        buffer_grow(buffer, more)
    return buffer.data + buffer.end


cdef inline int buffer_append(Buffer* buffer, const void* data, Py_ssize_t size) except -1 nogil:
    if size:
        memcpy(buffer_reserve(buffer, size), data, size)
        buffer.end += size
    return 0


cdef inline void buffer_free(Buffer* buffer) noexcept nogil:
    if buffer.data != NULL:
        buffer_give_back(buffer.data, buffer.capacity)
        buffer.data = NULL
    buffer.capacity = buffer.start = buffer.end = 0
