"""The exchange: one request and its response, from admission to the record of its end.

It routes, authenticates, picks an endpoint, retries where that is safe, times out and accounts, and never knows which
protocol is spoken on either side: the codecs call it with heads, bytes and ends, and it calls them with the same.

    begin --admitted--> forwarding --response_head--> answering --response_end--> done
       \\--refused--> answer ------------------------------------------------------^
                  forwarding --upstream_failed--> retry once, or answer 502, 503, 504
                  answering  --upstream_failed--> respond_abort: a cut is never a clean end

Rules: an exchange keeps the rule of the table that it began with; after down.done() the object may already serve the
next request, so nothing touches it afterwards; a POST of which a byte was sent is never sent again.
"""

cimport cython
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from agw._fastpath.account cimport account_begin, account_count, account_record
from agw._fastpath.admission cimport Admission, admit
from agw._fastpath.answers cimport local_answer
from agw._fastpath.cards cimport hold_card
from agw._fastpath.forwarding cimport Claims, Hop, add_field, hex_id
from agw._fastpath.message cimport (
    F_X_REQUEST_ID, FIELD_DROP, FRAMING_LENGTH, FRAMING_NONE, M_DELETE, M_GET, M_HEAD, M_OPTIONS, M_PUT,
)
from agw._fastpath.poller cimport Source
from agw._fastpath.record cimport (
    C_CARDS_REWRITTEN, C_DOWNSTREAM_ACTIVE, C_DOWNSTREAM_RECLAIMED, C_EXCHANGES_ACTIVE, C_RETRIES, C_STREAMS,
    C_STREAMS_ACTIVE, C_TUNNELS, C_UPSTREAM_CONNECT_FAILURES, C_UPSTREAM_DISCARDED, C_UPSTREAM_REUSES,
    R_CONNECT_FAILED, R_DRAINED, R_INTERNAL, R_LOCAL, R_LOOP, R_NO_ENDPOINT, R_TOO_LARGE, R_UPSTREAM,
    R_UPSTREAM_CLOSED, R_UPSTREAM_INVALID, R_UPSTREAM_TIMEOUT, RECORD_CARD, RECORD_END, RECORD_RETRIED, RECORD_REUSED,
    RECORD_START, RECORD_STREAM,
)
from agw._fastpath.stream cimport HIGH_MARK, backlog

cdef enum:
    MAX_SPARE = 256         # ended Exchanges kept
    RECLAIM_LOOKS = 16      # resting connections that are looked at for one that can be ended


@cython.final
cdef class Context:
    def __cinit__(
        self, Poller poller, Pool pool, unsigned char[::1] counters, unsigned char[::1] records, uint32_t head,
    ):
        self.poller = poller
        self.pool = pool
        self._counters_owner = counters
        self._records_owner = records
        self.counters = <uint64_t*> &counters[0]
        self.ring = &records[0]
        self.limits.head = head
        self.receive = <unsigned char*> malloc(head + RECEIVE_ROOM)
        self.head_scratch = <unsigned char*> malloc(2 * head)
        if self.receive == NULL or self.head_scratch == NULL:
            raise MemoryError
        self.spare = []
        self.waiting = []

    def __dealloc__(self):
        free(self.receive)
        free(self.head_scratch)

    cdef bint reclaim(self) except -1:
        """End the connection that has rested longest; False where none can be ended without losing a request."""
        cdef void* at = self.resting.oldest
        cdef void* newer
        for _ in range(RECLAIM_LOOKS):
            if at == NULL:
                return False
            newer = (<Stream> at).newer_idle
            if (<Downstream> at).give_way():
                self.counters[C_DOWNSTREAM_RECLAIMED] += 1
                return True
            at = newer
        return False

    cdef int connection_ended(self) except -1:
        """There is room again for one more."""
        cdef Source acceptor
        self.connections -= 1
        self.counters[C_DOWNSTREAM_ACTIVE] -= 1
        while self.waiting:
            acceptor = <Source> self.waiting.pop()
            self.poller.disarm(acceptor)
            acceptor.on_timer()
        return 0


