# SHA-256 (FIPS 180-4) of bytes in memory, without a Python object.

# out: 32 bytes, owned by the caller. data may be NULL only where n is 0; n is not negative.
cdef void sha256(const unsigned char* data, Py_ssize_t n, unsigned char* out) noexcept nogil
