# The exchange's slow path for agent cards: an answer held back until Python has looked at it.

cimport cython
from libc.stdint cimport int64_t, uint32_t

from agw._fastpath.buffer cimport Buffer
from agw._fastpath.message cimport Field, RequestHead, ResponseHead

cdef enum:
    MAX_CARD = 262144           # bytes of an agent card that is looked into (agw.a2a.card.MAX_CARD_BYTES)

# Whether this is one of the well-known places of agent cards, below any prefix (A2A 0.2 5.3, 1.0 8.2).
cdef bint is_card_path(const unsigned char* path, uint32_t n) noexcept


# A card on its way. Every head is borrowed for the call.
@cython.final
cdef class HeldCard:
    cdef dict facts             # what rewriting needs to know of request and answer, as text: see reactor.pyi
    cdef list fields            # of the answer, as (name, value)
    cdef Buffer body            # as received
    cdef bytes phrase
    cdef int64_t content_length  # of the answer as received, -1 without
    cdef int status             # to answer with
    cdef bint of_json           # what is no JSON by its media type is no card
    cdef bint changed           # it is not as the agent sent it
    cdef str unread             # why nobody can look into what may be a card; None where that is not so

    # Takes over an answer's head. False where it is no card to look into: it passes as it is; `unread` says whether
    # that is to be told.
    cdef bint take(self, const ResponseHead* head) except -1
    # Adds body bytes; False where the card has become too large to look into.
    cdef bint add(self, const unsigned char* data, Py_ssize_t size) except -1
    # The body as received so far; forgets it.
    cdef bytes received(self)
    # Tells Python of a card that passes unread.
    cdef int tell(self, object rewrite, str rule_key) except -1
    # Lets Python change the card. Gives the body to answer with; status and fields are set. 502: it is not to be shown.
    cdef bytes rewritten(self, object rewrite, str rule_key)
    # Makes the head of the answer, in `fields`, from what take() and rewritten() left; its texts are borrowed.
    cdef int head(self, ResponseHead* head, Field* fields, int64_t content_length) except -1

# Begins with the head of a GET or HEAD, which it changes so that the whole card comes back in the clear. extended: it
# is for the extended card. https: the client spoke https to the trusted proxy in front.
cdef HeldCard hold_card(RequestHead* head, int port, bint https, bint extended)

# Begins with a JSON-RPC request whose head has gone already. authority: its validated Host, borrowed for the call.
cdef HeldCard hold_result(const char* authority, uint32_t size, int port, bint https)

# A JSON-RPC request may turn out to be for a card: its answer must come in a coding that can be undone
# (agw.a2a.coding).
cdef void ask_for_readable(RequestHead* head) noexcept
