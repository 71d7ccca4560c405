# What Content-Length, Transfer-Encoding and Connection say.

from libc.stdint cimport int64_t, uint32_t

from agw._fastpath.message cimport Field

# Compares two names of n bytes without regard to case.
cdef bint same_name(const unsigned char* a, const unsigned char* b, Py_ssize_t n) noexcept nogil

# 0 and the length, or 400.
cdef int content_length(const Field* field, int64_t* length) noexcept nogil

# 0 for exactly "chunked", else 400 or 501.
cdef int transfer_encoding(const Field* field) noexcept nogil

# What the Connection fields of a message say. Zero it first.
cdef struct Options:
    int members         # in all of them
    bint close
    bint keep_alive
    bint upgrade

# Reads one Connection field and marks with FIELD_DROP the fields that it nominates. 0 or 400.
cdef int connection_options(const Field* field, Field* fields, int count, Options* options) noexcept nogil
