# A request that is kept beyond the call that brought it.

cimport cython

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.message cimport Field, RequestHead


@cython.final
cdef class Held:
    cdef RequestHead head       # its pointers lead into text and fields
    cdef Field* fields          # owned; room for those that the exchange adds
    cdef unsigned char* text    # owned
    cdef Buffer body            # body bytes that came with the head

# room: fields that may be added to the head beyond those that the exchange adds.
cdef Held hold(const RequestHead* head, int room)
