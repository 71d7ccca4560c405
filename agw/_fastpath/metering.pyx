"""Rate limits at work: which limits of its policy a request falls under, whom they count it for, and what is left.

    limit without operations   every request but preflights, which are answered before
    limit with operations      requests for those, and all of which nobody can say what they ask for
    agent cards                fetched by every client before its first request, are counted on their own: by limits of
                               the same size that nothing else counts in; limits with operations leave them alone

    Route       the route, whoever asks
    Consumer    the consumer's name; who needs no key and has none is known by address
    ClientIP    the address behind the trusted hops; of IPv6 the first 64 bits, which is what one client has
    Context     the consumer and the A2A context that the request names, or the task where it names only that; all
                requests of a consumer that name neither, and so begin a context of their own, count as one

Rules: all or none: what was taken before a limit refuses is given back. Decided before anything goes to an agent.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from agw._fastpath.admission cimport consumer_name
from agw._fastpath.digits cimport write_decimal
from agw._fastpath.exchange cimport X_CARD, X_METERED
from agw._fastpath.forwarding cimport add_field
from agw._fastpath.limits cimport MAX_LIMITS, PER_CLIENT, PER_CONTEXT, PER_ROUTE, Buckets, Limit, Limits, Quota
from agw._fastpath.operations cimport OP_GET_AGENT_CARD
from agw._fastpath.reading cimport Named, named
from agw._fastpath.route cimport CompiledPolicy

cdef enum:
    SECOND = 1_000_000_000

cdef char _wait[24]
cdef char _left[128]


# --- who is counted -----------------------------------------------------------------------------------------------


cdef inline void _know(Exchange exchange, const RequestHead* head) noexcept:
    exchange.context.forwarding.client(head, exchange.down.trusted, exchange.down.peer, exchange.quota.client)


cdef uint64_t _of_client(Exchange exchange, Buckets memory, uint64_t state) noexcept:
    cdef int i
    for i in range(10):
        if exchange.quota.client[i]:
            return memory.tag(state, exchange.quota.client, 8)
    return memory.tag(state, exchange.quota.client, 16)


cdef uint64_t _of_consumer(Exchange exchange, Buckets memory, uint64_t state) except? 0:
    cdef str name = consumer_name(exchange.rule.policy, exchange.account.consumer)
    cdef Py_ssize_t size = 0
    cdef const char* text
    if name is None:
        return _of_client(exchange, memory, state)
    text = PyUnicode_AsUTF8AndSize(name, &size)
    return memory.tag(state, text, size)


cdef uint64_t _of_context(Exchange exchange, const RequestHead* head, Buckets memory, uint64_t state) except? 0:
    cdef uint64_t tag = _of_consumer(exchange, memory, state)
    cdef Named who
    named(exchange, head, &who)
    if who.context_size:
        return memory.tag(tag, who.context, who.context_size)
    if who.task_size:
        return memory.tag(~tag, who.task, who.task_size)
    return tag


cdef inline bint _is_public_card(Exchange exchange) noexcept:
    """Whether it is for the card that every client fetches first; the extended one is an operation like others."""
    return exchange.flags & X_CARD and exchange.account.operation == OP_GET_AGENT_CARD


cdef inline Buckets _memory(Exchange exchange, const Limit* limit):
    return exchange.context.common if limit.shared else exchange.context.buckets


cdef uint64_t _tag(Exchange exchange, const RequestHead* head, const Limit* limit) except? 0:
    cdef uint64_t state = ~limit.identity if _is_public_card(exchange) else limit.identity
    cdef Buckets memory = _memory(exchange, limit)
    if limit.per == PER_ROUTE:
        return memory.tag(state, exchange.rule.route.text, exchange.rule.route.size)
    if limit.per == PER_CLIENT:
        return _of_client(exchange, memory, state)
    if limit.per == PER_CONTEXT:
        return _of_context(exchange, head, memory, state)
    return _of_consumer(exchange, memory, state)


# --- what it takes ------------------------------------------------------------------------------------------------


cdef inline bint _falls_under(Exchange exchange, const Limit* limit, bint known) noexcept:
    if limit.operations == 0:
        return True
    return not _is_public_card(exchange) and (not known or limit.operations >> exchange.account.operation & 1)


cdef bint _take(Exchange exchange, const RequestHead* head, bint known) except -1:
    """Take what is not taken yet."""
    cdef Limits limits = exchange.rule.policy.limits
    cdef Quota* quota = &exchange.quota
    cdef const Limit* limit
    cdef uint64_t tags[MAX_LIMITS]
    cdef uint32_t taken = 0
    cdef int64_t ahead, left, now_ns = exchange.poller.now_ns
    cdef int i, j
    for i in range(limits.count):
        limit = &limits.each[i]
        if quota.taken >> i & 1 or not _falls_under(exchange, limit, known):
            continue
        tags[i] = _tag(exchange, head, limit)
        if limit.closed and not exchange.context.common.reached(now_ns):
            ahead = -SECOND
        else:
            ahead = _memory(exchange, limit).take(tags[i], limit, now_ns)
        if ahead < 0:
            for j in range(i):
                if taken >> j & 1:
                    _memory(exchange, &limits.each[j]).give_back(tags[j], &limits.each[j], now_ns)
            quota.tightest, quota.left, quota.wait_ns, quota.reset_ns = i, 0, -ahead, -ahead
            return False
        taken |= <uint32_t> 1 << i
        left = (limit.room_ns - ahead) // limit.interval_ns
        if quota.tightest < 0 or left < quota.left:
            quota.tightest, quota.left, quota.reset_ns = i, left, ahead
    quota.taken |= taken
    return True


cdef bint meter(Exchange exchange, const RequestHead* head, bint known) except -1:
    exchange.flags |= X_METERED
    exchange.quota.taken = 0
    exchange.quota.tightest = -1
    exchange.quota.wait_ns = 0
    _know(exchange, head)
    return _take(exchange, head, known)


cdef bint meter_rest(Exchange exchange) except -1:
    return _take(exchange, NULL, False)


cdef bint guessed_too_often(Exchange exchange, const RequestHead* head, bint wrong) except -1:
    cdef Limits limits = exchange.rule.policy.guesses
    cdef const Limit* limit = &limits.each[0]
    cdef Buckets buckets = exchange.context.buckets
    cdef Quota* quota = &exchange.quota
    cdef uint64_t tag
    cdef int64_t ahead
    _know(exchange, head)
    tag = _of_client(exchange, buckets, limit.identity)
    ahead = buckets.look(tag, limit, exchange.poller.now_ns)
    if ahead >= 0:
        if wrong:
            buckets.take(tag, limit, exchange.poller.now_ns)
        return False
    exchange.flags |= X_METERED
    quota.tightest = -1         # how many guesses are left is nobody's business
    quota.wait_ns = -ahead
    return True


# --- what is said of it -------------------------------------------------------------------------------------------


cdef inline int64_t _seconds(int64_t ns) noexcept:
    """Rounded up: who waits that long is not refused again."""
    return (ns + SECOND - 1) // SECOND


cdef int tell_quota(Exchange exchange, ResponseHead* head) except -1:
    # draft-ietf-httpapi-ratelimit-headers-10: a List of Items, the name of the limit each.
    cdef CompiledPolicy policy = exchange.rule.policy
    cdef const Quota* quota = &exchange.quota
    cdef const Limit* limit
    cdef char* at
    if quota.wait_ns:
        at = write_decimal(_wait, <uint64_t> _seconds(quota.wait_ns))
        add_field(head.fields, &head.n_fields, "Retry-After", 11, _wait, at - _wait)
    if quota.tightest < 0:
        return 0
    limit = &policy.limits.each[quota.tightest]
    memcpy(_left, limit.item, limit.name_len)
    at = _left + limit.name_len
    memcpy(at, ";r=", 3)
    at = write_decimal(at + 3, <uint64_t> quota.left)
    memcpy(at, ";t=", 3)
    at = write_decimal(at + 3, <uint64_t> _seconds(quota.reset_ns))
    add_field(head.fields, &head.n_fields, "RateLimit", 9, _left, at - _left)
    add_field(
        head.fields, &head.n_fields, "RateLimit-Policy", 16, <const char*> policy.limits.policy,
        len(policy.limits.policy),
    )
    return 0
