"""Paths: exact before expressions before prefixes, the longer before the shorter.

Prefixes go by whole segments (`/v2` takes `/v2` and `/v2/x`, not `/v2example`). All prefixes of a request's path are
hashed in one pass, each from the hash of the one before; only depths that some prefix has are probed, so the cost goes
by the depth of what is configured, not by the number of routes or by what a client sends.

Must not: normalise. The path is matched as it will be forwarded.
"""

from libc.stdint cimport uint32_t, uint64_t

from agw._fastpath.index cimport (
    SECRET,
    Block,
    agw_hash,
    block_free,
    index_clear,
    index_copy,
    index_find,
    index_put,
    index_remove,
)
from agw._fastpath.matches cimport Bucket, Candidate, Request, bucket_new, bucket_pick, bucket_release

cdef enum:
    HITS = 32    # prefixes of one path that are kept before they are tried


cdef inline uint64_t _depth_bit(uint32_t depth) noexcept nogil:
    return <uint64_t>1 << (depth if depth < 63 else 63)


cdef inline uint64_t _hash_exact(const unsigned char* path, uint32_t n) noexcept nogil:
    return agw_hash(path, n, SECRET[3], SECRET)


cdef inline uint32_t _segment_end(const unsigned char* path, uint32_t n, uint32_t at) noexcept nogil:
    """Where the segment that begins with the slash at `at` ends."""
    at += 1
    while at < n and path[at] != c"/":
        at += 1
    return at


cdef uint64_t _hash_prefix(const unsigned char* path, uint32_t n, uint32_t* depth) noexcept nogil:
    """Hash a prefix as the walk over a request's path does."""
    cdef uint64_t state = SECRET[1]
    cdef uint32_t at = 0, end
    depth[0] = 0
    while at < n:
        end = _segment_end(path, n, at)
        state = agw_hash(path + at, end - at, state, SECRET)
        at = end
        depth[0] += 1
    return state


# --- Matching ---

cdef const Candidate* _pick_deepest(Block** hits, int n, Request* request) except? NULL:
    cdef const Candidate* picked
    while n:
        n -= 1
        picked = bucket_pick(<const Bucket*>hits[n], request)
        if picked != NULL:
            return picked
    return NULL


cdef const Candidate* _pick_prefix(const HostRules* rules, Request* request) except? NULL:
    cdef const unsigned char* path = request.head.path
    cdef uint32_t n = request.head.path_len
    cdef uint32_t at = 0, end, depth = 0
    cdef uint64_t state = SECRET[1]
    cdef uint64_t bit = 1
    cdef const Candidate* best = NULL
    cdef const Candidate* picked
    cdef Block* hits[HITS]
    cdef Block* block
    cdef int count = 0
    while True:
        if rules.depths & bit:
            block = index_find(&rules.prefix, state, path, at)
            if block != NULL:
                if count == HITS:
                    picked = _pick_deepest(hits, count, request)
                    best = picked if picked != NULL else best
                    count = 0
                hits[count] = block
                count += 1
        if at == n or (depth < 63 and rules.depths >> 1 < bit):    # no prefix is deeper
            break
        end = _segment_end(path, n, at)
        state = agw_hash(path + at, end - at, state, SECRET)
        at = end
        depth += 1
        bit = _depth_bit(depth)
    picked = _pick_deepest(hits, count, request)
    return picked if picked != NULL else best


cdef const Candidate* paths_pick(const HostRules* rules, Request* request) except? NULL:
    cdef const unsigned char* path = request.head.path
    cdef uint32_t n = request.head.path_len
    cdef const Candidate* picked
    cdef Block* block
    if rules.exact.used:
        block = index_find(&rules.exact, _hash_exact(path, n), path, n)
        if block != NULL:
            picked = bucket_pick(<const Bucket*>block, request)
            if picked != NULL:
                return picked
    if rules.regex != NULL:
        picked = bucket_pick(rules.regex, request)
        if picked != NULL:
            return picked
    if rules.depths:
        return _pick_prefix(rules, request)
    return NULL


# --- Building ---

cdef const Bucket* paths_get(const HostRules* rules, int kind, bytes path) noexcept:
    cdef const unsigned char* p = path
    cdef uint32_t n = <uint32_t>len(path)
    cdef uint32_t depth
    if kind == PATH_REGEX:
        return rules.regex
    if kind == PATH_EXACT:
        return <const Bucket*>index_find(&rules.exact, _hash_exact(p, n), p, n)
    return <const Bucket*>index_find(&rules.prefix, _hash_prefix(p, n, &depth), p, n)


cdef int _set_regex(HostRules* rules, list candidates) except -1:
    cdef Bucket* bucket = bucket_new(0, b"", candidates) if candidates else NULL
    if rules.regex != NULL:
        bucket_release(&rules.regex.block)
    rules.regex = bucket
    return 0


cdef int _set_exact(HostRules* rules, bytes path, list candidates) except -1:
    cdef uint32_t n = <uint32_t>len(path)
    cdef uint64_t hash = _hash_exact(path, n)
    cdef Bucket* bucket
    if not candidates:
        index_remove(&rules.exact, hash, path, n, bucket_release)
        return 0
    bucket = bucket_new(hash, path, candidates)
    index_put(&rules.exact, &bucket.block, bucket_release)
    return 0


cdef void _count_depths(HostRules* rules) noexcept:
    cdef Block* block
    cdef uint32_t i, depth
    rules.depths = 0
    for i in range(rules.prefix.mask + 1 if rules.prefix.used else 0):
        block = rules.prefix.slots[i].block
        if block != NULL:
            _hash_prefix(block.key, block.key_len, &depth)
            rules.depths |= _depth_bit(depth)


cdef int _set_prefix(HostRules* rules, bytes path, list candidates) except -1:
    cdef uint32_t n = <uint32_t>len(path)
    cdef uint32_t depth
    cdef uint64_t hash = _hash_prefix(path, n, &depth)
    cdef Bucket* bucket
    if not candidates:
        index_remove(&rules.prefix, hash, path, n, bucket_release)
        _count_depths(rules)
        return 0
    bucket = bucket_new(hash, path, candidates)
    index_put(&rules.prefix, &bucket.block, bucket_release)
    rules.depths |= _depth_bit(depth)
    return 0


cdef int paths_set(HostRules* rules, int kind, bytes path, list candidates) except -1:
    if kind == PATH_REGEX:
        return _set_regex(rules, candidates)
    if kind == PATH_EXACT:
        return _set_exact(rules, path, candidates)
    return _set_prefix(rules, path, candidates)


cdef bint paths_empty(const HostRules* rules) noexcept:
    return rules.regex == NULL and rules.exact.used == 0 and rules.prefix.used == 0


cdef int paths_copy(HostRules* target, const HostRules* source) except -1:
    target.depths = source.depths
    target.regex = source.regex
    if target.regex != NULL:
        target.regex.block.owners += 1
    index_copy(&target.prefix, &source.prefix)
    index_copy(&target.exact, &source.exact)
    return 0


cdef void paths_release(Block* block) noexcept:
    cdef HostRules* rules = <HostRules*>block
    block.owners -= 1
    if block.owners:
        return
    index_clear(&rules.prefix, bucket_release)
    index_clear(&rules.exact, bucket_release)
    if rules.regex != NULL:
        bucket_release(&rules.regex.block)
    block_free(block)
