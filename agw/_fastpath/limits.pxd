# How many requests are taken: the limits of a policy, and the buckets that all workers of a pod count in.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    MAX_LIMITS = 32             # of a policy: 16 of a pod, 16 over pods
    ITEM_ROOM = 64

# What is counted on its own.
cdef enum Per:
    PER_ROUTE = 0
    PER_CONSUMER = 1
    PER_CLIENT = 2
    PER_CONTEXT = 3

# One limit: `burst` requests at once, and then one per interval.
cdef struct Limit:
    uint64_t identity           # of what the limit says, and of whose it is: the same after a reload
    int64_t interval_ns
    int64_t room_ns             # burst intervals
    uint32_t operations         # a bit for each operation; 0: any request
    int per                     # Per
    bint shared                 # over pods: counted in the other memory, which a store is told of
    bint closed                 # refused while that store cannot be reached
    int name_len                # bytes of item that are its name
    char item[64]               # of RateLimit-Policy: its name, quoted, with parameters


# The limits of a policy. A request must have room in all that it falls under.
@cython.final
cdef class Limits:
    cdef readonly tuple entries         # of the snapshot's Limit
    cdef readonly bint by_operation     # one names operations: what a request asks for must be known
    cdef readonly bint by_context       # one counts contexts: which a request is of must be known
    cdef int count
    cdef Limit each[32]                 # MAX_LIMITS
    cdef readonly bytes policy          # value of RateLimit-Policy


# What an exchange has taken, and how much is left of the limit of which least is.
cdef struct Quota:
    int64_t left            # requests
    int64_t reset_ns        # until all of it is there again
    int64_t wait_ns         # where it was refused: until there is room for one
    uint32_t taken          # a bit for each limit of the policy
    uint8_t client[16]      # the address that the client is known by
    int tightest            # index of the limit; -1 without

# A bucket. It is full at full_ns (CLOCK_MONOTONIC), and each request that is taken moves that on by an interval.
cdef struct Bucket:
    uint64_t tag                # of who is counted, by which limit; 0: of nobody yet
    int64_t full_ns


# Memory that processes share: any number of them take from the same buckets at the same time.
@cython.final
cdef class Buckets:
    cdef object _owner          # keeps the memory
    cdef uint64_t* _secret      # 4 words, of the same memory
    cdef Bucket* _buckets
    cdef int64_t* _spent        # of each bucket, ns that the store was not told of yet; NULL: there is no store
    cdef uint64_t _sets         # a power of two
    cdef uint64_t* evictions    # counter of buckets given to others before they were full; NULL: not counted

    # Who is counted, by which limit. state: the identity of the limit, or the tag of a part of the subject.
    cdef uint64_t tag(self, uint64_t state, const void* subject, size_t size) noexcept nogil
    # Take one. Gives ns until the bucket is full again (above 0); where there is no room, how long, negative.
    cdef int64_t take(self, uint64_t tag, const Limit* limit, int64_t now_ns) noexcept nogil
    # Give one back that was taken in vain.
    cdef void give_back(self, uint64_t tag, const Limit* limit, int64_t now_ns) noexcept nogil
    # Whether there is room, without taking it: as `take`, with 0 for a full bucket.
    cdef int64_t look(self, uint64_t tag, const Limit* limit, int64_t now_ns) noexcept nogil
    # Whether the store has been reached lately.
    cdef bint reached(self, int64_t now_ns) noexcept nogil
    cdef void _note(self, Bucket* bucket, int64_t spent_ns) noexcept nogil
    cdef Bucket* _find(self, uint64_t tag, int64_t now_ns) noexcept nogil
    cdef Bucket* _known(self, uint64_t tag) noexcept nogil

# entries: the snapshot's. Raises ValueError for a number or a word that is not known here.
cdef Limits limits_new(tuple entries)
