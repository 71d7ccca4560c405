# The rules of one hostname on one listener, by path.

from libc.stdint cimport uint64_t

from agw._fastpath.index cimport Block, Index
from agw._fastpath.matches cimport Bucket, Candidate, Request

cdef enum PathKind:
    PATH_EXACT = 0
    PATH_REGEX                     # one bucket for all expressions; its path is empty
    PATH_PREFIX

# Block.key: the hostname, as hosts.pxd has it.
cdef struct HostRules:
    Block block
    Index prefix                   # of Bucket, by prefix without its trailing slash: "" for "/"
    Index exact                    # of Bucket, by path
    Bucket* regex                  # all candidates with an expression; owned; NULL without
    uint64_t depths                # bit n: some prefix has n segments; bit 63: 63 or more

# The first candidate that takes the request, borrowed; NULL: none of this hostname does.
cdef const Candidate* paths_pick(const HostRules* rules, Request* request) except? NULL

# The bucket at a path, borrowed, or NULL.
cdef const Bucket* paths_get(const HostRules* rules, int kind, bytes path) noexcept
# Replace the bucket at a path; no candidates: remove it. rules must have one owner.
cdef int paths_set(HostRules* rules, int kind, bytes path, list candidates) except -1
cdef bint paths_empty(const HostRules* rules) noexcept
# Make target, which is empty, hold what source holds.
cdef int paths_copy(HostRules* target, const HostRules* source) except -1
cdef void paths_release(Block* block) noexcept
