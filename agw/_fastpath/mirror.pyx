"""Mirrors: copies of requests to other backends, whose answers go nowhere (HTTPRequestMirrorFilter).

A copy is an exchange like any other whose client's side takes everything and keeps nothing, so that it has connections
from the pool, slots, and the timeouts of its rule. It begins when its request's head is sent, gets the body as that
passes, and lives on by itself when the body is complete.

Rules: the client never waits for a copy, nor hears of it. A copy whose mirror does not keep up, or whose body is too
large, is cut; of an answer little is read, so that the connection can serve again, and of an event stream nothing.
Copies count in metrics of their own and are in no log. They count against no endpoint: nobody was refused, and a mirror
is often there to try what may fail; but an answer to one speaks for an endpoint as any other does. A WebSocket
handshake is copied as the plain request that it also is.
"""

cimport cython

from agw._fastpath.buffer cimport buffer_size
from agw._fastpath.exchange cimport (
    X_BODY, X_ENDED, X_IDEMPOTENT, X_KEEP, X_MIRROR, X_REQUEST_DONE, X_RESPONSE_STARTED, Context, Downstream, Upstream,
)
from agw._fastpath.filters cimport MirrorRef
from agw._fastpath.message cimport FRAMING_LENGTH, FRAMING_UNTIL_CLOSE, Field
from agw._fastpath.pool cimport Bound, Endpoint
from agw._fastpath.record cimport (
    C_MIRRORED, C_MIRRORS_ACTIVE, C_MIRRORS_CUT, C_MIRRORS_FAILED, R_CLIENT_CLOSED, R_OVERLOADED,
)
from agw._fastpath.route cimport CompiledBackend
from agw._fastpath.stream cimport backlog

cdef enum:
    BODY = 1048576          # bytes of a body that are copied
    WAITING = 262144        # bytes that may wait for a mirror to take them
    ANSWER = 65536          # bytes of an answer that are read
    ANSWER_MS = 10_000      # in this time


@cython.final
cdef class Nowhere(Downstream):
    """The client's side of a copy."""

    cdef int respond_interim(self, ResponseHead* head) except -1:
        return 0

    cdef int respond_head(self, ResponseHead* head) except -1:
        return 0

    cdef int respond_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        return 0

    cdef int respond_trailers(self, const Field* fields, int count) except -1:
        return 0

    cdef int respond_end(self) except -1:
        return 0

    cdef int respond_abort(self) except -1:
        return 0


cdef Downstream _nowhere(Context context):
    """The one that all copies of a worker share."""
    if context.nowhere is None:
        context.nowhere = Nowhere.__new__(Nowhere)
        context.nowhere.fd = -1
        context.nowhere.poller = context.poller
    return context.nowhere


cdef int mirror_request(Exchange exchange, const RequestHead* head) except -1:
    cdef Filtering filtering = exchange.filtering
    cdef const MirrorRef* ref
    cdef int i
    filtering.mirrored = True
    for i in range(filtering.rule.n_mirrors):
        ref = &filtering.rule.mirrors[i]
        if exchange.context.pool.random() % ref.denominator < ref.numerator:
            _copy(exchange, <CompiledBackend> ref.backend, head)
    return 0


cdef int _copy(Exchange exchange, CompiledBackend backend, const RequestHead* head) except -1:
    """Begin one copy."""
    cdef Context context = exchange.context
    cdef Exchange copy
    context.counters[C_MIRRORED] += 1
    if head.framing == FRAMING_LENGTH and head.content_length > BODY:
        context.counters[C_MIRRORS_CUT] += 1
        return 0
    copy = Exchange.__new__(Exchange)
    copy.context = context
    copy.poller = exchange.poller
    copy.down = _nowhere(context)
    copy.rule = exchange.rule
    copy.backend = backend
    copy.flags = X_MIRROR | (exchange.flags & (X_BODY | X_REQUEST_DONE | X_IDEMPOTENT))
    copy.account.started_ns = exchange.poller.now_ns
    context.mirrors += 1
    context.counters[C_MIRRORS_ACTIVE] += 1
    try:
        _begin(copy, exchange, head)
        if not copy.flags & (X_ENDED | X_REQUEST_DONE):
            _follow(exchange, copy)
    except BaseException:
        copy.poller._caught(copy)       # whatever it was, it is not the client's
    return 0


