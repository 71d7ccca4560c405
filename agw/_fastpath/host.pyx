"""The loop of the process that hosts us, as libuv lets an embedder see it.

libuv says to whoever puts its loop into another one which descriptor to watch, and for how long (uv_backend_fd and
uv_backend_timeout in its documentation; the second is 0 also where the descriptor does not tell all yet). uvloop hands
out the loop and exports these functions from its own library. One that does not, or a loop that is not uvloop's, is a
host that nothing is known of: `fd` is -1.
"""

import sys

cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer

cdef extern from "<dlfcn.h>" nogil:
    enum:
        RTLD_NOLOAD
        RTLD_NOW
    void* dlopen(const char* path, int flags)
    void* dlsym(void* library, const char* name)


@cython.final
cdef class Host:
    def __cinit__(self, loop):
        self.fd = -1
        self.loop = loop
        uvloop = sys.modules.get("uvloop.loop")
        if uvloop is None or not isinstance(loop, uvloop.Loop) or not hasattr(uvloop, "libuv_get_loop_t_ptr"):
            return
        self._look_into(uvloop.__file__.encode(), uvloop.libuv_get_loop_t_ptr(loop))

    cdef int _look_into(self, bytes path, object capsule) except -1:
        cdef void* library = dlopen(path, RTLD_NOW | RTLD_NOLOAD)    # mapped for good, like all that was imported
        cdef asked_t backend_fd
        if library == NULL:
            return 0
        backend_fd = <asked_t> dlsym(library, "uv_backend_fd")
        self.timeout_of = <asked_t> dlsym(library, "uv_backend_timeout")
        self.tell_time = <told_t> dlsym(library, "uv_update_time")
        if backend_fd == NULL or self.timeout_of == NULL or self.tell_time == NULL:
            return 0
        self.uv = PyCapsule_GetPointer(capsule, NULL)
        self.fd = backend_fd(self.uv)
        return 0

    cdef int patience(self) noexcept nogil:
        self.tell_time(self.uv)
        return self.timeout_of(self.uv)
