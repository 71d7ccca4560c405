"""The API keys that a policy accepts: which consumer does a presented key belong to?

A snapshot carries SHA-256 digests and never a key, so the presented key is hashed with SHA-256 and its digest is looked
up. That replaces the keyed BLAKE2b of the first design: what a Secret holds as `sha256:<hex>` and what it holds raw
become one form, one path, one cost, and no snapshot, delta or file on disk holds a credential. What keyed hashing was
for, that nobody can aim keys at one place of the index, is done by the index: a place is a keyed hash of the digest,
with a secret that each set draws for itself.

Timing. A digest may be in two buckets of two places (cuckoo hashing). All four places are always read and compared over
all 32 bytes, whatever they hold, empty places included: a hit, a miss and an empty set do the same work, and the work
does not depend on the number of keys. Nothing branches on a digest.

Must not: keep, print or raise anything with a key or a digest in it.
"""

cimport cython
from cpython.sequence cimport PySequence_Fast_ITEMS
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from agw._fastpath.prefetch cimport prefetch
from agw._fastpath.sha256 cimport sha256

import os

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>

    /* All ones where both digests are equal, else 0. Each word passes through a volatile: the compiler can neither stop
       at the first difference nor turn the answer into a branch. */
    static inline uint32_t agw_digest_equal(const uint8_t *a, const uint8_t *b) {
        volatile uint64_t difference = 0;
        uint64_t x, y;
        for (int i = 0; i < 32; i += 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            difference |= x ^ y;
        }
        x = difference;
        return (uint32_t)(((x | (0 - x)) >> 63) - 1);
    }

    /* Two words of a digest, folded with two words of secret through a 64 by 64 bit product. */
    static inline uint64_t agw_digest_place(const uint8_t *digest, const uint64_t *secret) {
        uint64_t x, y;
        memcpy(&x, digest, 8);
        memcpy(&y, digest + 8, 8);
        unsigned __int128 product = (unsigned __int128)(x ^ secret[0]) * (y ^ secret[1]);
        uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);
        product = (unsigned __int128)(folded ^ secret[1]) * 0x9e3779b97f4a7c15u;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    static inline void *agw_lines(size_t n) {
        void *p = NULL;
        return posix_memalign(&p, 64, n * 64) ? NULL : p;
    }
    """
    uint32_t agw_digest_equal(const uint8_t* a, const uint8_t* b) noexcept
    uint64_t agw_digest_place(const uint8_t* digest, const uint64_t* secret) noexcept
    void* agw_lines(size_t n) noexcept

cdef enum:
    DIGEST = 32    # bytes
    PLACES = 2     # of a bucket
    KICKS = 500    # moves before an insertion gives up; at 4/5 full a handful is usual, 0.89 is where it stops working


cdef inline uint32_t _first(uint64_t place, uint32_t buckets) noexcept nogil:
    return <uint32_t>((<uint64_t><uint32_t>place * buckets) >> 32)


cdef inline uint32_t _second(uint64_t place, uint32_t buckets) noexcept nogil:
    return <uint32_t>(((place >> 32) * buckets) >> 32)


@cython.final
cdef class KeySet:
    """The keys of one credential set. Credentials whose digest is not 32 bytes let nobody in."""

    def __cinit__(self, credentials=()):
        cdef dict consumers = {}
        self._consumers = []
        # Where two consumers have one key, the first by name is who it is, whatever the order in the snapshot.
        for credential in sorted(credentials, key=_consumer_of):
            if len(credential.sha256) == DIGEST and credential.sha256 not in consumers:
                consumers[credential.sha256] = len(self._consumers)
                self._consumers.append(credential.consumer)
        self.size = len(consumers)
        self._buckets = <uint32_t>(self.size * 5 // (4 * PLACES) + 1)
        while not self._build(consumers):
            self._buckets += self._buckets // 8 + 1

    def __dealloc__(self):
        free(self._digests)
        free(self._indexes)

    cdef bint _build(self, dict consumers) except -1:
        """Place all digests under a new secret; False where one found no place."""
        cdef bytes secret = os.urandom(sizeof(self._secret))
        memcpy(self._secret, <const unsigned char*>secret, sizeof(self._secret))
        free(self._digests)
        free(self._indexes)
        self._digests = <uint8_t*>agw_lines(self._buckets)
        self._indexes = <int32_t*>malloc(self._buckets * PLACES * sizeof(int32_t))
        if self._digests == NULL or self._indexes == NULL:
            raise MemoryError
        memset(self._digests, 0, <size_t>self._buckets * PLACES * DIGEST)
        memset(self._indexes, 0xff, self._buckets * PLACES * sizeof(int32_t))
        for digest, index in consumers.items():
            if not self._insert(<const uint8_t*><const unsigned char*><bytes>digest, index):
                return False
        return True

    cdef bint _insert(self, const uint8_t* digest, int32_t index) noexcept:
        """Take a free place of either bucket, or push another digest to its other bucket, and so on."""
        cdef uint8_t moving[DIGEST]
        cdef uint8_t pushed[DIGEST]
        cdef uint32_t buckets[2]
        cdef uint32_t spot
        cdef uint32_t walk = <uint32_t>self._secret[1]
        cdef uint64_t place
        cdef int32_t moved
        cdef int i, _
        memcpy(moving, digest, DIGEST)
        for _ in range(KICKS):
            place = agw_digest_place(moving, self._secret)
            buckets[0] = _first(place, self._buckets)
            buckets[1] = _second(place, self._buckets)
            for i in range(2 * PLACES):
                spot = buckets[i >> 1] * PLACES + (i & 1)
                if self._indexes[spot] < 0:
                    memcpy(self._digests + <size_t>spot * DIGEST, moving, DIGEST)
                    self._indexes[spot] = index
                    return True
            walk = walk * 1664525 + 1013904223    # any walk that does not repeat soon will do
            spot = buckets[walk >> 31] * PLACES + (walk >> 30 & 1)
            memcpy(pushed, self._digests + <size_t>spot * DIGEST, DIGEST)
            memcpy(self._digests + <size_t>spot * DIGEST, moving, DIGEST)
            memcpy(moving, pushed, DIGEST)
            moved = self._indexes[spot]
            self._indexes[spot] = index
            index = moved
        return False

    cdef int find(self, const unsigned char* key, Py_ssize_t n) noexcept:
        cdef uint8_t digest[DIGEST]
        cdef uint32_t bucket[2]
        cdef uint32_t equal
        cdef uint32_t found = 0xffffffff
        cdef uint64_t place
        cdef size_t spot
        cdef int i
        sha256(key, n, digest)
        place = agw_digest_place(digest, self._secret)
        bucket[0] = _first(place, self._buckets)
        bucket[1] = _second(place, self._buckets)
        for i in range(2 * PLACES):
            spot = <size_t>bucket[i >> 1] * PLACES + (i & 1)
            equal = agw_digest_equal(digest, self._digests + spot * DIGEST)
            found = (found & ~equal) | (<uint32_t>self._indexes[spot] & equal)
        return <int>found

    cpdef str consumer(self, int index):
        """Name the consumer at an index that a lookup gave. Raises IndexError for any other."""
        if index < 0 or index >= self.size:
            raise IndexError(index)
        return self._consumers[index]

    cdef void foresee(self, int index) noexcept:
        prefetch(PySequence_Fast_ITEMS(self._consumers) + index)

    cdef void foresee_name(self, int index) noexcept:
        prefetch(PySequence_Fast_ITEMS(self._consumers)[index])

    def lookup(self, bytes key not None):
        """Find the consumer whose key this is, or None."""
        cdef int index = self.find(key, len(key))
        return None if index < 0 else self.consumer(index)

    def bench_lookup(self, list keys not None, int rounds):
        """Look every key up, rounds times, with no Python call per key; count the hits. For benchmarks."""
        cdef int hits = 0
        cdef bytes key
        cdef int _
        for _ in range(rounds):
            for key in keys:
                hits += self.find(key, len(key)) >= 0
        return hits

    def __repr__(self):
        return f"KeySet(size={self.size})"


def _consumer_of(credential):
    return credential.consumer
