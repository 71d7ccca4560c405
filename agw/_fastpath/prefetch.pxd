# Memory that will be wanted soon. With thousands of routes or keys what belongs to one of them is in no cache of the
# processor, and each look at another line of it would wait for memory by itself.

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void* at) noexcept nogil
