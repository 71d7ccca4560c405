# The compiled snapshot: which rule takes a request.

cimport cython
from libc.stdint cimport int64_t

from agw._fastpath.hosts cimport HostSet
from agw._fastpath.index cimport Block
from agw._fastpath.matches cimport Candidate, Request
from agw._fastpath.message cimport RequestHead
from agw._fastpath.route cimport CompiledRule

# What one hostname among the listeners of a port serves. Block.key: the hostname, as hosts.pxd has it.
cdef struct Group:
    Block block
    HostSet routes                 # of HostRules

cdef struct Port:
    int port
    HostSet listeners              # of Group


@cython.final
cdef class Table:
    # Immutable once compile_table() returned it.
    cdef readonly int64_t version
    cdef readonly dict backends    # entry key -> CompiledBackend
    cdef readonly dict rules       # entry key -> CompiledRule
    cdef dict _policies            # entry key -> CompiledPolicy
    cdef dict _key_sets            # entry key -> KeySet
    cdef dict _listeners           # entry key -> snapshot Listener
    cdef Port* _ports              # _n_ports of them; owned; NULL without
    cdef int _n_ports

    # The rule that takes a request on a listener port, or None: 404. head is borrowed for the call. Fields with
    # FIELD_DROP are not seen. No Python object is made unless a regular expression must be tried. listener: set to the
    # key (str) of the listener that it is served on, borrowed from the rule; untouched without one. Raises only what a
    # regular expression raises (MemoryError).
    cdef CompiledRule lookup(self, int port, const RequestHead* head, void** listener)

    cdef const Candidate* _find(self, int port, Request* request) except? NULL
