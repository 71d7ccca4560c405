# The compiled forms of the snapshot's nouns: policy, target, backend and rule. All immutable, but for
# CompiledBackend.bound, which belongs to the pool.

cimport cython
from libc.stdint cimport int64_t, uint16_t, uint64_t

from agw._fastpath.filters cimport CompiledFilters
from agw._fastpath.grants cimport Grants
from agw._fastpath.keys cimport KeySet
from agw._fastpath.limits cimport Limits

cdef enum:
    MAX_KEY_SOURCES = 8

# What people call a thing, as records have it: a stretch of its key, UTF-8, borrowed from whatever has that key.
cdef struct Name:
    const char* text               # kind/namespace/name
    Py_ssize_t size                # bytes

cdef enum KeyPlace:
    IN_HEADER = 0
    IN_QUERY = 1
    IN_COOKIE = 2

# A place where a key may be. Bytes are borrowed from the policy that holds the struct.
cdef struct KeySourceSpec:
    const unsigned char* name      # of the header (lower-case), the parameter or the cookie
    const unsigned char* scheme    # as configured, compared folded; empty: the whole value is the key
    int place                      # KeyPlace
    int name_len                   # bytes, at least 1
    int scheme_len                 # bytes, 0 without a scheme
    int field_id                   # FieldId of the header where it has one of its own, else 0: compare the name


@cython.final
cdef class CompiledPolicy:
    cdef readonly object entry     # snapshot Policy; None where a rule names a policy that is missing (then deny)
    cdef readonly KeySet keys      # None without API key authentication
    cdef readonly bint has_auth    # API keys are asked for
    cdef readonly bint optional    # no key at all is let through; a wrong one is not
    cdef readonly bint forward_credential
    cdef readonly bint public_card  # the agent card needs no key
    cdef readonly Grants grants     # None where anybody who is let in may do anything
    cdef readonly Limits limits     # None without rate limits
    cdef readonly Limits guesses    # one: of wrong keys from an address; None without
    cdef readonly int max_streams   # event streams open at once, of each route; 0: any number
    cdef uint64_t streams_identity  # of whose limit that is: the same after a reload
    cdef readonly bint deny         # the policy is unusable: 500 for all
    cdef int64_t head_timeout_ms   # from the request's head to the answer's; 0 without
    cdef int64_t stream_idle_ms    # of an agent on an event stream; 0 without
    cdef bint own_patience         # it says how long an answer may take: Context.response_header_timeout_ms does not
    cdef int n_sources             # of sources, at most MAX_KEY_SOURCES
    cdef KeySourceSpec sources[8]
    cdef list _bytes               # owns what sources point to


@cython.final
cdef class CompiledTarget:
    cdef readonly str name
    cdef readonly str host         # as the user wrote it
    cdef readonly int port
    cdef readonly int weight
    cdef readonly bint dns         # endpoints come from resolving host at run time
    cdef readonly tuple endpoints  # of (address, port)


@cython.final
cdef class CompiledBackend:
    cdef readonly str key
    cdef Name name
    cdef readonly object entry     # snapshot Backend
    cdef readonly bint a2a
    cdef int agent                 # row of agents.pxd, of no meaning where it is no agent; the reactor's to change
    cdef readonly bint affinity    # tasks and contexts stay with the endpoint that has them
    cdef readonly int64_t keep_alive_ms  # silence of an event stream after which a comment is sent; 0: none is
    cdef readonly tuple targets    # of CompiledTarget
    cdef readonly int total_weight  # of all targets
    cdef public object bound       # owned by the pool: None until the reactor binds endpoints


# A weighted backend of a rule.
cdef struct WeightedRef:
    void* backend                  # borrowed CompiledBackend, kept alive by rule.backend_refs; NULL where error
    void* filters                  # borrowed CompiledFilters, kept alive alike; NULL without any
    int weight                     # 0 gets nothing
    bint error                     # its share answers 500


@cython.final
cdef class CompiledRule:
    cdef readonly str key
    cdef Name route                        # that it is of
    cdef uint16_t number                   # of the rule in its route, from 0
    cdef readonly object entry             # snapshot Rule
    cdef readonly CompiledPolicy policy    # None without a policy
    cdef bint has_filters                  # filters is not None, for who only wants to know that
    cdef readonly CompiledFilters filters  # None where neither it nor a backend of it has filters, nor it a retry
    cdef readonly tuple backend_refs       # the CompiledBackends that backends borrow
    cdef list _backend_filters             # the CompiledFilters that they do; None where no backend has any
    cdef bint a2a                          # a backend of it speaks A2A
    cdef bint affinity                     # and one has affinity
    cdef readonly bint error               # the whole rule answers 500
    cdef int n_backends                    # of backends
    cdef int total_weight                  # of all backends, those in error included
    cdef WeightedRef* backends             # n_backends of them; owned; NULL where n_backends is 0
    cdef int64_t request_timeout_ms        # of the whole exchange; 0 without
    cdef int64_t head_timeout_ms           # until the answer's head: the shorter of that and the policy's; 0 without
    cdef int64_t backend_timeout_ms        # 0 without
    cdef int64_t stream_idle_ms            # the policy's
    cdef bint own_patience                 # the policy's
    cdef dict patterns                     # expression -> compiled, None where it does not compile; None without any
    cdef tuple needs                       # keys of the policies and backends that it was compiled from
    cdef readonly dict variants            # policy key -> CompiledRule, where an attachment has a policy of its own


cdef CompiledPolicy policy_new(object entry, dict key_sets)
cdef CompiledBackend backend_new(str key, object entry)
# policies and backends by key; what a key names and these lack answers with an error.
cdef CompiledRule rule_new(str key, object entry, dict policies, dict backends)
