# SHA-256 (FIPS 180-4) of bytes in memory, without a Python object.

from libc.stdint cimport uint64_t

# out: 32 bytes, owned by the caller. data may be NULL only where n is 0; n is not negative.
cdef void sha256(const unsigned char* data, Py_ssize_t n, unsigned char* out) noexcept nogil

# The first 8 bytes of the hash as a number, least significant first: what pods that know nothing of each other call a
# thing by. The text is the whole name of it.
cdef uint64_t sha256_identity(bytes text) except? 0
