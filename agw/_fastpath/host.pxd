# The loop of the process that hosts us, as libuv lets an embedder see it.

cimport cython

ctypedef int (*asked_t)(const void* loop) noexcept nogil
ctypedef void (*told_t)(void* loop) noexcept nogil


@cython.final
cdef class Host:
    cdef object loop                # uvloop's; keeps what uv points to
    cdef int fd                     # libuv's epoll set, or -1: the loop is not libuv's, or does not let us see it
    cdef void* uv                   # uv_loop_t
    cdef asked_t timeout_of         # uv_backend_timeout
    cdef told_t tell_time           # uv_update_time

    # ms until it has something to do of itself; 0: now; -1: not before its descriptor is readable. Where fd is not -1.
    cdef int patience(self) noexcept nogil
    cdef int _look_into(self, bytes path, object capsule) except -1
