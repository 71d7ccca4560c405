"""Affinity: agents keep tasks in memory, so what is asked about a task or a context goes to the endpoint that has it.

    names a task that is known      its owner                       pinned
    names a context that is known   its owner                       pinned
    names a context that is not     where rendezvous hashing says   hashed   all workers and all pods say the same
    names nothing that is known     balanced as ever                none
    the owner is gone               as one that is not known        gone     removed, weight 0, ejected or down

Whoever answers with an id owns it from then on (`affinity_learn`), whichever way the request got there. So a pin is
replaced by what another endpoint answers, and only by that: an endpoint that was out for a while gets its tasks back,
unless somebody else has taken them on.

Rules: affinity never refuses. What it cannot read, does not know, or has forgotten is balanced. Where the owner is busy
the request waits in line for it and does not go elsewhere: elsewhere is a certain "task not found", and the wait is
bounded as any other. It is sent again only to the owner, unless connecting failed: who takes no connection is gone.
A context that nobody knows is hashed even if no pod has seen it before, since another pod may have. A rule with several
backends draws one for each request; what is known, or hashed, goes over to the one where it belongs.

Must not: look at a body (reading does), or at what a policy says.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from agw._fastpath.envelope cimport TEXT_ROOM
from agw._fastpath.exchange cimport X_PINNED
from agw._fastpath.filters cimport CompiledFilters
from agw._fastpath.owners cimport LEARNT_KNOWN, Owners
from agw._fastpath.pool cimport Bound, BoundTarget, Endpoint
from agw._fastpath.reading cimport Named, named
from agw._fastpath.record cimport (
    AFFINITY_GONE, AFFINITY_HASHED, AFFINITY_NONE, AFFINITY_PINNED, C_AFFINITY_LEARNT, C_AFFINITY_PINNED,
)
from agw._fastpath.rendezvous cimport distance_of, rank_of, spot_of
from agw._fastpath.route cimport CompiledBackend, CompiledRule, WeightedRef

cdef enum:
    TICK_BITS = 6           # a tick of the table's clock: 64 ms, which wrap after 8 years


# --- which endpoint -----------------------------------------------------------------------------------------------

cdef inline bint _serves(Endpoint endpoint, int64_t now_ms) noexcept:
    return endpoint.health.quiet or endpoint.health.share(now_ms) > 0


cdef Endpoint _at(Bound bound, uint64_t spot):
    """The endpoint of a backend by its spot; None where no target with a weight has it."""
    cdef BoundTarget target
    cdef Endpoint endpoint
    for target in bound.targets:
        if target.weight:
            for endpoint in target.endpoints:
                if endpoint.spot == spot:
                    return endpoint
    return None


cdef Endpoint _highest(BoundTarget target, uint64_t id, int64_t now_ms):
    """The endpoint of a target, among those in service, to which an id belongs."""
    cdef Endpoint endpoint, best = None
    cdef uint64_t rank, most = 0
    for endpoint in target.endpoints:
        if _serves(endpoint, now_ms):
            rank = rank_of(id, endpoint.spot)
            if best is None or rank > most:
                best, most = endpoint, rank
    return best


cdef Endpoint _hashed(Bound bound, uint64_t id, int64_t now_ms):
    """The endpoint in service to which an id belongs: first a target by weight, then one of its endpoints."""
    cdef BoundTarget target
    cdef Endpoint endpoint, best = None
    cdef double distance, least = 0
    for target in bound.targets:
        endpoint = _highest(target, id, now_ms) if target.weight else None
        if endpoint is None:
            continue
        distance = distance_of(id, target.spot, target.weight) if len(bound.targets) > 1 else 0
        if best is None or distance < least:
            best, least = endpoint, distance
    return best


cdef bint _any_serves(Bound bound, int64_t now_ms) noexcept:
    cdef BoundTarget target
    for target in bound.targets:
        if target.weight and _highest(target, 0, now_ms) is not None:
            return True
    return False


# --- which backend of a rule --------------------------------------------------------------------------------------

cdef inline bint _affine(const WeightedRef* ref) noexcept:
    return not ref.error and ref.weight > 0 and (<CompiledBackend> ref.backend).affinity and (
        (<CompiledBackend> ref.backend).bound is not None
    )


cdef const WeightedRef* _belongs(CompiledRule rule, uint64_t id) noexcept:
    """The backend with affinity to which an id belongs, by weight; NULL where the rule has none."""
    cdef const WeightedRef* best = NULL
    cdef CompiledBackend backend
    cdef double distance, least = 0
    cdef int i
    for i in range(rule.n_backends):
        if _affine(&rule.backends[i]):
            backend = <CompiledBackend> rule.backends[i].backend
            distance = distance_of(id, spot_of(backend.name.text, backend.name.size), rule.backends[i].weight)
            if best == NULL or distance < least:
                best, least = &rule.backends[i], distance
    return best


cdef inline uint32_t _tick(Exchange exchange) noexcept:
    return <uint32_t> (exchange.poller.now_ms >> TICK_BITS)


cdef uint64_t _tag(Owners owners, CompiledBackend backend, const char* id, Py_ssize_t size) noexcept:
    return owners.tag_of(backend.name.text, backend.name.size, id, size)


cdef Endpoint _owner(Exchange exchange, const char* id, Py_ssize_t size, const WeightedRef** ref, bint* known):
    """The owner of an id, and of which backend of the rule; None where it is not known or not there any more."""
    cdef Owners owners = exchange.context.owners
    cdef CompiledRule rule = exchange.rule
    cdef CompiledBackend backend
    cdef Endpoint endpoint
    cdef uint64_t spot
    cdef int i
    for i in range(rule.n_backends if owners is not None and size else 0):
        if not _affine(&rule.backends[i]):
            continue
        backend = <CompiledBackend> rule.backends[i].backend
        spot = owners.find(_tag(owners, backend, id, size), _tick(exchange))
        if spot:
            known[0] = True
            endpoint = _at(<Bound> backend.bound, spot)
            if endpoint is not None:
                ref[0] = &rule.backends[i]
                return endpoint
    return None


cdef inline void _count(Exchange exchange, int how) noexcept:
    exchange.account.affinity = <uint8_t> how
    exchange.context.counters[<int> C_AFFINITY_PINNED + how - <int> AFFINITY_PINNED] += 1


cdef bint _pin(Exchange exchange, const WeightedRef* ref, Endpoint endpoint, int how) noexcept:
    exchange.backend = <CompiledBackend> ref.backend
    if exchange.filtering is not None:
        exchange.filtering.backend = <CompiledFilters> ref.filters if ref.filters != NULL else None
    exchange.endpoint = endpoint
    exchange.flags |= X_PINNED
    _count(exchange, how)
    return True


cdef bint affinity_pin(Exchange exchange, const RequestHead* head) except -1:
    cdef Named who
    cdef int64_t now_ms = exchange.poller.now_ms
    cdef bint known = False
    cdef const WeightedRef* owners_ref = NULL
    cdef const WeightedRef* ref = NULL
    cdef Endpoint owner, endpoint
    exchange.flags &= ~<uint32_t> X_PINNED
    named(exchange, head, &who)
    owner = _owner(exchange, who.task, who.task_size, &owners_ref, &known)
    if owner is not None and _serves(owner, now_ms):
        return _pin(exchange, owners_ref, owner, AFFINITY_PINNED)
    endpoint = _owner(exchange, who.context, who.context_size, &ref, &known)
    if endpoint is not None and _serves(endpoint, now_ms):
        return _pin(exchange, ref, endpoint, AFFINITY_PINNED)
    if owner is None:
        owner, owners_ref = endpoint, ref
    if owner is not None and not _any_serves(<Bound> (<CompiledBackend> owners_ref.backend).bound, now_ms):
        return _pin(exchange, owners_ref, owner, AFFINITY_PINNED)     # where nothing is in service, everything is
    if who.context_size and exchange.backend.affinity:
        ref = _belongs(exchange.rule, spot_of(who.context, who.context_size))
        if ref != NULL:
            endpoint = _hashed(
                <Bound> (<CompiledBackend> ref.backend).bound, spot_of(who.context, who.context_size), now_ms
            )
            if endpoint is not None:
                return _pin(exchange, ref, endpoint, AFFINITY_GONE if known else AFFINITY_HASHED)
    _count(exchange, AFFINITY_GONE if known else AFFINITY_NONE)
    return False


cdef bint affinity_stays(Exchange exchange) noexcept:
    cdef Bound bound = <Bound> exchange.backend.bound
    cdef int64_t now_ms = exchange.poller.now_ms
    if _at(bound, exchange.endpoint.spot) is exchange.endpoint:
        if _serves(exchange.endpoint, now_ms) or not _any_serves(bound, now_ms):
            return True
    exchange.flags &= ~<uint32_t> X_PINNED
    return False


# --- what answers say ---------------------------------------------------------------------------------------------

cdef int affinity_learn(Exchange exchange, const char* id, Py_ssize_t size) except -1:
    cdef Owners owners = exchange.context.owners
    if owners is None or exchange.endpoint is None or not 0 < size <= TEXT_ROOM:
        return 0
    if owners.learn(
        _tag(owners, exchange.backend, id, size), exchange.endpoint.spot, _tick(exchange)
    ) != LEARNT_KNOWN:
        exchange.context.counters[C_AFFINITY_LEARNT] += 1
    return 0
