# What a rule does to requests and answers on their way, compiled; and what of it an exchange remembers.

cimport cython
from libc.stdint cimport int64_t, uint64_t

from agw._fastpath.cors cimport CompiledCors
from agw._fastpath.edits cimport HeaderEdits, PathChange
from agw._fastpath.redirect cimport CompiledRedirect

cdef enum:
    ADDED_ROOM = 144        # fields that filters add to one head: two edits, those of CORS

# Where copies of some requests go.
cdef struct MirrorRef:
    void* backend           # borrowed CompiledBackend, kept alive by _backends
    uint64_t numerator      # of denominator requests
    uint64_t denominator    # at least 1


# Immutable.
@cython.final
cdef class CompiledFilters:
    cdef readonly object entry          # snapshot Filters; None where a rule has a retry alone, or its backends filters
    cdef HeaderEdits request            # None without, as all that follow
    cdef HeaderEdits response
    cdef readonly CompiledRedirect redirect
    cdef readonly CompiledCors cors
    cdef bytes hostname                 # that the backend is asked for; empty: the client's Host
    cdef PathChange path                # borrows from _bytes
    cdef int n_mirrors
    cdef MirrorRef* mirrors             # n_mirrors of them; owned
    cdef int tries                      # after the first; 0 without a retry
    cdef int64_t backoff_ms             # least time between two
    cdef uint64_t codes[4]              # bit (status - 400): such an answer is tried again
    cdef list _bytes
    cdef list _backends


# What an exchange with filters remembers from its request's head on.
@cython.final
cdef class Filtering:
    cdef CompiledFilters rule
    cdef CompiledFilters backend        # of the backend that was picked; None without
    cdef list copies                    # mirror Exchanges to which the body still goes; None without any
    cdef bint mirrored                  # the copies have been begun
    cdef int tries                      # that are left
    cdef int origin_len                 # bytes; 0: no origin that may read the answer
    cdef char origin[288]               # ORIGIN_ROOM

# filters, retry: of the snapshot, each may be None. backends by key; a mirror whose backend is not there is none.
# Raises ValueError for what cannot be carried out.
cdef CompiledFilters filters_new(object filters, object retry, dict backends)

# Whether an answer of this status is tried again.
cdef inline bint is_listed(CompiledFilters filters, int status) noexcept:
    return 400 <= status < 600 and (filters.codes[(status - 400) >> 6] >> ((status - 400) & 63)) & 1