cdef int _follow(Exchange exchange, Exchange copy) except -1:
    """Let the copy have the rest of the body."""
    if exchange.filtering.copies is None:
        exchange.filtering.copies = []
    exchange.filtering.copies.append(copy)
    exchange.flags |= X_KEEP
    return 0


cdef int _begin(Exchange copy, Exchange exchange, const RequestHead* head) except -1:
    """Connect a copy, and send what there is of the request."""
    cdef Bound bound = copy.backend.bound
    cdef Endpoint endpoint = None
    cdef RequestHead sent = head[0]
    if bound is not None:
        bound.budget.deposit()
        endpoint = copy.context.pool.pick(bound, None, copy.poller.now_ms)
    if endpoint is None or not copy._attach(endpoint, False):
        return copy._finish(False)
    sent.websocket = sent.wants_trailers = 0
    copy.up.send_head(&sent)
    if copy.rule.head_timeout_ms:
        copy.poller.arm(copy, copy.rule.head_timeout_ms)
    if exchange.held is not None and buffer_size(&exchange.held.body):
        _feed(copy, exchange.held.body.data + exchange.held.body.start, buffer_size(&exchange.held.body))
    if copy.flags & X_ENDED:
        return 0
    return _end(copy) if copy.flags & X_REQUEST_DONE else copy.up.flush()


cdef int _feed(Exchange copy, const unsigned char* data, Py_ssize_t size) except -1:
    """Send body bytes to a mirror, or cut it."""
    copy.account.request_bytes += size
    if copy.account.request_bytes > BODY or backlog(copy.up) + size > WAITING:
        copy.context.counters[C_MIRRORS_CUT] += 1
        copy.account.reason = R_OVERLOADED
        return copy._finish(False)
    return copy.up.send_body(data, size)


cdef int _end(Exchange copy) except -1:
    copy.flags |= X_REQUEST_DONE
    copy.up.send_end()
    return copy.up.flush()


cdef int mirror_body(Filtering filtering, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Exchange copy
    for copy in filtering.copies:
        if copy.flags & X_ENDED:
            continue
        try:
            _feed(copy, data, size)
            if not copy.flags & X_ENDED:
                copy.up.flush()
        except BaseException:
            copy.poller._caught(copy)
    return 0


cdef int mirror_end(Filtering filtering) except -1:
    cdef Exchange copy
    cdef list copies = filtering.copies
    filtering.copies = None
    for copy in copies:
        if copy.flags & X_ENDED:
            continue
        try:
            _end(copy)
        except BaseException:
            copy.poller._caught(copy)
    return 0


cdef int mirror_lost(Filtering filtering) except -1:
    cdef Exchange copy
    cdef list copies = filtering.copies
    filtering.copies = None
    for copy in copies:
        if not copy.flags & X_ENDED:
            copy.account.reason = R_CLIENT_CLOSED
            copy._finish(False)
    return 0


cdef int mirror_answered(Exchange copy, const ResponseHead* head) except -1:
    copy.flags |= X_RESPONSE_STARTED
    if head.event_stream or head.framing == FRAMING_UNTIL_CLOSE or head.content_length > ANSWER:
        return copy._finish(False)
    return copy.poller.arm(copy, ANSWER_MS)


cdef int mirror_dropped(Exchange copy, Py_ssize_t size) except -1:
    copy.account.response_bytes += size
    return copy._finish(False) if copy.account.response_bytes > ANSWER else 0


cdef int mirror_over(Exchange copy, bint reusable) except -1:
    cdef Exchange alive = copy      # its connection lets go of it, and callers only borrow it
    cdef Context context = copy.context
    cdef Upstream up = copy.up
    cdef bint complete = (copy.flags & X_REQUEST_DONE) != 0
    # Counted first: whatever fails below, it is over.
    alive.flags |= X_ENDED
    alive.poller.disarm(alive)
    context.mirrors -= 1
    context.counters[C_MIRRORS_ACTIVE] -= 1
    if not alive.account.first_byte_ns and alive.account.reason not in (R_OVERLOADED, R_CLIENT_CLOSED):
        context.counters[C_MIRRORS_FAILED] += 1
    if up is not None:
        alive._let_go()
        if reusable and complete:
            up.release()
        else:
            up.abandon()
    alive.rule = None
    alive.backend = None
    alive.endpoint = None
    alive.down = None
    return 0
