# What is true of names, values, authorities and paths in every protocol version: the one place of these rules.
#
# All functions are pure, take spans and allocate nothing. "scratch" is memory of the caller's.

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "chars.h" nogil:
    const unsigned char agw_class[256]
    enum:
        AGW_TOKEN
        AGW_FIELD
        AGW_TARGET
        AGW_HEX
        AGW_HOST
        AGW_UNRESERVED
        AGW_DIGIT
        AGW_UPPER
    size_t agw_value_run(const unsigned char* data, size_t size)
    size_t agw_name_run(const unsigned char* data, size_t size)
    size_t agw_class_run(const unsigned char* data, size_t size, unsigned char kind)
    bint same_folded "agw_same_folded"(const unsigned char* text, const char* lower, Py_ssize_t n)


cdef inline bint is_word(const unsigned char* value, uint32_t size, const char* word, uint32_t n) noexcept nogil:
    """Whether a value is this word, which has no capitals, in any case. Values have no control characters."""
    return size == n and same_folded(value, word, n)


# FieldId of a name (a token of n bytes), F_OTHER where no rule knows it.
cdef int field_id(const unsigned char* name, Py_ssize_t n) noexcept nogil

# MethodId of a method; methods are case-sensitive (RFC 9110 9.1).
cdef int method_id(const unsigned char* method, Py_ssize_t n) noexcept nogil

# Checks "host [":" port]" (RFC 3986 3.2, no userinfo, host not empty). Gives the host for matching: lower-case,
# without port and without one trailing dot, in the text itself where that needs no change, else in scratch
# (room for n bytes). port: 0 where absent. 0 = fine, -1 = malformed.
cdef int parse_authority(
    const unsigned char* text, Py_ssize_t n, unsigned char* scratch,
    const unsigned char** host, uint32_t* host_len, int* port,
) noexcept nogil

# Normalises a path that begins with "/" and holds only AGW_TARGET bytes (RFC 3986 6.2.2): unreserved characters
# decoded, dot segments removed, empty segments merged; everything else byte for byte. In the text itself where
# nothing changes, else in scratch (room for n bytes). 0 = fine, -1 = malformed, above the root, or an encoded NUL,
# slash or backslash, which agents and matchers would read differently.
cdef int normalise_path(
    const unsigned char* text, Py_ssize_t n, unsigned char* scratch,
    const unsigned char** path, uint32_t* path_len,
) noexcept nogil
