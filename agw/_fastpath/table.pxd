# The compiled snapshot: which rule takes a request.

cimport cython
from libc.stdint cimport int64_t

from agw._fastpath.message cimport RequestHead
from agw._fastpath.route cimport CompiledRule


@cython.final
cdef class Table:
    # Immutable once compile_table() returned it.
    cdef readonly int64_t version
    cdef readonly dict backends    # entry key -> CompiledBackend
    cdef readonly dict rules       # entry key -> CompiledRule

    # The rule that takes a request on a listener port, or None: 404. head is borrowed for the call. Fields with
    # FIELD_DROP are not seen. No Python object is made unless a regular expression must be tried.
    cdef CompiledRule lookup(self, int port, const RequestHead* head)
