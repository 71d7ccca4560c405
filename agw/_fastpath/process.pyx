"""What the kernel is told of this process: prctl(2).

Here and not by ctypes, whose library would stay in each worker for two calls.
"""

import os

from libc.errno cimport errno

cdef extern from "<sys/prctl.h>" nogil:
    int c_prctl "prctl" (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)


def prctl(int option, unsigned long value):
    """Set an option of this process to a value."""
    if c_prctl(option, value, 0, 0, 0):
        raise OSError(errno, os.strerror(errno), f"prctl {option}")
