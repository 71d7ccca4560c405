# W3C Trace Context: which traceparent and tracestate may be passed on.

from agw._fastpath.message cimport Field

cdef enum:
    TRACE_ID_AT = 3         # in a valid traceparent
    TRACE_ID_SIZE = 32      # bytes, lower-case hexadecimal

# Whether a traceparent is one of version 00, byte for byte.
cdef bint valid_traceparent(const unsigned char* value, Py_ssize_t n) noexcept nogil

# Whether all tracestate fields of a head together are a list of at most 32 members with distinct keys.
cdef bint valid_tracestate(const Field* fields, int count) noexcept nogil
