# What agents are told about clients, and what clients may not tell them about themselves.

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from agw._fastpath.message cimport F_OTHER, Field, RequestHead

cdef enum:
    TEXT_ROOM = 8192            # for the values of added fields


# Adds a field of ours behind the others of a head; its array has room (FIELD_ROOM). The texts are borrowed.
cdef inline void add_field(
    Field* fields, int* count, const char* name, int name_len, const char* value, Py_ssize_t value_len,
) noexcept:
    cdef Field* field = &fields[count[0]]
    field.name = <const unsigned char*> name
    field.name_len = <uint16_t> name_len
    field.value = <const unsigned char*> value
    field.value_len = <uint32_t> value_len
    field.id = F_OTHER
    field.flags = 0
    count[0] += 1


# Marks with FIELD_DROP what a client may not say about itself; gives the number of agw that the request came through.
cdef int drop_untrusted(RequestHead* head) noexcept

# Writes the value of X-Forwarded-For: the client's chain as far as `hops` of it are trusted, and the peer. `room`
# bounds the chain. Gives the number of bytes.
cdef Py_ssize_t forwarded_for(
    RequestHead* head, char* text, Py_ssize_t room, int hops, const char* peer, Py_ssize_t peer_len
) noexcept

# Writes a request id of 16 bytes as 32 hexadecimal digits.
cdef Py_ssize_t hex_id(const uint64_t* id, char* text) noexcept

# What an agent is told of the client (RFC 9110 7.6.3, X-Forwarded-*), behind the head's own fields. text: room for the
# values, TEXT_ROOM bytes, borrowed until the head is sent.
cdef void describe_client(
    RequestHead* head, char* text, int hops, const char* peer, Py_ssize_t peer_len, int port, const uint64_t* id,
) noexcept
