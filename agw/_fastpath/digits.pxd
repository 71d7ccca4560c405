# Numbers as text, without a printf: it costs more than all the rest of a head.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MAX_DECIMAL = 20        # bytes of the largest


cdef inline char* write_decimal(char* at, uint64_t value) noexcept nogil:
    """Writes at most MAX_DECIMAL bytes; gives the place behind them."""
    cdef char digits[20]
    cdef int n = MAX_DECIMAL
    while True:
        n -= 1
        digits[n] = <char> (48 + value % 10)
        value //= 10
        if value == 0:
            break
    memcpy(at, digits + n, MAX_DECIMAL - n)
    return at + MAX_DECIMAL - n


cdef inline uint64_t hex_digits(uint64_t four) noexcept nogil:
    """The eight digits of four bytes, in the order of memory: the first byte's upper half first.

    All eight at a time: each half byte gets a byte of its own, 0 to 9 become "0" to "9", and what is above 9, which
    adding 6 shows in bit 4, is moved on to "a" to "f".
    """
    cdef uint64_t halves = four & 0xFFFFFFFFULL
    halves = (halves | halves << 16) & 0x0000FFFF0000FFFFULL
    halves = (halves | halves << 8) & 0x00FF00FF00FF00FFULL
    halves = (halves >> 4 | halves << 8) & 0x0F0F0F0F0F0F0F0FULL
    return halves + 0x3030303030303030ULL + ((halves + 0x0606060606060606ULL) >> 4 & 0x0101010101010101ULL) * 39
