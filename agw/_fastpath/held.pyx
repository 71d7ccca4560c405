"""A request kept beyond the call that brought it: a deep copy of its head, and the body bytes that came with it.

A head is borrowed from the codec that parsed it and is gone when the call returns. An exchange that waits for a slot,
or may have to send its request again, keeps this instead; the plain path never makes one.

What is not forwarded is not kept, a client's credential among it; but for X-Forwarded-For to Via, which are read when
our own are made. A span that is added to RequestHead is added here.
"""

cimport cython
from libc.stdlib cimport free, malloc
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from agw._fastpath.buffer cimport buffer_free
from agw._fastpath.message cimport F_VIA, F_X_FORWARDED_FOR, FIELD_DROP

cdef enum:
    ADDED = 16              # fields that the exchange adds, with room to spare


@cython.final
cdef class Held:
    def __dealloc__(self):
        free(self.fields)
        free(self.text)
        buffer_free(&self.body)


cdef const unsigned char* _keep(unsigned char** at, const unsigned char* span, uint32_t size) noexcept:
    """Copy a span to `at` and move that on; NULL stays NULL: there is a difference between empty and absent."""
    cdef unsigned char* kept = at[0]
    if span == NULL:
        return NULL
    memcpy(kept, span, size)
    at[0] += size
    return kept


cdef inline bint _kept(const Field* field) noexcept:
    return not field.flags & FIELD_DROP or F_X_FORWARDED_FOR <= field.id <= F_VIA


cdef Py_ssize_t _size(const RequestHead* head) noexcept:
    """Bytes of all spans."""
    cdef Py_ssize_t size = head.method_len
    cdef int i
    size += <Py_ssize_t> head.path_len + head.query_len + head.authority_len + head.host_len
    for i in range(head.n_fields):
        if _kept(&head.fields[i]):
            size += <Py_ssize_t> head.fields[i].name_len + head.fields[i].value_len
    return size


cdef Held hold(const RequestHead* head, int room):
    cdef Held held = Held.__new__(Held)
    cdef unsigned char* at
    cdef Field* field
    cdef int i
    held.fields = field = <Field*> malloc((head.n_fields + ADDED + room) * sizeof(Field))
    held.text = at = <unsigned char*> malloc(_size(head) + 1)
    if field == NULL or at == NULL:
        raise MemoryError
    held.head = head[0]
    held.head.fields = field
    held.head.whole = NULL
    held.head.method = _keep(&at, head.method, head.method_len)
    held.head.path = _keep(&at, head.path, head.path_len)
    held.head.query = _keep(&at, head.query, head.query_len)
    held.head.authority = _keep(&at, head.authority, head.authority_len)
    held.head.host = _keep(&at, head.host, head.host_len)
    held.head.n_fields = 0
    for i in range(head.n_fields):
        if _kept(&head.fields[i]):
            field[0] = head.fields[i]
            field.name = _keep(&at, field.name, field.name_len)
            field.value = _keep(&at, field.value, field.value_len)
            field += 1
            held.head.n_fields += 1
    return held
