"""The chunked transfer coding, decoded strictly and without copying (RFC 9112 7.1).

    SIZE --hex--> SIZE --";"--> EXTENSION --CR--> SIZE_LF --LF--> DATA ... DATA_CR -> DATA_LF -> SIZE
      \\--SP/HTAB--> SIZE_BWS --";"--^                      (size 0) --> TRAILER_START
    TRAILER_START --CR--> END_LF --LF--> end
         \\--token--> TRAILER_NAME --":"--> TRAILER_VALUE --CR--> TRAILER_LF --LF--> TRAILER_START

Extensions are checked, counted and dropped: what nobody forwards cannot be read two ways further on. Trailers are
checked, counted and handed out as they come (CHUNK_TRAILER), for whoever may forward them.
"""

from libc.string cimport memset

from agw._fastpath.fields cimport AGW_FIELD, AGW_HEX, AGW_TOKEN, agw_class

cdef enum State:
    SIZE = 0
    SIZE_BWS
    EXTENSION
    SIZE_LF
    DATA
    DATA_CR
    DATA_LF
    TRAILER_START
    TRAILER_NAME
    TRAILER_VALUE
    TRAILER_LF
    END_LF
    DONE

cdef enum:
    MAX_DIGITS = 16         # of a chunk size; with MAX_CHUNK no addition overflows
    MAX_LINE = 256          # bytes of one chunk line
    MAX_EXTENSIONS = 4096   # bytes in one message (CVE-2023-39326 and its like: overhead without bound)
    MAX_TRAILERS = 8192

cdef int64_t MAX_CHUNK = 0x7FFFFFFFFFFFFFFF


cdef int _size_byte(ChunkDecoder* d, unsigned char c) noexcept nogil:
    """One byte of a chunk line: size, then optional extensions."""
    d.line += 1
    if d.line > MAX_LINE:
        return CHUNK_ERROR
    if d.state == SIZE and agw_class[c] & AGW_HEX:
        if d.digits == MAX_DIGITS or d.left > MAX_CHUNK >> 4:
            return CHUNK_ERROR
        d.digits += 1
        d.left = d.left << 4 | (c - 48 if c <= 57 else (c | 0x20) - 87)
        return 0
    if d.digits == 0:
        return CHUNK_ERROR
    if c == b"\r" and d.state != SIZE_BWS:
        d.state = SIZE_LF
        return 0
    if d.state != EXTENSION:
        if c == b";":
            d.state = EXTENSION
        elif c == b" " or c == b"\t":
            d.state = SIZE_BWS
        else:
            return CHUNK_ERROR
    elif not agw_class[c] & AGW_FIELD:
        return CHUNK_ERROR
    d.extensions += 1
    return CHUNK_ERROR if d.extensions > MAX_EXTENSIONS else 0


cdef int _trailer_byte(ChunkDecoder* d, unsigned char c) noexcept nogil:
    """One byte of the trailer section: the grammar of field lines."""
    d.trailers += 1
    if d.trailers > MAX_TRAILERS:
        return CHUNK_TOO_LARGE
    if d.state == TRAILER_START:
        if c == b"\r":
            d.state = END_LF
        elif agw_class[c] & AGW_TOKEN:
            d.state = TRAILER_NAME
        else:
            return CHUNK_ERROR
    elif d.state == TRAILER_NAME:
        if c == b":":
            d.state = TRAILER_VALUE
        elif not agw_class[c] & AGW_TOKEN:
            return CHUNK_ERROR
    elif d.state == TRAILER_VALUE:
        if c == b"\r":
            d.state = TRAILER_LF
        elif not agw_class[c] & AGW_FIELD:
            return CHUNK_ERROR
    elif c != b"\n":
        return CHUNK_ERROR
    elif d.state == TRAILER_LF:
        d.state = TRAILER_START
    else:
        d.state = DONE
        return CHUNK_END
    return 0


cdef int _line_feed(ChunkDecoder* d, unsigned char c) noexcept nogil:
    """The CR and LF around chunk data: nothing else ends a line."""
    if d.state == DATA_CR:
        d.state = DATA_LF
        return 0 if c == b"\r" else CHUNK_ERROR
    if c != b"\n":
        return CHUNK_ERROR
    if d.state == SIZE_LF:
        d.state = DATA if d.left else TRAILER_START
        return 0
    d.state = SIZE
    d.digits = 0
    d.line = 0
    return 0


cdef int _trailers(
    ChunkDecoder* d, const unsigned char* data, Py_ssize_t at, Py_ssize_t size,
    Py_ssize_t* used, Py_ssize_t* start, Py_ssize_t* count,
) noexcept nogil:
    """The trailer section from data[at] on: its field lines as one span, then its end."""
    cdef Py_ssize_t i = at
    cdef int result = 0
    # The CR of the empty line belongs to no field: it ends the span, and is read in the next call.
    while i < size and not result and not (i > at and d.state == TRAILER_START and data[i] == b"\r"):
        result = _trailer_byte(d, data[i])
        i += 1
    used[0] = i
    if result or d.state == END_LF:
        return result
    start[0] = at
    count[0] = i - at
    return CHUNK_TRAILER


cdef int chunk_next(
    ChunkDecoder* decoder, const unsigned char* data, Py_ssize_t size,
    Py_ssize_t* used, Py_ssize_t* start, Py_ssize_t* count,
) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef int result
    while i < size:
        if decoder.state >= TRAILER_START:
            return _trailers(decoder, data, i, size, used, start, count)
        if decoder.state == DATA:
            start[0] = i
            count[0] = size - i if size - i < decoder.left else <Py_ssize_t> decoder.left
            decoder.left -= count[0]
            if decoder.left == 0:
                decoder.state = DATA_CR
            used[0] = i + count[0]
            return CHUNK_DATA
        if decoder.state <= EXTENSION:
            result = _size_byte(decoder, data[i])
        else:
            result = _line_feed(decoder, data[i])
        i += 1
        if result:
            used[0] = i
            return result
    used[0] = i
    return CHUNK_MORE


def decode_chunked(pieces, list trailers=None):
    """Feed the pieces one by one: (body, rest) when complete, None when not, a ChunkResult when refused. The spans of
    the trailer section are appended to `trailers`.

    For tests and fuzzing: the same function over Python bytes.
    """
    cdef ChunkDecoder decoder
    cdef Py_ssize_t used = 0, start = 0, count = 0, at
    cdef int result
    cdef const unsigned char* raw
    cdef bytes chunk
    memset(&decoder, 0, sizeof(decoder))
    body = []
    pieces = list(pieces)
    for index, piece in enumerate(pieces):
        chunk = piece
        raw = chunk
        at = 0
        while at < len(chunk):
            result = chunk_next(&decoder, raw + at, len(chunk) - at, &used, &start, &count)
            if result == CHUNK_DATA:
                body.append(chunk[at + start:at + start + count])
            elif result == CHUNK_TRAILER and trailers is not None:
                trailers.append(chunk[at + start:at + start + count])
            at += used
            if result == CHUNK_END:
                return b"".join(body), chunk[at:] + b"".join(pieces[index + 1:])
            if result >= CHUNK_ERROR:
                return result
    return None
