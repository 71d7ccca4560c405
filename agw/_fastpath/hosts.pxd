# Hostnames, most specific first: exact, then the longest wildcard, then any.
#
# A block's key in a HostSet is the hostname, for a wildcard what follows "*.", for any host nothing.

from libc.stdint cimport uint32_t, uint64_t

from agw._fastpath.index cimport Block, Index, release_t

cdef struct HostSet:
    Index exact
    Index wild
    Block* any_host                # owned; NULL without
    uint64_t labels                # bit n: some wildcard has n labels after "*."; bit 63: 63 or more

# Where a walk through the matching blocks of a set is.
cdef struct HostCursor:
    const HostSet* hosts
    const unsigned char* host      # the request's, borrowed
    uint32_t host_len
    uint32_t at                    # where the next suffix is looked for
    int labels                     # of the suffix after the next dot; -1 before they are counted
    int stage                      # 0 exact, 1 wildcards, 2 any, 3 over

cdef void cursor_start(HostCursor* cursor, const HostSet* hosts, const unsigned char* host, uint32_t n) noexcept nogil
# The next block, borrowed, or NULL when there are no more.
cdef Block* cursor_next(HostCursor* cursor) noexcept nogil

# hostname as a snapshot has it. A block is borrowed.
cdef Block* hosts_get(const HostSet* hosts, bytes hostname) except? NULL
# Allocate a block of this size keyed by the hostname; one owner: the caller.
cdef void* hosts_block(size_t size, bytes hostname) except NULL
# Take over the block from the caller.
cdef int hosts_put(HostSet* hosts, bytes hostname, Block* block, release_t release) except -1
cdef int hosts_remove(HostSet* hosts, bytes hostname, release_t release) except -1
cdef int hosts_copy(HostSet* target, const HostSet* source) except -1
cdef void hosts_clear(HostSet* hosts, release_t release) noexcept
