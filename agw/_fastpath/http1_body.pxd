# The chunked transfer coding (RFC 9112 7.1), decoded in place.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

# In order: what is not the end yet, the end, what is refused.
cdef enum ChunkResult:
    CHUNK_MORE = 0          # all bytes used
    CHUNK_TRAILER = 1       # a span of the trailer section: checked bytes of field lines with their CRLFs
    CHUNK_DATA = 2          # a span of body bytes
    CHUNK_END = 3           # the last chunk and the trailer section are behind us
    CHUNK_ERROR = 4         # malformed: 400 (502 from an upstream)
    CHUNK_TOO_LARGE = 5     # trailers over their limit: 431

# Zero it before each body.
cdef struct ChunkDecoder:
    int64_t left            # bytes of the present chunk's data that are still to come
    uint32_t extensions     # bytes of chunk extensions in this message
    uint32_t trailers       # bytes of the trailer section
    uint16_t line           # bytes of the present chunk line
    uint8_t state
    uint8_t digits          # of the present chunk size

# Decodes the next stretch of data. `used`: bytes consumed; with CHUNK_DATA and CHUNK_TRAILER, a span is at
# data[*start:*start+*count]. The spans of the trailer section, put together, are what parse_trailers() reads: all its
# field lines, without the empty line that ends it. Who does not want trailers ignores them.
cdef int chunk_next(
    ChunkDecoder* decoder, const unsigned char* data, Py_ssize_t size,
    Py_ssize_t* used, Py_ssize_t* start, Py_ssize_t* count,
) noexcept nogil
