"""Harnesses of what stands below and before heads: the chunked coding, paths with authorities, the PROXY header.

chunked: any split gives the same body, end and result as one read; a body that we code ourselves decodes to itself.
proxy: a header is one from its last byte on, and is what a slow reading of its fixed places says.
path: normalising again changes nothing, and a slow twin on segments agrees; the host for matching is its own host.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memcmp, memcpy, memset

from agw._fastpath.fields cimport AGW_TARGET, agw_class, normalise_path, parse_authority
from agw._fastpath.http1_body cimport (
    CHUNK_DATA, CHUNK_END, CHUNK_ERROR, CHUNK_MORE, CHUNK_TOO_LARGE, CHUNK_TRAILER, ChunkDecoder, chunk_next,
)
from agw._fastpath.http1_trailers cimport parse_trailers
from agw._fastpath.http1_write cimport chunk_line
from agw._fastpath.message cimport Field
from agw._fastpath.proxy_protocol cimport PROXY_DONE, PROXY_ERROR, PROXY_MORE, ProxyHeader, parse_proxy_header
from fuzz.feed cimport Cuts, cuts_of, digest, ensure, next_cut, poison, unpoison

cdef enum:
    ROOM = 65536
    REDZONE = 256           # bytes behind what may be written, where AddressSanitizer sees it

# What decoding one input gave.
cdef struct Decoded:
    unsigned char* body
    unsigned char* trailers
    Py_ssize_t size         # of body
    Py_ssize_t trailers_size
    Py_ssize_t used
    int result              # CHUNK_MORE, or what ended it

cdef Decoded whole, pieces
cdef unsigned char* coded = <unsigned char*> malloc(2 * ROOM)
cdef unsigned char* scratch = <unsigned char*> malloc(ROOM)
cdef unsigned char* second = <unsigned char*> malloc(ROOM)
whole.body = <unsigned char*> malloc(ROOM)
pieces.body = <unsigned char*> malloc(ROOM)
whole.trailers = <unsigned char*> malloc(ROOM)
pieces.trailers = <unsigned char*> malloc(ROOM)


cdef void _decode(Decoded* out, const uint8_t* data, Py_ssize_t size, Cuts cuts) noexcept nogil:
    cdef ChunkDecoder decoder
    cdef Py_ssize_t at = 0, end = 0, used = 0, start = 0, count = 0
    memset(&decoder, 0, sizeof(decoder))
    out.size = out.trailers_size = 0
    out.result = CHUNK_MORE
    poison(data, size)
    while out.result <= CHUNK_DATA and at < size:
        if at == end:
            end = next_cut(&cuts, at, size)
            unpoison(data + at, end - at)
        out.result = chunk_next(&decoder, data + at, end - at, &used, &start, &count)
        ensure(0 < used <= end - at, "some of the bytes are used, and no more than there are")
        if out.result == CHUNK_DATA:
            ensure(start >= 0 and 0 < count and start + count <= used, "a span of data lies in what was used")
            memcpy(out.body + out.size, data + at + start, count)
            out.size += count
        elif out.result == CHUNK_TRAILER:
            ensure(start >= 0 and 0 < count and start + count <= used, "a span of trailers lies in what was used")
            memcpy(out.trailers + out.trailers_size, data + at + start, count)
            out.trailers_size += count
        elif out.result == CHUNK_MORE:
            ensure(used == end - at, "more is asked for only when all is used")
        at += used
    if out.result == CHUNK_DATA or out.result == CHUNK_TRAILER:
        out.result = CHUNK_MORE
    out.used = at
    unpoison(data, size)


cdef Py_ssize_t _encode(const uint8_t* data, Py_ssize_t size, Cuts cuts) noexcept nogil:
    """The body as chunks of changing sizes, into `coded`."""
    cdef Py_ssize_t at = 0, end, w = 0
    while at < size:
        end = next_cut(&cuts, at, size)
        w += chunk_line(<char*> coded + w, end - at)
        memcpy(coded + w, data + at, end - at)
        w += end - at
        memcpy(coded + w, b"\r\n", 2)
        w += 2
        at = end
    memcpy(coded + w, b"0\r\n\r\n", 5)
    return w + 5


cdef void _check_trailers(const Decoded* out) noexcept nogil:
    """What the decoder hands out as a trailer section is one, and all of it."""
    cdef Field fields[64]
    cdef const unsigned char* end = out.trailers + out.trailers_size
    cdef int count = 0, i
    cdef int result = parse_trailers(out.trailers, out.trailers_size, fields, 64, &count)
    ensure(result == 0 or result == 431, "the trailer section is well-formed")
    ensure(0 <= count <= 64, "as many trailers as there is room for")
    for i in range(count if result == 0 else 0):
        ensure(out.trailers <= fields[i].name and fields[i].name + fields[i].name_len < end, "names lie in it")
        ensure(out.trailers <= fields[i].value and fields[i].value + fields[i].value_len < end, "values lie in it")


cdef int chunked_target(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t seed = digest(data, size)
    cdef Cuts at_once
    cdef Py_ssize_t n
    if size > 8192:
        return 0
    memset(&at_once, 0, sizeof(at_once))
    _decode(&whole, data, size, at_once)
    _decode(&pieces, data, size, cuts_of(seed))
    ensure(whole.result == pieces.result, "one result, however a body is cut")
    ensure(whole.used == pieces.used, "one end, however a body is cut")
    ensure(whole.size == pieces.size, "one size, however a body is cut")
    ensure(memcmp(whole.body, pieces.body, whole.size) == 0, "one body, however it is cut")
    ensure(whole.result in (CHUNK_MORE, CHUNK_END, CHUNK_ERROR, CHUNK_TOO_LARGE), "a result that is one")
    if whole.result == CHUNK_END:
        ensure(memcmp(data + whole.used - 2, b"\r\n", 2) == 0, "a body ends with CRLF")
        ensure(whole.trailers_size == pieces.trailers_size, "as many trailers, however a body is cut")
        ensure(memcmp(whole.trailers, pieces.trailers, whole.trailers_size) == 0, "the same trailers, however cut")
        _check_trailers(&whole)
    if seed >> 5 & 3 == 0:
        n = _encode(data, size, cuts_of(seed))
        _decode(&whole, coded, n, at_once)
        ensure(whole.result == CHUNK_END and whole.used == n, "what we code ends where we end it")
        ensure(whole.size == <Py_ssize_t> size and memcmp(whole.body, data, size) == 0, "and is the body")
    return 0


# --- paths and authorities ------------------------------------------------------------------------------------------


cdef int _nibble(uint8_t c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    if 65 <= c <= 70:
        return c - 55
    return c - 87 if 97 <= c <= 102 else -1


cdef bint _unreserved(int c) noexcept nogil:
    return (
        48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122
        or c == b"-" or c == b"." or c == b"_" or c == b"~"
    )


cdef Py_ssize_t _decoded_slowly(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Into `coded`, with escapes of unreserved bytes taken away; -1 where an escape is refused."""
    cdef Py_ssize_t i = 0, w = 0
    cdef int byte
    while i < size:
        coded[w] = data[i]
        if data[i] == b"%":
            if i + 2 >= size or _nibble(data[i + 1]) < 0 or _nibble(data[i + 2]) < 0:
                return -1
            byte = _nibble(data[i + 1]) * 16 + _nibble(data[i + 2])
            if byte == 0 or byte == b"/" or byte == b"\\":
                return -1
            if _unreserved(byte):
                coded[w] = <uint8_t> byte
                i += 2
        w += 1
        i += 1
    return w


