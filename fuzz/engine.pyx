"""libFuzzer, driven from Python: the one call that it has."""

from libc.stdint cimport uint8_t
from libc.stdio cimport fprintf, stderr
from libc.stdlib cimport abort, calloc

ctypedef int (*Target)(const uint8_t* data, size_t size) noexcept

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    extern int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *, size_t));
    """
    int LLVMFuzzerRunDriver(int* argc, char*** argv, Target target)

cdef object _called = None      # the Python callable of a harness that is one
cdef list _arguments = []       # owns what argv points to


cdef int _call(const uint8_t* data, size_t size) noexcept:
    try:
        _called((<const char*> data)[:size])
    except BaseException:
        import traceback
        traceback.print_exc()
        fprintf(stderr, "\nthe harness raised\n")
        abort()
    return 0


def fuzz(target, arguments):
    """Run libFuzzer until it ends the process. target: an address from targets(), or a callable that takes bytes."""
    global _called
    cdef int argc = len(arguments)
    cdef char** argv = <char**> calloc(argc + 1, sizeof(char*))
    cdef Py_ssize_t at
    cdef size_t address
    if argv == NULL:
        raise MemoryError
    for at, argument in enumerate(arguments):
        _arguments.append(argument.encode())
        argv[at] = _arguments[at]
    if callable(target):
        _called = target
        LLVMFuzzerRunDriver(&argc, &argv, _call)
    else:
        address = target
        LLVMFuzzerRunDriver(&argc, &argv, <Target> <void*> address)
