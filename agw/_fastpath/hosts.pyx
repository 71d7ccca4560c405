"""Which hostname of a set takes a host: the same rule for the listeners of a port and the routes of a listener.

`*.x` takes any host with at least one label before x, however many, and not x itself (Gateway API, Hostname). Longest
wildcard first is the order in which labels are taken from the left of the host, so a walk needs no sorting; it looks
only at label counts that some wildcard has, so a host of a hundred labels costs what the table is worth, not what the
client wrote.

Must not: fold case or cut ports; hosts come that way from the parser, hostnames from translation.
"""

from libc.stdint cimport uint32_t, uint64_t

from agw._fastpath.index cimport (
    SECRET,
    Block,
    Index,
    agw_hash,
    block_new,
    index_clear,
    index_copy,
    index_find,
    index_put,
    index_remove,
    release_t,
)


cdef inline uint64_t _hash(const unsigned char* host, uint32_t n) noexcept nogil:
    return agw_hash(host, n, SECRET[0], SECRET)


cdef inline uint64_t _label_bit(int labels) noexcept nogil:
    return <uint64_t>1 << (labels if labels < 63 else 63)


cdef int _count_dots(const unsigned char* host, uint32_t n) noexcept nogil:
    cdef int dots = 0
    cdef uint32_t i
    for i in range(n):
        dots += host[i] == c"."
    return dots


cdef void cursor_start(HostCursor* cursor, const HostSet* hosts, const unsigned char* host, uint32_t n) noexcept nogil:
    cursor.hosts = hosts
    cursor.host = host
    cursor.host_len = n
    cursor.at = 1    # at least one label, and not an empty one, is before the suffix
    cursor.labels = -1
    cursor.stage = 0


cdef Block* _next_wildcard(HostCursor* cursor) noexcept nogil:
    cdef const unsigned char* suffix
    cdef uint32_t n
    cdef Block* block
    if cursor.labels < 0:
        cursor.labels = _count_dots(cursor.host, cursor.host_len)
        if cursor.host_len and cursor.host[0] == c".":
            cursor.labels -= 1
    while cursor.at < cursor.host_len:
        if cursor.host[cursor.at] != c".":
            cursor.at += 1
            continue
        cursor.at += 1
        suffix = cursor.host + cursor.at
        n = cursor.host_len - cursor.at
        cursor.labels -= 1
        if cursor.hosts.labels & _label_bit(cursor.labels + 1):
            block = index_find(&cursor.hosts.wild, _hash(suffix, n), suffix, n)
            if block != NULL:
                return block
    return NULL


cdef Block* cursor_next(HostCursor* cursor) noexcept nogil:
    cdef Block* block
    if cursor.stage == 0:
        cursor.stage = 1
        if cursor.hosts.exact.used:
            block = index_find(&cursor.hosts.exact, _hash(cursor.host, cursor.host_len), cursor.host, cursor.host_len)
            if block != NULL:
                return block
    if cursor.stage == 1:
        if cursor.hosts.labels:
            block = _next_wildcard(cursor)
            if block != NULL:
                return block
        cursor.stage = 2
    if cursor.stage == 2:
        cursor.stage = 3
        return cursor.hosts.any_host
    return NULL


cdef bytes _key(bytes hostname):
    return hostname[2:] if hostname.startswith(b"*.") else hostname


cdef Index* _index(HostSet* hosts, bytes hostname) noexcept:
    return &hosts.wild if hostname.startswith(b"*.") else &hosts.exact


cdef Block* hosts_get(const HostSet* hosts, bytes hostname) except? NULL:
    cdef bytes key = _key(hostname)
    cdef uint32_t n = <uint32_t>len(key)
    if not hostname:
        return hosts.any_host
    return index_find(_index(<HostSet*>hosts, hostname), _hash(key, n), key, n)


cdef void* hosts_block(size_t size, bytes hostname) except NULL:
    cdef bytes key = _key(hostname)
    cdef uint32_t n = <uint32_t>len(key)
    return block_new(size, _hash(key, n), key, n)


cdef int hosts_put(HostSet* hosts, bytes hostname, Block* block, release_t release) except -1:
    cdef Block* old
    if not hostname:
        old = hosts.any_host
        hosts.any_host = block
        if old != NULL:
            release(old)
        return 0
    if hostname.startswith(b"*."):
        hosts.labels |= _label_bit(hostname.count(b"."))
    return index_put(_index(hosts, hostname), block, release)


cdef int hosts_remove(HostSet* hosts, bytes hostname, release_t release) except -1:
    cdef bytes key = _key(hostname)
    cdef uint32_t n = <uint32_t>len(key)
    cdef uint32_t i
    cdef Block* block
    if not hostname:
        block = hosts.any_host
        hosts.any_host = NULL
        if block != NULL:
            release(block)
        return 0
    index_remove(_index(hosts, hostname), _hash(key, n), key, n, release)
    if hostname.startswith(b"*."):
        hosts.labels = 0
        for i in range(hosts.wild.mask + 1 if hosts.wild.used else 0):
            block = hosts.wild.slots[i].block
            if block != NULL:
                hosts.labels |= _label_bit(_count_dots(block.key, block.key_len) + 1)
    return 0


cdef int hosts_copy(HostSet* target, const HostSet* source) except -1:
    target.labels = source.labels
    target.any_host = source.any_host
    if target.any_host != NULL:
        target.any_host.owners += 1
    index_copy(&target.exact, &source.exact)
    index_copy(&target.wild, &source.wild)
    return 0


cdef void hosts_clear(HostSet* hosts, release_t release) noexcept:
    index_clear(&hosts.exact, release)
    index_clear(&hosts.wild, release)
    if hosts.any_host != NULL:
        release(hosts.any_host)
    hosts.any_host = NULL
    hosts.labels = 0
