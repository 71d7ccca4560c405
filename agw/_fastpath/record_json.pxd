# A request record as a line of JSON.

from agw._fastpath.record cimport Record

cdef enum:
    JSON_ROOM = 6144            # bytes that the longest line can have: every byte of every text escaped

# Writes the line, newline included, into JSON_ROOM bytes; gives its length. One thread at a time.
cdef Py_ssize_t record_json(const Record* record, char* into) noexcept nogil
