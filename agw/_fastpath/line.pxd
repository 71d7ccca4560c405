# Lines: who came first is first. Exchanges that wait for a slot stand in one, and connections that rest in another.

from agw._fastpath.poller cimport Timed


# A place in a line, embedded in who stands there, who leaves before it goes: lines only borrow.
cdef struct Place:
    Place* ahead                # NULL for the first and outside of a line
    Place* behind               # the same, for the last
    void* owner                 # borrowed; set while standing
    bint standing


cdef struct Line:
    Place* first                # NULL where nobody stands
    Place* last
    long length


# Something that waits in a line for its turn.
cdef class Waiter(Timed):
    cdef Place place

    cdef int turn(self, object endpoint) except -1


cdef inline void line_join(Line* line, Place* place, void* owner) noexcept:
    """Stand behind all others; who stands already stays where it is."""
    if place.standing:
        return
    place.standing = True
    place.owner = owner
    place.behind = NULL
    place.ahead = line.last
    if line.last != NULL:
        line.last.behind = place
    else:
        line.first = place
    line.last = place
    line.length += 1


cdef inline void line_leave(Line* line, Place* place) noexcept:
    """Leave from anywhere in it; who does not stand may leave as well."""
    if not place.standing:
        return
    if place.ahead != NULL:
        place.ahead.behind = place.behind
    else:
        line.first = place.behind
    if place.behind != NULL:
        place.behind.ahead = place.ahead
    else:
        line.last = place.ahead
    place.ahead = place.behind = NULL
    place.standing = False
    line.length -= 1
