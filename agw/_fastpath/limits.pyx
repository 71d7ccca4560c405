"""Rate limits by GCRA, the generic cell rate algorithm, in memory that all workers of a pod share.

A bucket is one number, the time at which it is full again (its theoretical arrival time). A request that is taken moves
it on by the limit's interval; where that would lead further ahead of now than `burst` intervals, there is no room. So a
bucket costs 16 bytes whatever its rate, nothing has to refill it, and one that is full again is free for anybody.

    set of 8 <-- low bits of the tag          bucket: the one of the set with that tag; else the one that is free, or
                                              will be full soonest, taken over by a compare-and-swap of the tag

Rules: exact over processes. Both words change by compare-and-swap alone; two processes that look for the same tag at
once end up at the same bucket, the first of its set that has it. A bucket that is taken over before it is full forgets
what its owner has used: that is counted, and says that there are more clients than buckets.

Tags are keyed hashes, so that nobody can choose a name that falls on another's bucket.

Limits over pods have memory of their own, with a secret that all pods share, so that a tag means the same in each. What
is spent there is noted beside each bucket; the supervisor tells a store of it now and then (`collect`), and puts in
what all pods together have spent (`settle`). Between two such times a pod counts for itself: no request waits.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from agw._fastpath.sha256 cimport sha256_identity

import os

from agw.a2a.operations import OPERATIONS as _OPERATIONS

cdef extern from "atomic.h" nogil:
    uint64_t agw_load(const uint64_t* source)
    uint64_t agw_add(uint64_t* to, uint64_t value)
    uint64_t agw_swap(uint64_t* to, uint64_t value)
    void agw_store(uint64_t* to, uint64_t value)
    bint agw_exchange(uint64_t* at, uint64_t expected, uint64_t value)

cdef extern from "hash.h" nogil:
    uint64_t agw_hash(const unsigned char* data, size_t size, uint64_t state, const uint64_t* secret)

cdef enum:
    WAYS = 8                # buckets of a set: two cache lines
    HEADER = 64             # bytes before the first set: the secret, and until when the store counts as reached
    REACHED = 4             # the word of that
    TRIES = 8               # at a set in which others take buckets over at the same time

BUCKETS = 1 << 17
LONGEST = 1 << 60       # ns: no bucket takes longer to be full
_SHARED_BUCKETS = 1 << 15
LIMITS_SIZE = HEADER + BUCKETS * sizeof(Bucket)
SHARED_LIMITS_SIZE = HEADER + _SHARED_BUCKETS * (sizeof(Bucket) + sizeof(int64_t))
_PER = {"Route": PER_ROUTE, "Consumer": PER_CONSUMER, "ClientIP": PER_CLIENT, "Context": PER_CONTEXT}
_NAMES = {"Route": "route", "Consumer": "consumer", "ClientIP": "client", "Context": "context"}


def prepare(memory):
    """Write the secret that all who share the memory hash with: see limits.pyi."""
    memory[:32] = os.urandom(32)


def own_memory(size=LIMITS_SIZE):
    """Memory of a process that shares it with nobody: see limits.pyi."""
    memory = bytearray(size)
    prepare(memory)
    return memory


# --- what a policy says -------------------------------------------------------------------------------------------


@cython.final
@cython.no_gc    # nothing that it holds can refer to it
cdef class Limits:
    """The limits of one policy."""


cdef int _add(Limits limits, object entry, str name, int same) except -1:
    cdef Limit* limit = &limits.each[limits.count]
    cdef bytes item
    if entry.requests < 1 or entry.window_s < 1 or entry.burst < 1:
        raise ValueError("a limit of nothing")
    limit.per = _PER[entry.per]
    limit.interval_ns = max(1, round(entry.window_s * 1_000_000_000 / entry.requests))
    limit.room_ns = min(LONGEST, limit.interval_ns * entry.burst)
    limit.operations = 0
    for operation in entry.operations:
        limit.operations |= <uint32_t> 1 << <int> _OPERATIONS.index(operation)
    limit.shared = entry.shared
    limit.closed = entry.closed
    said = (entry.scope, entry.requests, entry.window_s, entry.burst, entry.per, sorted(entry.operations), same)
    limit.identity = sha256_identity(repr(said).encode())
    item = f'"{name}";q={entry.requests};w={entry.window_s}'.encode()
    limit.name_len = len(name) + 2
    memcpy(limit.item, <const char*> item, limit.name_len)
    limits.by_operation = limits.by_operation or limit.operations != 0
    limits.by_context = limits.by_context or limit.per == PER_CONTEXT
    limits.policy += (b", " if limits.policy else b"") + item
    limits.count += 1
    return 0


cdef Limits limits_new(tuple entries):
    cdef Limits limits = Limits.__new__(Limits)
    cdef list before = []
    if len(entries) > MAX_LIMITS:
        raise ValueError("too many limits")
    limits.entries = entries
    limits.policy = b""
    for entry in entries:
        if entry.per not in _PER:
            raise ValueError(entry.per)
        number = sum([each.per == entry.per for each in before])
        name = f"{_NAMES[entry.per]}-{number + 1}" if number else _NAMES[entry.per]
        _add(limits, entry, name, before.count(entry))
        before.append(entry)
    return limits


# --- what is left of it -------------------------------------------------------------------------------------------


@cython.final
cdef class Buckets:
    def __cinit__(self, unsigned char[::1] memory, bint shared=False):
        cdef uint64_t sets = 1, each = WAYS * (sizeof(Bucket) + (sizeof(int64_t) if shared else 0))
        if <uint64_t> memory.shape[0] < HEADER + each:
            raise ValueError("too little memory for a set of buckets")
        while HEADER + 2 * sets * each <= <uint64_t> memory.shape[0]:
            sets *= 2
        self._owner = memory
        self._secret = <uint64_t*> &memory[0]
        self._buckets = <Bucket*> &memory[HEADER]
        self._sets = sets
        if shared:
            self._spent = <int64_t*> (self._buckets + sets * WAYS)

    cdef uint64_t tag(self, uint64_t state, const void* subject, size_t size) noexcept nogil:
        cdef uint64_t tag = agw_hash(<const unsigned char*> subject, size, state, self._secret)
        return tag if tag else 1

    cdef Bucket* _known(self, uint64_t tag) noexcept nogil:
        """The first bucket of its set that has this tag; NULL where none has."""
        cdef Bucket* bucket = self._buckets + (tag & (self._sets - 1)) * WAYS
        cdef int way
        for way in range(WAYS):
            if agw_load(&bucket[way].tag) == tag:
                return &bucket[way]
        return NULL

    cdef Bucket* _find(self, uint64_t tag, int64_t now_ns) noexcept nogil:
        cdef Bucket* bucket = self._buckets + (tag & (self._sets - 1)) * WAYS
        cdef Bucket* known
        cdef uint64_t owner, victim_owner
        cdef int64_t full, victim_full
        cdef int way, victim
        for _ in range(TRIES):
            known = self._known(tag)
            if known != NULL:
                return known
            victim = 0
            victim_owner = 0
            victim_full = 0
            for way in range(WAYS):
                owner = agw_load(&bucket[way].tag)
                full = <int64_t> agw_load(<uint64_t*> &bucket[way].full_ns) if owner else 0
                if way == 0 or full < victim_full:
                    victim, victim_owner, victim_full = way, owner, full
                if full <= now_ns:
                    break       # the first that is free, so that two who look at once take the same
            if agw_exchange(&bucket[victim].tag, victim_owner, tag) and victim_full > now_ns:
                agw_exchange(<uint64_t*> &bucket[victim].full_ns, <uint64_t> victim_full, 0)
                if self._spent != NULL:
                    agw_swap(<uint64_t*> &self._spent[&bucket[victim] - self._buckets], 0)
                if self.evictions != NULL:
                    agw_add(self.evictions, 1)
        known = self._known(tag)
        return known if known != NULL else bucket

    cdef int64_t take(self, uint64_t tag, const Limit* limit, int64_t now_ns) noexcept nogil:
        cdef Bucket* bucket = self._find(tag, now_ns)
        cdef int64_t full, ahead
        while True:
            full = <int64_t> agw_load(<uint64_t*> &bucket.full_ns)
            ahead = (full - now_ns if full > now_ns else 0) + limit.interval_ns
            if ahead > limit.room_ns:
                return limit.room_ns - ahead
            if agw_exchange(<uint64_t*> &bucket.full_ns, <uint64_t> full, <uint64_t> (now_ns + ahead)):
                self._note(bucket, limit.interval_ns)
                return ahead

    cdef void give_back(self, uint64_t tag, const Limit* limit, int64_t now_ns) noexcept nogil:
        cdef Bucket* bucket = self._known(tag)
        cdef int64_t full
        while bucket != NULL:
            full = <int64_t> agw_load(<uint64_t*> &bucket.full_ns)
            if full <= now_ns or agw_exchange(
                <uint64_t*> &bucket.full_ns, <uint64_t> full, <uint64_t> (full - limit.interval_ns)
            ):
                self._note(bucket, -limit.interval_ns)
                return

    cdef int64_t look(self, uint64_t tag, const Limit* limit, int64_t now_ns) noexcept nogil:
        cdef Bucket* bucket = self._known(tag)
        cdef int64_t full = <int64_t> agw_load(<uint64_t*> &bucket.full_ns) if bucket != NULL else 0
        cdef int64_t ahead = full - now_ns if full > now_ns else 0
        if ahead + limit.interval_ns > limit.room_ns:
            return limit.room_ns - ahead - limit.interval_ns
        return ahead

    # --- limits over pods ---------------------------------------------------------------------------------------

    cdef void _note(self, Bucket* bucket, int64_t spent_ns) noexcept nogil:
        if self._spent != NULL:
            agw_add(<uint64_t*> &self._spent[bucket - self._buckets], <uint64_t> spent_ns)

    cdef bint reached(self, int64_t now_ns) noexcept nogil:
        return <int64_t> agw_load(self._secret + REACHED) > now_ns

    def reach(self, int64_t until_ns):
        """The store was reached just now: see limits.pyi."""
        agw_store(self._secret + REACHED, <uint64_t> until_ns)

    def agree(self, bytes secret):
        """Hash with the secret that all pods have: see limits.pyi."""
        if len(secret) != 32:
            raise ValueError("a secret of 32 bytes")
        memcpy(self._secret, <const char*> secret, 32)

    def collect(self):
        """What was spent and nobody told of: see limits.pyi."""
        cdef list found = []
        cdef uint64_t i
        cdef int64_t spent
        for i in range(self._sets * WAYS):
            if self._spent[i]:
                spent = <int64_t> agw_swap(<uint64_t*> &self._spent[i], 0)
                found.append((agw_load(&self._buckets[i].tag), spent))
        return found

    def settle(self, uint64_t tag, int64_t ahead_ns, int64_t now_ns):
        """Take what all pods have spent: see limits.pyi."""
        cdef Bucket* bucket = self._known(tag)
        cdef int64_t full, wanted
        while bucket != NULL:
            full = <int64_t> agw_load(<uint64_t*> &bucket.full_ns)
            wanted = now_ns + ahead_ns + <int64_t> agw_load(<uint64_t*> &self._spent[bucket - self._buckets])
            if agw_exchange(<uint64_t*> &bucket.full_ns, <uint64_t> full, <uint64_t> wanted):
                return

    def try_take(self, entry, str subject, int64_t now_ns):
        """For tests: see limits.pyi."""
        cdef Limits limits = limits_new((entry,))
        cdef bytes text = subject.encode()
        cdef uint64_t tag = self.tag(limits.each[0].identity, <const char*> text, len(text))
        return self.take(tag, &limits.each[0], now_ns)

    def try_give_back(self, entry, str subject, int64_t now_ns):
        """For tests: see limits.pyi."""
        cdef Limits limits = limits_new((entry,))
        cdef bytes text = subject.encode()
        self.give_back(self.tag(limits.each[0].identity, <const char*> text, len(text)), &limits.each[0], now_ns)
