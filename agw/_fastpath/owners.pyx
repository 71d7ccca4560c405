"""The table of owners: which endpoint has a task or a context, in memory that all workers of a pod share.

    +-- header: secret, number of buckets --+-- bucket --+-- bucket --+ ...
    check  tag ^ seal(owner)      8 of each in a bucket, where the tag's low bits lead
    owner  Endpoint.spot
    used   tick of the last use: the oldest of a bucket gives way

There is no lock, since whoever holds one may be killed with it. An entry is its own proof instead, as in the shared
tables of chess programs (Hyatt and Mann, "A lock-less transposition table", 2002): its first word is the tag and the
owner folded together, so a reader that sees half of an old entry and half of a new one finds nobody's tag, and what a
writer that died has left half-done is nobody's either. Two writers never take the same place: the first word changes
by compare-and-swap.

Rules: an entry may be missing at any time, since others give it away, so nothing may depend on one for more than where
a request goes. A stranger's id is never taken for another: tags are 64 bits of a hash whose key no client knows.
"""

import os

cimport cython
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "hash.h" nogil:
    uint64_t agw_hash(const unsigned char* data, size_t size, uint64_t state, const uint64_t* secret)
    uint64_t agw_fold(uint64_t a, uint64_t b)

cdef extern from "atomic.h" nogil:
    uint64_t agw_load(const uint64_t* at)
    void agw_store(uint64_t* at, uint64_t value)
    bint agw_exchange(uint64_t* at, uint64_t expected, uint64_t value)

cdef enum:
    WAYS = 8
    HEADER = 64             # bytes before the first bucket
    TRIES = 4               # to take a place that another process has taken meanwhile

cdef struct Header:
    uint64_t secret[4]
    uint64_t buckets        # a power of two
    uint64_t reserved[3]


def owners_size(ids):
    """Bytes of a table for so many ids: see owners.pyi."""
    buckets = 1
    while buckets * WAYS < ids:
        buckets *= 2
    return HEADER + buckets * sizeof(Bucket)


def prepare_owners(unsigned char[::1] memory):
    """Make a table of zeroed memory: see owners.pyi."""
    cdef Header header
    cdef bytes secret = os.urandom(sizeof(header.secret))
    memcpy(header.secret, <const char*> secret, sizeof(header.secret))
    header.buckets = <uint64_t> (memory.shape[0] - HEADER) // sizeof(Bucket)
    header.reserved[0] = header.reserved[1] = header.reserved[2] = 0
    memcpy(&memory[0], &header, sizeof(Header))


@cython.final
cdef class Owners:
    """The table, mapped."""

    def __cinit__(self, unsigned char[::1] memory):
        cdef Header* header
        if memory.shape[0] < HEADER + <Py_ssize_t> sizeof(Bucket):
            raise ValueError("no table of owners")
        header = <Header*> &memory[0]
        self._memory = memory
        self._secret = header.secret
        self._buckets = <Bucket*> (&memory[0] + HEADER)
        self._mask = header.buckets - 1
        if header.buckets == 0 or header.buckets & self._mask or (
            header.buckets > <uint64_t> (memory.shape[0] - HEADER) // sizeof(Bucket)
        ):
            raise ValueError("no table of owners")

    cdef uint64_t tag_of(
        self, const char* backend, Py_ssize_t backend_size, const char* id, Py_ssize_t size,
    ) noexcept nogil:
        cdef uint64_t state = agw_hash(<const unsigned char*> backend, <size_t> backend_size, 0, self._secret)
        return agw_hash(<const unsigned char*> id, <size_t> size, state, self._secret)

    cdef uint64_t find(self, uint64_t tag, uint32_t tick) noexcept nogil:
        cdef Bucket* bucket = self._buckets + (tag & self._mask)
        cdef uint64_t check, owner
        cdef int i
        for i in range(WAYS):
            check = agw_load(&bucket.check[i])
            if check:
                owner = agw_load(&bucket.owner[i])
                if check ^ _seal(self._secret, owner) == tag:
                    if bucket.used[i] != tick:
                        bucket.used[i] = tick
                    return owner
        return 0

    cdef int learn(self, uint64_t tag, uint64_t owner, uint32_t tick) noexcept nogil:
        cdef Bucket* bucket = self._buckets + (tag & self._mask)
        cdef uint64_t had = 0
        cdef int place, result = LEARNT_KNOWN
        for _ in range(TRIES):
            place = _place(bucket, self._secret, tag, tick, &had)
            result = LEARNT_NEW
            if had and had ^ _seal(self._secret, agw_load(&bucket.owner[place])) == tag:
                result = LEARNT_KNOWN if agw_load(&bucket.owner[place]) == owner else LEARNT_MOVED
            bucket.used[place] = tick       # first, so that nobody takes it for the oldest meanwhile
            if result == LEARNT_KNOWN:
                return result
            if agw_exchange(&bucket.check[place], had, tag ^ _seal(self._secret, owner)):
                agw_store(&bucket.owner[place], owner)
                return result
        return result

    @property
    def capacity(self):
        """Ids that it has places for."""
        return (self._mask + 1) * WAYS

    def owner(self, str backend, bytes named, uint32_t tick):
        """Its owner, None where that is not known."""
        cdef bytes key = backend.encode()
        owner = self.find(self.tag_of(<const char*> key, len(key), <const char*> named, len(named)), tick)
        return owner or None

    def note(self, str backend, bytes named, uint64_t owner, uint32_t tick):
        """Learn an owner: see owners.pyi."""
        cdef bytes key = backend.encode()
        return self.learn(self.tag_of(<const char*> key, len(key), <const char*> named, len(named)), owner, tick)


cdef inline uint64_t _seal(const uint64_t* secret, uint64_t owner) noexcept nogil:
    return agw_fold(owner ^ secret[2], secret[3])


cdef int _place(Bucket* bucket, const uint64_t* secret, uint64_t tag, uint32_t tick, uint64_t* had) noexcept nogil:
    """Where an id is, or else where it goes: a free place, or that of the oldest. had: what is there."""
    cdef uint64_t check
    cdef uint32_t age, oldest = 0
    cdef int i, place = 0
    cdef bint free = False
    had[0] = agw_load(&bucket.check[0])
    for i in range(WAYS):
        check = agw_load(&bucket.check[i])
        if check == 0:
            if not free:
                place, had[0] = i, 0
            free = True
            continue
        if check ^ _seal(secret, agw_load(&bucket.owner[i])) == tag:
            had[0] = check
            return i
        age = tick - bucket.used[i]     # the clock may have wrapped; the difference has not
        if not free and (i == 0 or age > oldest):
            place, oldest, had[0] = i, age, check
    return place


assert sizeof(Header) == HEADER, sizeof(Header)
assert sizeof(Bucket) == 192, sizeof(Bucket)
