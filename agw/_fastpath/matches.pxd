# The candidates at one path: which of their matches takes a request?

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from agw._fastpath.index cimport Block
from agw._fastpath.message cimport RequestHead

cdef enum ConditionKind:
    WHERE_METHOD = 0
    WHERE_HEADER
    WHERE_HEADER_REGEX
    WHERE_QUERY
    WHERE_QUERY_REGEX
    WHERE_PATH_REGEX
    WHERE_NEVER                    # an expression that does not compile takes nothing

# One thing that must hold. Everything is inside the bucket's allocation, but for pattern.
cdef struct Condition:
    const unsigned char* value     # value_len bytes; unused by expressions
    void* pattern                  # borrowed re2 pattern, kept alive by its rule; NULL for plain values
    uint32_t value_len
    uint16_t name                  # index of the field or parameter in the bucket's names
    uint8_t kind                   # ConditionKind

# A header or a query parameter that some condition of a bucket asks for.
cdef struct Name:
    const unsigned char* text      # len bytes; a header's are lower-case
    uint32_t len
    uint8_t query                  # 1 query parameter, 0 header

# One match of a rule.
cdef struct Candidate:
    void* rule                     # borrowed CompiledRule, kept alive by every table that holds the bucket
    void* listener                 # borrowed str, key of the listener it is served on; kept alive by the rule's entry
    Condition* conditions          # n_conditions of them
    uint32_t n_conditions
    uint32_t match                 # index of the match in its rule

# All candidates with one path, in order of precedence. Block.key is the path.
cdef struct Bucket:
    Block block
    Name* names                    # n_names of them
    uint32_t n_names
    uint32_t n_candidates
    Candidate candidates[1]        # n_candidates of them

# A query parameter as the client wrote it.
cdef struct Parameter:
    const unsigned char* name
    const unsigned char* value
    uint32_t name_len
    uint32_t value_len

# What one lookup has found out about its request: the query is split once, whatever the number of candidates.
cdef struct Request:
    const RequestHead* head        # borrowed
    Parameter* parameters          # few, or allocated
    int n_parameters               # -1: not split yet
    int last_result                # of last_pattern
    void* last_pattern             # the path expression tried last: candidates often share one
    Parameter few[32]

cdef void request_start(Request* request, const RequestHead* head) noexcept nogil
cdef void request_end(Request* request) noexcept nogil

# The first candidate whose conditions all hold, borrowed from the bucket; NULL: none.
cdef const Candidate* bucket_pick(const Bucket* bucket, Request* request) except? NULL

# candidates, in order of precedence: (precedence, rule, index of the match, whether its path is an expression, key of
# the listener) each.
# One owner: the caller.
cdef Bucket* bucket_new(uint64_t hash, bytes path, list candidates) except NULL
cdef void bucket_release(Block* block) noexcept
