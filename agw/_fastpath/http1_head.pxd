# The HTTP/1 head parser (RFC 9112 3 to 5): bytes to RequestHead and ResponseHead, as spans into those bytes.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from agw._fastpath.message cimport Field, RequestHead, ResponseHead

cdef enum:
    HEAD_MORE = -1          # the head is not complete yet; any other result but 0 is the status to answer with
    MAX_FIELDS = 512        # room in a field array; the setting max_fields is at most this

# Where the parser is in a head that arrives in pieces. Zero it before each head.
cdef struct HeadState:
    uint32_t line_start     # offset of the first line that is not complete yet
    uint32_t scanned        # offset up to which that line has been read
    uint16_t lines          # complete lines before it, the start line included
    uint8_t blank           # empty lines skipped before the request line
    uint8_t within          # class of byte (chars.h) that it was in the middle of there; 0: read the line again

cdef struct HeadLimits:
    uint32_t head           # bytes
    uint32_t line           # bytes without CRLF
    int fields              # at most MAX_FIELDS

# Parses the head at the start of data. 0: complete, `used` bytes of it; HEAD_MORE: call again with the same bytes and
# more behind them, and the same state. A status: refuse it with that and close. `scratch` holds what had to be
# changed for matching (host in lower case, normalised path): at least limits.head bytes, as long-lived as head.
cdef int parse_request_head(
    const unsigned char* data, Py_ssize_t size, HeadState* state, const HeadLimits* limits,
    unsigned char* scratch, Field* fields, RequestHead* head, Py_ssize_t* used,
) noexcept nogil

# The same for a response; the answer to which method decides its framing (RFC 9112 6.3). Any fault is a 502.
cdef int parse_response_head(
    const unsigned char* data, Py_ssize_t size, HeadState* state, const HeadLimits* limits, bint to_head_request,
    Field* fields, ResponseHead* head, Py_ssize_t* used,
) noexcept nogil

# Parses one field line at the start of data: 0 and `used` bytes of it, its CRLF included; 400, or HEAD_MORE.
cdef int parse_field_line(
    const unsigned char* data, Py_ssize_t size, Field* field, Py_ssize_t* used,
) noexcept nogil
