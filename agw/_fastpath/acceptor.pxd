# A listening socket of the data plane.

cimport cython

from agw._fastpath.exchange cimport Context
from agw._fastpath.poller cimport Source


# A listening socket; the descriptor belongs to whoever made it and is duplicated here.
@cython.final
cdef class Acceptor(Source):
    cdef Context context
    cdef readonly int port      # the Gateway's listener port
    cdef int _accept(self) except -1
    cdef int _wait(self) except -1
    cdef bint _full(self) noexcept
