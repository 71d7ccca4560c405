"""Edits of heads that a user has asked for: header fields, and paths.

Rules: what framing and the connection own is not the user's to edit, whatever a snapshot says: a filter that could set
Content-Length, Transfer-Encoding or Connection could make two messages of one (RFC 9112 6.1, 11.2), and one that could
set Host would go past the rules for authorities (`Rewrite.hostname` is for that). Nothing is added to a head that the
parser would not take: a name is a token, a value has no control characters (RFC 9110 5.1, 5.5), and a path is spelled
with what a URI may hold (RFC 3986 3.3), percent-encoded where a user has written it otherwise.
"""

cimport cython
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from agw._fastpath.fields cimport AGW_FIELD, AGW_HEX, AGW_TARGET, AGW_TOKEN, agw_class, field_id
from agw._fastpath.framing cimport same_name
from agw._fastpath.message cimport F_EXPECT, F_HOST, F_OTHER, F_PROXY, FIELD_DROP

cdef enum:
    MAX_NAME = 256          # bytes of a header's name, as in the Gateway API


@cython.final
cdef class HeaderEdits:
    def __dealloc__(self):
        free(self.named)
        free(self.added)


cdef bint _is_ours(bytes name) noexcept:
    """Whether a name belongs to framing, to the connection or to the authority."""
    cdef int found = field_id(name, len(name))
    return F_HOST <= found <= F_EXPECT or found == F_PROXY or name.lower().startswith(b"proxy-")


cdef bint _all_of(const unsigned char* text, Py_ssize_t n, int kind) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if not agw_class[text[i]] & kind:
            return False
    return True


cdef bytes _name(str text):
    cdef bytes name = text.encode()
    if not 0 < len(name) <= MAX_NAME or not _all_of(name, len(name), AGW_TOKEN):
        raise ValueError(f"{text!r} is no name of a header")
    return name


cdef bytes _value(str text):
    cdef bytes value = text.encode().strip(b" \t")
    if not _all_of(value, len(value), AGW_FIELD):
        raise ValueError("a value has control characters")
    return value


cdef void _put(Field* field, bytes name, bytes value) noexcept:
    field.name = name
    field.name_len = <unsigned short> len(name)
    field.value = value
    field.value_len = <uint32_t> len(value)
    field.id = F_OTHER
    field.flags = 0


cdef HeaderEdits edits_new(object edit):
    cdef HeaderEdits edits
    cdef bytes name, value
    if edit is None:
        return None
    replaced = [(_name(header.name), _value(header.value)) for header in edit.set]
    added = [(_name(header.name), _value(header.value)) for header in edit.add]
    named = [name for name, _ in replaced] + [_name(each) for each in edit.remove]
    named = [name for name in named if not _is_ours(name)]
    added = [pair for pair in replaced + added if not _is_ours(pair[0])]
    if len(added) > MAX_ADDED:
        raise ValueError(f"more than {MAX_ADDED} headers are added")
    if not named and not added:
        return None
    edits = HeaderEdits.__new__(HeaderEdits)
    edits._bytes = [named, added]
    edits.named = <Field*> calloc(<size_t> len(named) + 1, sizeof(Field))
    edits.added = <Field*> calloc(<size_t> len(added) + 1, sizeof(Field))
    if edits.named == NULL or edits.added == NULL:
        raise MemoryError
    for name in named:
        _put(&edits.named[edits.n_named], name, b"")
        edits.n_named += 1
    for name, value in added:
        _put(&edits.added[edits.n_added], name, value)
        edits.n_added += 1
    return edits


cdef void edit_fields(HeaderEdits edits, Field* fields, int* count) noexcept:
    cdef const Field* named
    cdef int i, at
    for i in range(edits.n_named):
        named = &edits.named[i]
        for at in range(count[0]):
            if fields[at].name_len == named.name_len and same_name(fields[at].name, named.name, named.name_len):
                fields[at].flags |= FIELD_DROP
    memcpy(&fields[count[0]], edits.added, edits.n_added * sizeof(Field))
    count[0] += edits.n_added


cdef bytes _spelled(bytes path):
    """The path with what a URI cannot hold percent-encoded, what would end it ("?") too."""
    cdef bytearray out = bytearray()
    cdef const unsigned char* text = path
    cdef Py_ssize_t i, n = len(path)
    for i in range(n):
        if text[i] == b"%" and n - i >= 3 and agw_class[text[i + 1]] & agw_class[text[i + 2]] & AGW_HEX:
            out.append(text[i])
        elif agw_class[text[i]] & AGW_TARGET and text[i] != b"?" and text[i] != b"%":
            out.append(text[i])
        else:
            out += b"%%%02X" % text[i]
    return bytes(out)


cdef int path_change(object edit, PathChange* change, list owner) except -1:
    cdef bytes value, prefix
    change.present = edit is not None
    change.prefix = NULL
    change.prefix_len = 0
    if edit is None:
        return 0
    value = _spelled(edit.value.encode())
    if not value.startswith(b"/"):
        value = b"/" + value
    if edit.prefix:
        value = value.rstrip(b"/")
        prefix = edit.prefix.encode().rstrip(b"/")
        owner.append(prefix)
        change.prefix = prefix
        change.prefix_len = <uint32_t> len(prefix)
    if len(value) > MAX_PATH:
        raise ValueError(f"a path has more than {MAX_PATH} bytes")
    owner.append(value)
    change.value = value
    change.value_len = <uint32_t> len(value)
    return 0


cdef uint32_t change_path(
    const PathChange* change, const unsigned char* path, uint32_t n, unsigned char* into,
) noexcept:
    cdef uint32_t left = 0
    if change.prefix != NULL:
        if n < change.prefix_len or memcmp(path, change.prefix, change.prefix_len) != 0:
            memcpy(into, path, n)       # the rule's match has made sure that this is not so
            return n
        path += change.prefix_len
        left = n - change.prefix_len
        if left == 1 and change.prefix_len == 0:
            left = 0                    # "/" is all of the prefix, as "/a" is of the prefix "/a"
    memcpy(into, change.value, change.value_len)
    memcpy(into + change.value_len, path, left)
    if change.value_len + left == 0:
        into[0] = b"/"
        return 1
    return change.value_len + left


# --- for tests ----------------------------------------------------------------------------------------------------


def edited(edit, fields):
    """The fields (name, value) that an edit leaves of these."""
    cdef HeaderEdits edits = edits_new(edit)
    cdef Field room[MAX_ADDED + 128]
    cdef bytes name, value
    cdef int count = 0, i
    for name, value in fields:
        _put(&room[count], name, value)
        count += 1
    if edits is not None:
        edit_fields(edits, room, &count)
    left = []
    for i in range(count):
        if not room[i].flags & FIELD_DROP:
            left.append((room[i].name[:room[i].name_len], room[i].value[:room[i].value_len]))
    return left


def changed_path(edit, bytes path not None):
    """The path that a PathEdit makes of this one."""
    cdef PathChange change
    cdef list owner = []
    into = bytearray(len(path) + MAX_PATH)
    path_change(edit, &change, owner)
    return bytes(into[:change_path(&change, path, <uint32_t> len(path), into)])
