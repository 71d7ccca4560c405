# Copies of a few bytes without a call; of many, memcpy.

cdef extern from "copy.h" nogil:
    void copy_short "agw_copy_short"(void* into, const void* text, size_t size)