cdef Py_ssize_t _normalised_slowly(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Into `second`, by a stack of segments (RFC 3986 5.2.4), or -1: the twin of fields.normalise_path."""
    cdef Py_ssize_t starts[1024]
    cdef Py_ssize_t n = _decoded_slowly(data, size), i = 1, j, w = 1
    cdef int depth = 0
    cdef bint open_end = True
    second[0] = b"/"
    if n < 0:
        return -1
    while i <= n:
        j = i
        while j < n and coded[j] != b"/":
            j += 1
        open_end = False
        if j == i or (j == i + 1 and coded[i] == b"."):
            open_end = j == n
        elif j == i + 2 and coded[i] == b"." and coded[i + 1] == b".":
            if depth == 0:
                return -1
            depth -= 1
            w = starts[depth]
            open_end = j == n
        else:
            starts[depth] = w
            depth += 1
            memcpy(second + w, coded + i, j - i)
            w += j - i
            second[w] = b"/"
            w += 1
        i = j + 1
    # Each segment was written with a slash behind it; the last keeps it only where the path was open there.
    return w if open_end or w == 1 else w - 1


cdef void _path(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    cdef const unsigned char* path = NULL
    cdef const unsigned char* same = NULL
    cdef uint32_t n = 0, m = 0
    cdef Py_ssize_t expected, i
    for i in range(size):
        if not agw_class[data[i]] & AGW_TARGET or data[i] == b"?":
            return
    expected = _normalised_slowly(data, size)
    poison(scratch + size, REDZONE)
    if normalise_path(data, size, scratch, &path, &n) < 0:
        unpoison(scratch + size, REDZONE)
        ensure(expected < 0, "a path is refused where the twin refuses it")
        return
    ensure(expected == <Py_ssize_t> n and memcmp(path, second, n) == 0, "a path is what the twin makes of it")
    ensure(path == data or path == scratch, "a path lies in the text or in scratch")
    ensure(path != data or n == <uint32_t> size, "a path that is left alone is left whole")
    ensure(normalise_path(path, n, second, &same, &m) == 0, "a normal path is accepted")
    ensure(m == n and memcmp(same, path, n) == 0, "normalising again changes nothing")
    unpoison(scratch + size, REDZONE)


cdef void _authority(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    cdef const unsigned char* host = NULL
    cdef const unsigned char* same = NULL
    cdef uint32_t n = 0, m = 0
    cdef int port = 0, none = 0
    cdef uint32_t i
    poison(scratch + size, REDZONE)
    if parse_authority(data, size, scratch, &host, &n, &port) == 0:
        ensure(host == data or host == scratch, "a host lies in the text or in scratch")
        ensure(0 < n <= <uint32_t> size, "a host of some length")
        ensure(0 <= port <= 65535, "a port that is one")
        for i in range(n):
            ensure(host[i] > 32 and host[i] < 127 and not 65 <= host[i] <= 90, "a host in lower case")
        ensure(parse_authority(host, n, second, &same, &m, &none) == 0, "a host is an authority")
        ensure(none == 0 and m == n and same == host, "the host of a host is itself")
    unpoison(scratch + size, REDZONE)


cdef int path_target(const uint8_t* data, size_t size) noexcept nogil:
    if 0 < size <= 1000 and data[0] == b"/":
        _path(data, size)
    elif size <= 1000:
        _authority(data, size)
    return 0


# --- the PROXY header -----------------------------------------------------------------------------------------------


cdef bint _values_fill(const uint8_t* at, Py_ssize_t size) noexcept nogil:
    """Whether type-length-values fill the rest: the slow twin, from the end of one to the next."""
    cdef Py_ssize_t i = 0
    while i + 3 <= size:
        i += 3 + 256 * at[i + 1] + at[i + 2]
    return i == size


cdef bint _proxy_slowly(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    """Whether a whole header of this size may be accepted."""
    cdef Py_ssize_t addresses = 0
    if data[12] == 0x20 or data[13] == 0:
        return True
    if data[13] == 0x11:
        addresses = 12
    elif data[13] == 0x21:
        addresses = 36
    elif data[13] == 0x31:
        addresses = 216
    return addresses > 0 and size >= 16 + addresses and _values_fill(data + 16 + addresses, size - 16 - addresses)


cdef int proxy_target(const uint8_t* data, size_t size) noexcept nogil:
    cdef ProxyHeader header
    cdef Cuts cuts = cuts_of(digest(data, size))
    cdef Py_ssize_t at = 0, used = 0
    cdef int result = PROXY_MORE
    poison(data, size)
    while result == PROXY_MORE and at < <Py_ssize_t> size:
        at = next_cut(&cuts, at, size)
        unpoison(data, at)
        result = parse_proxy_header(data, at, &header, &used)
    unpoison(data, size)
    if result == PROXY_MORE:
        return 0
    ensure(parse_proxy_header(data, size, &header, &used) == result, "one result, however a header is cut")
    if result == PROXY_ERROR:
        return 0
    ensure(result == PROXY_DONE and 16 <= used <= at, "an end inside of the input")
    ensure(memcmp(data, b"\r\n\r\n\0\r\nQUIT\n", 12) == 0, "the signature")
    ensure(used == 16 + 256 * data[14] + data[15], "the length that it says")
    ensure(_proxy_slowly(data, used), "a header that the twin accepts too")
    ensure(header.known == (data[12] == 0x21 and data[13] in (0x11, 0x21)), "an address where one is told")
    ensure(parse_proxy_header(data, used - 1, &header, &used) == PROXY_MORE, "no header before its last byte")
    return 0


def targets():
    """Addresses of the harnesses, by name."""
    return {
        "chunked": <size_t> <void*> chunked_target,
        "path": <size_t> <void*> path_target,
        "proxy": <size_t> <void*> proxy_target,
    }
