"""The hash index that the route table is made of.

Why not a dict: its keys would have to be Python objects for every request, its hash of bytes costs more than a whole
lookup may, and a copy of it could not share what it holds with a count of owners in C.

The index is keyed with a secret of the process, because both sides of it are other people's: hostnames and paths come
from everyone who may write a route, and probes come from clients.

Must not: call Python while an index is half changed.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

import os

cdef Py_ssize_t _alive = 0


cdef _draw():
    cdef bytes drawn = os.urandom(sizeof(SECRET))
    memcpy(SECRET, <const unsigned char*>drawn, sizeof(SECRET))


_draw()


def alive():
    """Count the blocks that exist: a test's proof that tables give everything back."""
    return _alive


cdef void* block_new(size_t size, uint64_t hash, const unsigned char* key, uint32_t key_len) except NULL:
    global _alive
    cdef Block* block = <Block*>calloc(1, size + key_len)
    if block == NULL:
        raise MemoryError
    if key_len:
        memcpy(<unsigned char*>block + size, key, key_len)
    block.hash = hash
    block.key = <unsigned char*>block + size
    block.key_len = key_len
    block.owners = 1
    _alive += 1
    return block


cdef void block_free(void* block) noexcept:
    global _alive
    _alive -= 1
    free(block)


cdef inline void _settle(Index* index, Block* block) noexcept:
    """Put a block whose key is not in the index into the first free slot from its place on."""
    cdef uint32_t at = <uint32_t>block.hash & index.mask
    while index.slots[at].block != NULL:
        at = (at + 1) & index.mask
    index.slots[at].hash = block.hash
    index.slots[at].block = block
    index.used += 1


cdef int _grow(Index* index) except -1:
    """Make room for one more at most 2/3 full; the smallest has two slots, as most hostnames have one path."""
    cdef uint32_t capacity = index.mask + 1 if index.slots != NULL else 0
    cdef uint32_t wanted = capacity if capacity else 2
    cdef Slot* old = index.slots
    cdef Slot* slots
    cdef uint32_t i
    while <uint64_t>(index.used + 1) * 3 > <uint64_t>wanted * 2:
        wanted *= 2
    if wanted == capacity:
        return 0
    slots = <Slot*>calloc(wanted, sizeof(Slot))
    if slots == NULL:
        raise MemoryError
    index.slots = slots
    index.mask = wanted - 1
    index.used = 0
    for i in range(capacity):
        if old[i].block != NULL:
            _settle(index, old[i].block)
    free(old)
    return 0


cdef Slot* _slot(const Index* index, uint64_t hash, const unsigned char* key, uint32_t n) noexcept:
    cdef uint32_t at
    cdef Slot* slot
    if index.used == 0:
        return NULL
    at = <uint32_t>hash & index.mask
    while True:
        slot = &index.slots[at]
        if slot.block == NULL:
            return NULL
        if slot.hash == hash and slot.block.key_len == n and memcmp(slot.block.key, key, n) == 0:
            return slot
        at = (at + 1) & index.mask


cdef int index_put(Index* index, Block* block, release_t release) except -1:
    cdef Slot* slot = _slot(index, block.hash, block.key, block.key_len)
    cdef Block* old
    if slot != NULL:
        old = slot.block
        slot.block = block
        release(old)
        return 0
    _grow(index)
    _settle(index, block)
    return 0


cdef void index_remove(Index* index, uint64_t hash, const unsigned char* key, uint32_t n, release_t release) noexcept:
    cdef Slot* slot = _slot(index, hash, key, n)
    cdef Block* block
    cdef uint32_t hole, at, home
    if slot == NULL:
        return
    block = slot.block
    hole = <uint32_t>(slot - index.slots)
    # Close the gap: a later entry of the run moves into it unless it would then lie before its own place.
    at = (hole + 1) & index.mask
    while index.slots[at].block != NULL:
        home = <uint32_t>index.slots[at].hash & index.mask
        if ((at - home) & index.mask) >= ((at - hole) & index.mask):
            index.slots[hole] = index.slots[at]
            hole = at
        at = (at + 1) & index.mask
    index.slots[hole].hash = 0
    index.slots[hole].block = NULL
    index.used -= 1
    release(block)


cdef int index_copy(Index* target, const Index* source) except -1:
    cdef uint32_t i
    if source.used == 0:
        return 0
    target.slots = <Slot*>calloc(<size_t>source.mask + 1, sizeof(Slot))
    if target.slots == NULL:
        raise MemoryError
    target.mask = source.mask
    target.used = source.used
    for i in range(source.mask + 1):
        target.slots[i] = source.slots[i]
        if source.slots[i].block != NULL:
            source.slots[i].block.owners += 1
    return 0


cdef void index_clear(Index* index, release_t release) noexcept:
    cdef uint32_t i
    if index.slots != NULL:
        for i in range(index.mask + 1):
            if index.slots[i].block != NULL:
                release(index.slots[i].block)
        free(index.slots)
    index.slots = NULL
    index.mask = 0
    index.used = 0
