# The data plane of a worker, put together.

cimport cython
from agw._fastpath.exchange cimport Context
from agw._fastpath.poller cimport Poller
from agw._fastpath.pool cimport Pool


@cython.final
cdef class Reactor:
    cdef Poller _poller
    cdef Pool _pool
    cdef Context _context
    cdef dict _acceptors        # the caller's descriptor -> Acceptor
    cdef dict _agents           # key of a backend -> row of agents.pxd

    cdef int _number(self) except -1
