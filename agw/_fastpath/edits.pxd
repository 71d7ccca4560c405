# Edits of heads: fields that are set, added and taken away, and a path that comes in place of another.

cimport cython
from libc.stdint cimport uint32_t

from agw._fastpath.message cimport Field

cdef enum:
    MAX_ADDED = 64          # fields that one edit may add
    MAX_PATH = 4096         # bytes of a path that comes in place of another


# Immutable. The fields borrow their texts from _bytes.
@cython.final
cdef class HeaderEdits:
    cdef Field* named       # n_named names, all fields of which go; owned
    cdef Field* added       # n_added fields that come, ready to be copied; owned
    cdef int n_named
    cdef int n_added        # at most MAX_ADDED
    cdef list _bytes


# What becomes of a path. Texts are borrowed from whoever compiled it.
cdef struct PathChange:
    const unsigned char* value      # a valid path; beside a prefix without a slash at its end, so maybe empty
    const unsigned char* prefix     # without a slash at its end; NULL: the whole path is replaced
    uint32_t value_len              # bytes, at most MAX_PATH
    uint32_t prefix_len
    bint present                    # False: the path stays

# None where there is nothing to do; raises ValueError for a name or a value that no head can carry. Edits of what
# framing and the connection own are left out, whatever is asked.
cdef HeaderEdits edits_new(object edit)

# Marks what goes with FIELD_DROP and puts what comes behind the last field: the array has room for MAX_ADDED more.
cdef void edit_fields(HeaderEdits edits, Field* fields, int* count) noexcept

# Fills change from a PathEdit of the snapshot, None for none; keeps its texts in owner. Raises ValueError for what is
# too long.
cdef int path_change(object edit, PathChange* change, list owner) except -1

# Writes the changed path and gives its length. into: room for n + MAX_PATH bytes.
cdef uint32_t change_path(
    const PathChange* change, const unsigned char* path, uint32_t n, unsigned char* into,
) noexcept
