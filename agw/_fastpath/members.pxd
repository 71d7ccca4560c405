# Which members of A2A's JSON are of interest, by the object that they are in.

from agw._fastpath.envelope cimport Text

# The Slot that a key stands for in a Place, SLOT_OTHER where it is of no interest there. exact: False where it is only
# so in another case; without meaning where nothing was found.
cdef int member_of(int place, const Text* key, bint* exact) noexcept nogil
