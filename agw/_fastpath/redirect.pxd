# Where a redirect sends a client.

cimport cython

from agw._fastpath.edits cimport PathChange
from agw._fastpath.message cimport RequestHead

cdef enum:
    LOCATION_ROOM = 4608        # bytes of a Location that do not come from the request


# Immutable.
@cython.final
cdef class CompiledRedirect:
    cdef readonly int status
    cdef bytes scheme           # empty: the request's own
    cdef bytes hostname         # empty: the request's own
    cdef int port               # 0: by the rules of the Gateway API
    cdef PathChange path        # borrows from _bytes
    cdef list _bytes

# Raises ValueError for what makes no Location.
cdef CompiledRedirect redirect_new(object redirect)

# Writes the Location and gives its length. port: the listener's. https: the client spoke it. into: LOCATION_ROOM and as
# many bytes as authority, path and query have.
cdef Py_ssize_t write_location(
    CompiledRedirect redirect, const RequestHead* head, int port, bint https, unsigned char* into,
) noexcept
