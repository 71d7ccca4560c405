"""WebSocket handshakes: the only way from HTTP/1.1 into a tunnel.

A handshake that is not exactly what RFC 6455 4.1 asks for is forwarded as the plain request that it also is, without
its Upgrade: an agent that sees no Upgrade cannot switch, and so nothing that follows is taken for anything but HTTP.
"""

from agw._fastpath.fields cimport AGW_UNRESERVED, agw_class, same_folded
from agw._fastpath.message cimport F_OTHER, F_UPGRADE, FRAMING_NONE, Field, M_GET

cdef enum:
    KEY_SIZE = 24           # 16 bytes in base64


cdef bint _only_websocket(const Field* fields, int count) noexcept nogil:
    """Exactly one Upgrade field, with this one protocol."""
    cdef int i, seen = 0
    for i in range(count):
        if fields[i].id == F_UPGRADE:
            seen += 1
            if fields[i].value_len != 9 or not same_folded(fields[i].value, "websocket", 9):
                return False
    return seen == 1


cdef bint _is_key(const Field* field) noexcept nogil:
    """16 bytes in base64: 22 digits, then "=="."""
    cdef int i
    cdef unsigned char c
    if field.value_len != KEY_SIZE or field.value[22] != b"=" or field.value[23] != b"=":
        return False
    for i in range(22):
        c = field.value[i]
        if c in (b"-", b".", b"_", b"~") or not (agw_class[c] & AGW_UNRESERVED or c == b"+" or c == b"/"):
            return False
    return True


cdef bint asks_for_websocket(const RequestHead* head, bint nominated) noexcept nogil:
    cdef int i, keys = 0, versions = 0
    cdef const Field* field
    if not nominated or head.method_id != M_GET or head.minor == 0 or head.framing != FRAMING_NONE:
        return False
    if not _only_websocket(head.fields, head.n_fields):
        return False
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id != F_OTHER:
            continue
        if field.name_len == 17 and same_folded(field.name, "sec-websocket-key", 17):
            if not _is_key(field):
                return False
            keys += 1
        elif field.name_len == 21 and same_folded(field.name, "sec-websocket-version", 21):
            if field.value_len != 2 or field.value[0] != b"1" or field.value[1] != b"3":
                return False
            versions += 1
    return keys == 1 and versions == 1


cdef bint agrees_to_websocket(const ResponseHead* head, bint nominated) noexcept nogil:
    return nominated and head.minor == 1 and _only_websocket(head.fields, head.n_fields)
