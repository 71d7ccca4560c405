"""Filters and retries of a rule in the form that an exchange runs.

Rules: what cannot be carried out raises ValueError, and its rule answers 500 (a backend's: its share), since a gateway
that left out a filter would let pass what somebody meant to change. A mirror without a backend is left out: whether
there is one is nothing that a client should notice.

Must not: know of exchanges: `filtering` carries out what is compiled here.
"""

cimport cython
from libc.stdlib cimport calloc, free

from agw._fastpath.cors cimport cors_new
from agw._fastpath.edits cimport edits_new, path_change
from agw._fastpath.redirect cimport redirect_new

from agw._fastpath.fields import parsed_authority


@cython.final
cdef class CompiledFilters:
    """Filters and a Retry of the snapshot."""

    def __dealloc__(self):
        free(self.mirrors)


@cython.final
cdef class Filtering:
    """What an exchange with filters remembers."""


cdef int _add_mirrors(CompiledFilters made, mirrors, dict backends) except -1:
    cdef MirrorRef* ref
    made.mirrors = <MirrorRef*> calloc(<size_t> len(mirrors) + 1, sizeof(MirrorRef))
    if made.mirrors == NULL:
        raise MemoryError
    for mirror in mirrors:
        backend = backends.get(mirror.backend)
        if backend is None or mirror.numerator <= 0:
            continue
        made._backends.append(backend)
        ref = &made.mirrors[made.n_mirrors]
        ref.backend = <void*> backend
        ref.denominator = max(1, mirror.denominator)
        ref.numerator = mirror.numerator
        made.n_mirrors += 1
    return 0


cdef int _add_rewrite(CompiledFilters made, rewrite) except -1:
    made.hostname = rewrite.hostname.encode()
    if made.hostname and parsed_authority(made.hostname) is None:
        raise ValueError(f"{rewrite.hostname!r} is no host")
    return path_change(rewrite.path, &made.path, made._bytes)


cdef int _add_retry(CompiledFilters made, retry) except -1:
    cdef int status
    made.tries = max(0, min(retry.attempts, 1000))
    made.backoff_ms = max(0, retry.backoff_ms)
    for status in retry.codes:
        if 400 <= status < 600:
            made.codes[(status - 400) >> 6] |= (<uint64_t> 1) << ((status - 400) & 63)
    return 0


cdef CompiledFilters filters_new(object filters, object retry, dict backends):
    cdef CompiledFilters made = CompiledFilters.__new__(CompiledFilters)
    made.entry = filters
    made.hostname = b""
    made._bytes = []
    made._backends = []
    if filters is not None:
        made.request = edits_new(filters.request_headers)
        made.response = edits_new(filters.response_headers)
        if filters.redirect is not None:
            made.redirect = redirect_new(filters.redirect)
        if filters.rewrite is not None:
            _add_rewrite(made, filters.rewrite)
        _add_mirrors(made, filters.mirrors, backends)
        if filters.cors is not None:
            made.cors = cors_new(filters.cors)
    if retry is not None:
        _add_retry(made, retry)
    return made
