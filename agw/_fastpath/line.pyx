"""Lines: first come, first served, each step of constant cost.

The links lie in who stands there, so that joining and leaving allocate nothing. Who serves a line, and who is served,
are other modules' business.
"""


cdef class Waiter(Timed):
    cdef int turn(self, object endpoint) except -1:
        """It has left the line: there is room at this endpoint, or (None) nothing to wait for any more."""
        raise NotImplementedError
