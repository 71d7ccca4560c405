# A hash index of shared blocks: open addressing, linear probing, at most 2/3 full.
#
# Blocks are shared between tables (a new table takes over what a change did not touch), so they count their owners.
# A block with one owner may be changed in place; a shared one is copied first. All of it runs under the GIL.

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp

cdef extern from "hash.h" nogil:
    uint64_t agw_hash(const unsigned char* p, size_t n, uint64_t state, const uint64_t* secret) noexcept

cdef uint64_t SECRET[4]            # of this process, drawn at import

# How everything begins that an index holds.
cdef struct Block:
    uint64_t hash                  # of key
    const unsigned char* key       # key_len bytes, inside the block's own allocation
    uint32_t key_len
    uint32_t owners                # at least 1

cdef struct Slot:
    uint64_t hash
    Block* block                   # NULL: free

cdef struct Index:
    Slot* slots                    # mask + 1 of them; owned; NULL while empty
    uint32_t mask                  # a power of two less one
    uint32_t used

ctypedef void (*release_t)(Block* block) noexcept

# Allocate a zeroed block with room for a key at its end, and copy the key in. One owner: the caller. NULL: MemoryError.
cdef void* block_new(size_t size, uint64_t hash, const unsigned char* key, uint32_t key_len) except NULL
# Give the memory back; whoever calls it has released what the block points to.
cdef void block_free(void* block) noexcept

# Take over the block from the caller; whatever had this key is released.
cdef int index_put(Index* index, Block* block, release_t release) except -1
# Release the block with this key, if there is one.
cdef void index_remove(Index* index, uint64_t hash, const unsigned char* key, uint32_t n, release_t release) noexcept
# Make target, which is empty, a copy that owns all blocks too.
cdef int index_copy(Index* target, const Index* source) except -1
cdef void index_clear(Index* index, release_t release) noexcept


# The block with this key, borrowed from the index, or NULL.
cdef inline Block* index_find(const Index* index, uint64_t hash, const unsigned char* key, uint32_t n) noexcept nogil:
    cdef uint32_t at
    cdef Block* block
    if index.used == 0:
        return NULL
    at = <uint32_t>hash & index.mask
    while True:
        block = index.slots[at].block
        if block == NULL:
            return NULL
        if index.slots[at].hash == hash and block.key_len == n and memcmp(block.key, key, n) == 0:
            return block
        at = (at + 1) & index.mask
