# Cross-origin requests: which origins may read answers, and what browsers are told.

cimport cython
from libc.stdint cimport uint32_t

from agw._fastpath.message cimport Field

cdef enum:
    ORIGIN_ROOM = 288       # bytes of an origin: scheme, a host of 253, port
    CORS_FIELDS = 7         # fields that are added at most

# One of the origins that are allowed. Texts are borrowed from whoever holds the struct.
cdef struct AllowedOrigin:
    const unsigned char* start      # all of it, or what is before the "*"
    const unsigned char* end        # what is behind the "*"; NULL without one
    int start_len
    int end_len


# Immutable. Lists are joined; empty where nothing is to be said.
@cython.final
cdef class CompiledCors:
    cdef bint any_origin
    cdef bint any_method
    cdef bint any_header
    cdef bint credentials
    cdef int n_origins
    cdef AllowedOrigin* origins     # n_origins of them; owned
    cdef bytes methods
    cdef bytes headers
    cdef bytes expose
    cdef bytes max_age
    cdef list _bytes

# Raises ValueError for what no head can carry.
cdef CompiledCors cors_new(object cors)

# The one field of this (lower-case) name; NULL where there is none, or more than one.
cdef const Field* lone_field(const Field* fields, int count, const char* name, int name_len) noexcept

# Whether a request is a preflight (Fetch 3.2.2), but for its method: it says what it is to come for.
cdef bint is_preflight(const Field* fields, int count) noexcept

# The origin where answers may be read from it; copied to `into`, ORIGIN_ROOM bytes. Gives its length, 0 where not.
cdef int allowed_origin(CompiledCors cors, const Field* fields, int count, char* into) noexcept

# Puts into an answer what browsers go by, in place of what the agent has said of it. Texts are borrowed until the head
# is sent; the array has room for CORS_FIELDS more.
cdef void allow(CompiledCors cors, Field* fields, int* count, const char* origin, int origin_len) noexcept

# The same for the answer to a preflight. method, headers: what it asks for; borrowed, NULL where it does not.
cdef void allow_preflight(
    CompiledCors cors, Field* fields, int* count, const char* origin, int origin_len, const Field* method,
    const Field* headers,
) noexcept
