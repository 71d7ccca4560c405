# The exchange's slow path for agent cards: heads to Python values and back.

from libc.stdint cimport uint32_t

from agw._fastpath.message cimport RequestHead, ResponseHead

# Whether this is one of the well-known places of agent cards, below any prefix (A2A 0.2 5.3, 1.0 8.2).
cdef bint is_card_path(const unsigned char* path, uint32_t n) noexcept

# What rewriting needs to know of a request, as text.
cdef dict card_facts(const RequestHead* head, int port)

# Changes a request so that the whole card comes back in the clear: conditions and codings speak of the agent's bytes,
# not of ours. HEAD becomes GET, since the length of a card that was not read is not known.
cdef void ask_for_whole_card(RequestHead* head) noexcept

# The fields of a response that go on to the client, as (name, value).
cdef list kept_fields(const ResponseHead* head)

# The same for a card that is not the agent's any more.
cdef list changed_fields(list fields, int status, str etag)
