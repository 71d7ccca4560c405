# Which members of A2A's JSON are of interest, by the object that they are in.

cdef enum:
    MEMBER_UNSURE = -1

# The Slot that a key of n bytes stands for in a Place, SLOT_OTHER where it is of no interest there; MEMBER_UNSURE where
# it is no name as it is spelt, but member_like may know it.
cdef int member_of(int place, const char* key, size_t n) noexcept nogil
# The same to a reader that ignores case.
cdef int member_like(int place, const char* key, size_t n) noexcept nogil
