# Heads and chunk lines of HTTP/1.1, written from their parsed form: received head bytes are never forwarded.

from libc.stdint cimport int64_t

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.message cimport Field, RequestHead, ResponseHead

cdef int write_request_head(Buffer* out, const RequestHead* head) except -1

# framing: FRAMING_NONE writes neither Content-Length nor Transfer-Encoding unless length is not negative (an answer
# to HEAD, or a 304, may tell the length of the body that it does not have).
cdef int write_response_head(
    Buffer* out, const ResponseHead* head, int framing, int64_t length, bint close, bint keep_alive_1_0
) except -1

# The last chunk and the trailers behind it; fields with FIELD_DROP are left out.
cdef int write_trailers(Buffer* out, const Field* fields, int count) except -1

# "{size in hex}CRLF" of a chunk; gives the number of bytes written into text, which has room for 20.
cdef int chunk_line(char* text, Py_ssize_t size) noexcept nogil
