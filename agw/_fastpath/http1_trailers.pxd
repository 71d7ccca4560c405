# The trailer section of a chunked body (RFC 9112 7.1.2): bytes to fields, as spans into those bytes.

from agw._fastpath.message cimport Field

# Parses a whole trailer section, as http1_body hands it out: field lines, without the empty line after them. Fields
# that must not come as trailers have FIELD_DROP (RFC 9110 6.5.1). 0, 400, or 431 for more than `room` fields.
cdef int parse_trailers(
    const unsigned char* data, Py_ssize_t size, Field* fields, int room, int* count,
) noexcept nogil