cdef class Downstream(Stream):
    cdef int respond_interim(self, ResponseHead* head) except -1:
        """Send on an interim answer (103)."""
        raise NotImplementedError

    cdef int respond_head(self, ResponseHead* head) except -1:
        """Send the head of the final answer; fields with FIELD_DROP are left out, framing is the codec's."""
        raise NotImplementedError

    cdef int respond_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Send body bytes; the span is borrowed for the call."""
        raise NotImplementedError

    cdef int respond_trailers(self, const Field* fields, int count) except -1:
        """Fields behind the body, for a client that wants them; those with FIELD_DROP are left out."""
        raise NotImplementedError

    cdef int respond_end(self) except -1:
        """The answer is complete."""
        raise NotImplementedError

    cdef int respond_tunnel(self, ResponseHead* head) except -1:
        """Send the 101; what comes after it, both ways, is not HTTP."""
        raise NotImplementedError

    cdef int respond_abort(self) except -1:
        """The answer cannot be completed, and the client must see that it is not."""
        raise NotImplementedError

    cdef int respond_continue(self) except -1:
        """Send 100 (Continue): the request is admitted and its body wanted."""
        raise NotImplementedError

    cdef int done(self, bint request_complete) except -1:
        """The exchange is over; with request_complete False, part of the request is still to be read and ignored."""
        raise NotImplementedError

    cdef bint give_way(self) except -1:
        """End a resting connection in favour of another; False where a request is arriving on it."""
        raise NotImplementedError


cdef class Upstream(Stream):
    cdef int send_head(self, RequestHead* head) except -1:
        """Send the request's head; fields with FIELD_DROP are left out."""
        raise NotImplementedError

    cdef int send_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Send body bytes; the span is borrowed for the call."""
        raise NotImplementedError

    cdef int send_end(self) except -1:
        """The request is complete."""
        raise NotImplementedError

    cdef int abandon(self) except -1:
        """The exchange wants no more of this: give up the request, so that the agent notices."""
        raise NotImplementedError

    cdef int release(self) except -1:
        """The exchange ended well: keep the connection for another."""
        raise NotImplementedError

    cdef bint usable(self) noexcept:
        """Look at an idle connection: False where the agent has closed it or talks out of turn."""
        return False

    cdef int replay(self, Upstream failed) except -1:
        """Send all that the failed one had been given."""
        raise NotImplementedError


cdef class Connector:
    cdef Upstream open(self, Context context, Endpoint endpoint):
        """Begin to connect; None where that fails at once."""
        raise NotImplementedError


cdef Exchange new_exchange(Context context, Downstream down):
    """An exchange for the next request of this connection."""
    cdef Exchange self
    cdef Account* account
    if context.spare:
        self = <Exchange> context.spare.pop()
    else:
        self = Exchange.__new__(Exchange)
        self.context = context
        self.poller = context.poller
    self.down = down
    self.flags = 0
    account = &self.account
    account.status = 0
    account.reason = R_UPSTREAM
    account.method_id = 0
    account.consumer = -1
    account.port = down.port
    account.path_len = 0
    account.id[0] = context.pool.random()
    account.id[1] = context.pool.random()
    account.request_id_len = <uint8_t> hex_id(account.id, account.request_id)
    account.trace_id_len = 0
    account.started_ns = context.poller.now_ns
    account.first_byte_ns = 0
    account.request_bytes = 0
    account.response_bytes = 0
    context.active += 1
    context.counters[C_EXCHANGES_ACTIVE] += 1
    return self


@cython.final
cdef class Exchange(Timed):

    # --- the request ----------------------------------------------------------------------------------------------

    cdef int begin(self, RequestHead* head) except -1:
        """Admit a request and forward it, or answer it. The head is borrowed for the call."""
        cdef Admission verdict
        cdef Context context = self.context
        account_begin(&self.account, head, self.down.port)
        if head.method_id in (M_GET, M_HEAD, M_OPTIONS, M_PUT, M_DELETE):
            self.flags |= X_IDEMPOTENT
        if head.method_id == M_HEAD:
            self.flags |= X_HEAD
        if head.framing != FRAMING_NONE and not (head.framing == FRAMING_LENGTH and head.content_length == 0):
            self.flags |= X_BODY
        else:
            self.flags |= X_REQUEST_DONE
        if context.draining:
            self.down.last = True
        if self._judge(head):
            return self.answer(508, R_LOOP)
        admit(&verdict, head, context.table, context.pool, self.down.port, context.max_body)
        self.account.consumer = verdict.consumer
        if verdict.rule != NULL:
            self.rule = <CompiledRule> verdict.rule
        if verdict.status:
            return self.answer(verdict.status, verdict.reason)
        self.backend = <CompiledBackend> verdict.backend
        if verdict.card and context.rewrite_card is not None:
            self.flags |= X_CARD
            self.card = hold_card(head, self.down.port)
        return self._forward(head)

    cdef bint _judge(self, RequestHead* head) noexcept:
        """Take of the client's word for itself what may be taken; True where the request goes in circles."""
        cdef Claims claims
        cdef Account* account = &self.account
        self.context.forwarding.judge(head, self.down.trusted, &claims)
        if claims.request_id != NULL:
            account.request_id_len = claims.request_id_len
            memcpy(account.request_id, claims.request_id, claims.request_id_len)
        if claims.trace_id != NULL:
            account.trace_id_len = sizeof(account.trace_id)
            memcpy(account.trace_id, claims.trace_id, sizeof(account.trace_id))
        if claims.https:
            self.flags |= X_HTTPS
        return claims.loop

    cdef int _forward(self, RequestHead* head) except -1:
        """Connect, settle what the agent is told about the client, send the head."""
        cdef Context context = self.context
        cdef Downstream down = self.down
        cdef Hop hop
        if not self._connect(None):
            return self.answer(503, R_NO_ENDPOINT if self.endpoint is None else R_CONNECT_FAILED)
        hop.peer, hop.peer_len = down.peer_text, down.peer_len
        hop.request_id, hop.request_id_len = self.account.request_id, self.account.request_id_len
        hop.port, hop.trusted, hop.https = down.port, down.trusted, (self.flags & X_HTTPS) != 0
        context.forwarding.describe(head, context.text, &hop)
        self.up.send_head(head)
        if head.expect_continue:
            down.respond_continue()
        if self.flags & X_REQUEST_DONE:
            self.up.send_end()
        if self.rule.request_timeout_ms:
            self.poller.arm(self, self.rule.request_timeout_ms)
        return 0

    cdef int _connect(self, Endpoint avoid) except -1:
        """Get a connection to an endpoint, kept or new; with `avoid` (a retry) always new. 0 where none can be."""
        cdef Context context = self.context
        cdef Endpoint endpoint
        cdef Upstream up
        for _ in range(2):
            endpoint = context.pool.pick(self.backend, avoid)
            if endpoint is None:
                return 0
            self.endpoint = endpoint
            up = None
            while avoid is None and endpoint.idle.newest != NULL:
                up = <Upstream> endpoint.idle.newest
                if up.usable():
                    self.flags |= X_REUSED
                    context.counters[C_UPSTREAM_REUSES] += 1
                    break
                context.counters[C_UPSTREAM_DISCARDED] += 1
                up = None
            if up is None:
                self.flags &= ~<uint32_t> X_REUSED
                up = context.connector.open(context, endpoint)
            if up is not None:
                self.up = up
                up.exchange = self
                endpoint.active += 1
                return 1
            context.counters[C_UPSTREAM_CONNECT_FAILURES] += 1
            avoid = endpoint
        return 0

    cdef int request_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Bytes of the request's body, as they arrive."""
        self.account.request_bytes += size
        if self.context.max_body and self.account.request_bytes > self.context.max_body and not self.flags & X_TUNNEL:
            return self.request_refused(413, R_TOO_LARGE)
        return self.up.send_body(data, size)

    cdef int request_end(self) except -1:
        """The request is complete."""
        self.flags |= X_REQUEST_DONE
        self.flags &= ~<uint32_t> X_PAUSED_DOWN
        return self.up.send_end()

    cdef int request_lost(self, int reason) except -1:
        """The client is gone: nobody wants the answer."""
        self.account.reason = reason
        if not self.account.status:
            self.account.status = 499
        return self._finish(False)

    cdef int request_refused(self, int status, int reason) except -1:
        """The request turned out to be malformed, too large or too slow."""
        self.down.last = True
        if self.flags & X_RESPONSE_STARTED:
            return self._cut(reason)
        return self.answer(status, reason)

    cdef int request_cut(self) except -1:
        """The worker ends before the exchange does."""
        self.down.last = True
        if self.flags & X_RESPONSE_STARTED:
            return self._cut(R_DRAINED)
        return self.answer(503, R_DRAINED)

    cdef int flush_request(self) except -1:
        """All that one read brought has been handed over: send it, and read on only while the agent keeps up."""
        if self.up is None:
            return 0
        self.up.flush()
        if self.up is not None and not self.flags & X_REQUEST_DONE and backlog(self.up) > HIGH_MARK:
            self.flags |= X_PAUSED_DOWN
            self.down.want_read(False)
        return 0

    cdef int upstream_drained(self) except -1:
        """The agent has taken what waited."""
        if self.flags & X_PAUSED_DOWN:
            self.flags &= ~<uint32_t> X_PAUSED_DOWN
            self.down.want_read(True)
        return 0

    # --- the response ---------------------------------------------------------------------------------------------

    cdef int response_interim(self, ResponseHead* head) except -1:
        """An interim answer; only 103 is for the client (RFC 9110 15.2, RFC 8297), 100 has been given already."""
        if head.status == 103:
            return self.down.respond_interim(head)
        return 0

    cdef int response_head(self, ResponseHead* head) except -1:
        """The head of the final answer. Borrowed for the call."""
        self.account.first_byte_ns = self.poller.now_ns
        self.account.status = head.status
        if self.card is not None and self.card.take(head):
            self.flags |= X_COLLECTING
            return 0
        self.flags |= X_RESPONSE_STARTED
        if head.event_stream:
            self.flags |= X_STREAM
            self.poller.disarm(self)
            self.context.counters[C_STREAMS] += 1
            self.context.counters[C_STREAMS_ACTIVE] += 1
            self._record(RECORD_START)
        self._identify(head)
        return self.down.respond_head(head)

    cdef void _identify(self, ResponseHead* head) noexcept:
        """Tell the client under which id its request is known here; one that the agent tells would be a second."""
        cdef int i
        for i in range(head.n_fields):
            if head.fields[i].id == F_X_REQUEST_ID:
                head.fields[i].flags |= FIELD_DROP
        add_field(
            head.fields, &head.n_fields, "X-Request-Id", 12, self.account.request_id, self.account.request_id_len
        )

    cdef int response_tunnel(self, ResponseHead* head) except -1:
        """The agent has agreed to another protocol (RFC 9110 7.8): from now on bytes are only moved."""
        self.account.first_byte_ns = self.poller.now_ns
        self.account.status = head.status
        self.flags |= X_RESPONSE_STARTED | X_TUNNEL
        self.flags &= ~<uint32_t> X_REQUEST_DONE
        self.poller.disarm(self)
        self.context.counters[C_TUNNELS] += 1
        self._identify(head)
        return self.down.respond_tunnel(head)

    cdef int response_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Bytes of the response's body, as they arrive."""
        if self.flags & X_COLLECTING:
            return self._collect(data, size)
        self.account.response_bytes += size
        return self.down.respond_body(data, size)

    cdef int response_trailers(self, const Field* fields, int count) except -1:
        """Fields behind the body. Borrowed for the call; a card that is held back goes without."""
        if self.flags & X_COLLECTING:
            return 0
        return self.down.respond_trailers(fields, count)

    cdef int response_end(self, bint reusable) except -1:
        """The answer is complete; reusable: its connection can serve another exchange."""
        if self.flags & X_COLLECTING:
            self._card_done()
        self.flags |= X_RESPONSE_DONE
        self.down.respond_end()
        self.down.flush()
        return self._finish(reusable)

    cdef int flush_response(self) except -1:
        """All that one read brought has been handed over: send it, and read on only while the client keeps up."""
        self.down.flush()
        if self.up is not None and backlog(self.down) > HIGH_MARK:
            self.flags |= X_PAUSED_UP
            self.up.want_read(False)
        return 0

    cdef int downstream_drained(self) except -1:
        """The client has taken what waited."""
        if self.flags & X_PAUSED_UP and self.up is not None:
            self.flags &= ~<uint32_t> X_PAUSED_UP
            self.up.want_read(True)
        return 0

    cdef int upstream_failed(self, int reason, bint nothing_received) except -1:
        """The connection to the agent failed, answered nonsense or ran out of time. It is closed already."""
        cdef Upstream failed = self.up
        cdef bint safe
        if self.flags & X_RESPONSE_STARTED:
            return self._cut(reason)
        if reason == R_CONNECT_FAILED:
            self.context.counters[C_UPSTREAM_CONNECT_FAILURES] += 1
            safe = True
        else:
            safe = reason == R_UPSTREAM_CLOSED and failed.reused and failed.replayable and (
                self.flags & X_IDEMPOTENT or failed.sent == failed.sent_before
            )
        if safe and nothing_received and not self.flags & X_RETRIED:
            self.flags |= X_RETRIED
            self._let_go()
            if self._connect(self.endpoint):
                self.context.counters[C_RETRIES] += 1
                return self.up.replay(failed)
        if reason == R_CONNECT_FAILED:
            return self.answer(503, reason)
        if reason == R_INTERNAL:
            return self.answer(500, reason)
        return self.answer(504 if reason == R_UPSTREAM_TIMEOUT else 502, reason)

    cdef bint streaming(self) noexcept:
        """The answer is an event stream, or a tunnel: no deadline ends it."""
        return (self.flags & (X_STREAM | X_TUNNEL)) != 0

    cdef int on_timer(self) except -1:
        """HTTPRoute timeouts.request: the whole exchange took too long."""
        if self.flags & X_RESPONSE_STARTED:
            return self._cut(R_UPSTREAM_TIMEOUT)
        return self.answer(504, R_UPSTREAM_TIMEOUT)

    cdef int on_fault(self) except -1:
        return self._cut(R_INTERNAL)

    # --- the end --------------------------------------------------------------------------------------------------

    cdef int answer(self, int status, int reason) except -1:
        """Answer the request ourselves, and end the exchange."""
        cdef ResponseHead head
        cdef Field fields[8]
        cdef const char* body = local_answer(&head, fields, status, reason)
        self.account.status = status
        self.account.reason = reason
        self._identify(&head)
        self.flags |= X_RESPONSE_STARTED | X_RESPONSE_DONE
        self.account.response_bytes = head.content_length
        self.down.respond_head(&head)
        self.down.respond_body(<const unsigned char*> body, head.content_length)
        self.down.respond_end()
        self.down.flush()
        return self._finish(False)

    cdef int _cut(self, int reason) except -1:
        """Part of the answer is out and the rest will not come."""
        self.account.reason = reason
        self.down.respond_abort()
        return self._finish(False)

    cdef int _let_go(self) except -1:
        """Part from the connection to the agent, which does not hear of this exchange again."""
        cdef Upstream up = self.up
        self.up = None
        if up is not None:
            up.exchange = None
            up.endpoint.active -= 1
        return 0

    cdef int _finish(self, bint reusable) except -1:
        """Give back the connection, account, and leave the client's side to its next request."""
        cdef Context context = self.context
        cdef Downstream down = self.down
        cdef Upstream up = self.up
        cdef bint complete = (self.flags & X_REQUEST_DONE) != 0
        cdef Exchange alive = self      # the codecs let go of it below, and callers only borrow it
        if self.flags & X_ENDED:
            return 0
        self.flags |= X_ENDED
        self.poller.disarm(self)
        if up is not None:
            self._let_go()
            if reusable and complete:
                up.release()
            else:
                up.abandon()
        if self.flags & X_STREAM:
            context.counters[C_STREAMS_ACTIVE] -= 1
        context.counters[C_EXCHANGES_ACTIVE] -= 1
        account_count(
            &self.account, context.counters, (self.flags & X_RESPONSE_STARTED) != 0, (self.flags & X_STREAM) != 0,
            self.poller.now_ns,
        )
        context.active -= 1
        self._record(RECORD_END)
        self.rule = None
        self.backend = None
        self.endpoint = None
        self.card = None
        self.down = None
        down.exchange = None
        if len(context.spare) < MAX_SPARE:
            context.spare.append(alive)
        return down.done(complete)

    cdef void _record(self, int kind) noexcept:
        """Write the record of this exchange into the ring."""
        cdef int flags = (
            (RECORD_STREAM if self.flags & X_STREAM else 0) | (RECORD_CARD if self.flags & X_CARD else 0)
            | (RECORD_REUSED if self.flags & X_REUSED else 0) | (RECORD_RETRIED if self.flags & X_RETRIED else 0)
        )
        account_record(
            &self.account, self.context.ring, kind, flags, self.poller.now_ns, self.down.peer, self.down.peer_port,
            self.endpoint, self.rule,
        )

    # --- agent cards: the slow path -------------------------------------------------------------------------------

    cdef int _collect(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Hold body bytes back; a card that becomes too large to look into passes as it is."""
        cdef bytes body
        self.account.response_bytes += size
        if self.card.add(data, size):
            return 0
        self.flags &= ~<uint32_t> X_COLLECTING
        self._card_head(self.card.content_length)
        body = self.card.received()
        return self.down.respond_body(body, len(body))

    cdef int _card_done(self) except -1:
        """The card is complete: let Python change it, and answer."""
        cdef bytes body = self.card.rewritten(self.context.rewrite_card, self.rule.key)
        cdef int status = self.card.status
        self.flags &= ~<uint32_t> X_COLLECTING
        if status == 304:
            self.account.reason = R_LOCAL
        elif status != 200:
            self.account.reason = R_UPSTREAM_INVALID
        elif self.card.changed:
            self.context.counters[C_CARDS_REWRITTEN] += 1
        self.account.response_bytes = len(body)
        self._card_head(len(body))
        return 0 if status == 304 else self.down.respond_body(body, len(body))

    cdef int _card_head(self, int64_t content_length) except -1:
        """The agent's head as the card has left it."""
        cdef ResponseHead head
        self.card.head(&head, self.context.fields, content_length)
        self.account.status = self.card.status
        self._identify(&head)
        self.flags |= X_RESPONSE_STARTED
        return self.down.respond_head(&head)
