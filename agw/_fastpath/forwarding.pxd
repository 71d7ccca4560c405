# What agents are told about clients, and what clients may not tell them about themselves.

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from agw._fastpath.message cimport F_OTHER, Field, RequestHead
from agw._fastpath.networks cimport Networks

cdef enum:
    TEXT_ROOM = 8192            # for the values of added fields
    MAX_HOPS = 32               # entries of X-Forwarded-For that can be kept
    MAX_REQUEST_ID = 128        # bytes
    PSEUDONYM_ROOM = 32


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


# What of a request's own account of itself is believed. The spans are the head's, and the head borrows `left`.
cdef struct Claims:
    const unsigned char* request_id     # NULL: we make one
    const unsigned char* trace_id       # 32 hexadecimal digits; NULL: the request is in no trace
    char left[20]                       # what Max-Forwards says now
    int status                          # to answer with at once; 0: the request may go on
    int reason                          # Reason, with a status
    uint8_t request_id_len
    bint https                          # the client spoke https to a trusted peer


# One hop as the agent is told of it. Texts are borrowed until the head is sent.
cdef struct Hop:
    const char* peer                    # address of the other end
    const char* request_id
    int peer_len
    int request_id_len
    int port                            # the listener's
    bint trusted                        # the peer is in trusted_peers
    bint https


# The rightmost entries of X-Forwarded-For that are believed; [0] is the one that the nearest hop has written.
cdef struct Chain:
    const unsigned char* at[32]
    uint8_t size[32]
    int count


# The rules of a worker. Immutable.
@cython.final
cdef class Forwarding:
    cdef Networks trusted_peers         # whose word is taken for more than their own address
    cdef int trusted_hops               # at most MAX_HOPS
    cdef bint forwarded                 # write Forwarded (RFC 7239) beside X-Forwarded-*
    cdef int pseudonym_len              # 0: no Via is written
    cdef char via[64]                   # "1.1 " and the pseudonym

    # Marks with FIELD_DROP what is not believed and what we write ourselves. A request that goes in circles is 508; the
    # last hop of an OPTIONS is here: 200.
    cdef void judge(self, RequestHead* head, bint trusted, Claims* claims) noexcept
    # Adds our fields behind the head's own. text: TEXT_ROOM bytes, borrowed until the head is sent.
    cdef void describe(self, RequestHead* head, char* text, const Hop* hop) noexcept
    # The address of the client behind the trusted hops, 16 bytes, from that of the peer. For limits per client.
    cdef void client(self, const RequestHead* head, bint trusted, const uint8_t* peer, uint8_t* ip) noexcept
    cdef int _hops(self, bint trusted) noexcept

# Writes a request id of 16 bytes as 32 hexadecimal digits; gives their number.
cdef int hex_id(const uint64_t* id, char* text) noexcept
