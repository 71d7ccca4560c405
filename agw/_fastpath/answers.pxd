# The answers that agw gives itself: one place for their words.

from libc.stdint cimport uint32_t

from agw._fastpath.message cimport Field, ResponseHead

cdef enum:
    ANSWER_FIELDS = 4       # of a local answer, before the exchange adds its own

# Body (JSON) of a local answer: the status and a sentence for people. Static memory.
cdef const char* answer_body(int status, int reason, uint32_t* size) noexcept nogil

# Reason phrase of a status, "" where there is none of its own (RFC 9110 15). Static memory.
cdef const char* reason_phrase(int status) noexcept nogil

# IMF-fixdate (RFC 9110 5.6.7) of now: 29 bytes, static memory.
cdef const char* http_date() noexcept

# Makes the head of an answer of agw's own in `fields`, which has room for ANSWER_FIELDS of them, and gives its body.
# Static memory.
cdef const char* local_answer(ResponseHead* head, Field* fields, int status, int reason) noexcept

# The body of the same answer as an error of JSON-RPC, and its length in the head. reason: one that has a body. id:
# JSON, as it came. Static memory, until the next.
cdef const char* rpc_answer(ResponseHead* head, int reason, const char* id, uint32_t id_size) noexcept
