"""The exchange: one request and its response, from admission to the record of its end.

It routes, authenticates, picks an endpoint, retries where that is safe, times out and accounts, and never knows which
protocol is spoken on either side: the codecs call it with heads, bytes and ends, and it calls them with the same.

    begin --admitted--> forwarding --response_head--> answering --response_end--> done
       \\--refused--> answer ------------------------------------------------------^
                  all busy --wait_in_line--> turn --> forwarding, or answer 503
                  forwarding --upstream_failed--> retry once, or answer 502, 503, 504
                  answering  --upstream_failed--> respond_abort: a cut is never a clean end

Rules: an exchange keeps the rule of the table that it began with; after down.done() the object may already serve the
next request, so nothing touches it afterwards; a POST of which a byte was sent is never sent again.
"""

cimport cython
from libc.stdlib cimport free, malloc

from agw._fastpath.account cimport account_begin, account_claims, account_count, account_open, account_record
from agw._fastpath.admission cimport Admission, admit
from agw._fastpath.affinity cimport affinity_pin, affinity_stays
from agw._fastpath.answers cimport ANSWER_FIELDS, local_answer
from agw._fastpath.card_answers cimport card_body, card_end, card_taken
from agw._fastpath.cors cimport CORS_FIELDS
from agw._fastpath.edits cimport MAX_PATH
from agw._fastpath.filtering cimport (
    filter_answer, filter_begin, filter_response, filter_send, filter_verdict, forget_request, pass_body, pass_end,
)
from agw._fastpath.forwarding cimport Claims, Hop, add_field
from agw._fastpath.hearing cimport hear_begin, hear_body, hear_end
from agw._fastpath.health cimport CONNECT_FAILURE, EJECTED, TRIAL
from agw._fastpath.message cimport (
    F_X_REQUEST_ID, FIELD_DROP, FRAMING_LENGTH, FRAMING_NONE, M_DELETE, M_GET, M_HEAD, M_OPTIONS, M_PUT,
)
from agw._fastpath.metering cimport QUOTA_FIELDS, guessed_too_often, meter, tell_quota
from agw._fastpath.mirror cimport mirror_answered, mirror_dropped, mirror_lost, mirror_over
from agw._fastpath.poller cimport Source
from agw._fastpath.reading cimport in_rpc, read_begin, read_body, read_early, read_end, read_refused, withhold
from agw._fastpath.record cimport (
    C_DOWNSTREAM_ACTIVE, C_DOWNSTREAM_RECLAIMED, C_EXCHANGES_ACTIVE, C_STREAM_ENDS, C_STREAMS_ACTIVE, C_TUNNELS,
    C_UPSTREAM_CONNECT_FAILURES, C_UPSTREAM_DISCARDED, C_UPSTREAM_REUSES, RECORD_CARD, RECORD_END, RECORD_RETRIED,
    RECORD_REUSED, RECORD_STREAM, R_CONNECT_FAILED, R_DRAINED, R_INTERNAL, R_NO_ENDPOINT, R_RATE_LIMITED, R_TOO_LARGE,
    Record, stream_end,
)
from agw._fastpath.redirect cimport LOCATION_ROOM
from agw._fastpath.retry cimport after_failure, answered_in_vain, connect_again
from agw._fastpath.seating cimport seat_answer, seat_end
from agw._fastpath.stream cimport HIGH_MARK, backlog
from agw._fastpath.waiting cimport head_came, leave_line, take_turn, time_is_over, wait_in_line

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
        self.edited = <unsigned char*> malloc(head + max(<int> MAX_PATH, <int> LOCATION_ROOM))
        if self.receive == NULL or self.head_scratch == NULL or self.edited == NULL:
            raise MemoryError
        self.waiting = []

    def __dealloc__(self):
        free(self.receive)
        free(self.head_scratch)
        free(self.edited)

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
        raise NotImplementedError

    cdef int respond_head(self, ResponseHead* head) except -1:
        raise NotImplementedError

    cdef int respond_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        raise NotImplementedError

    cdef int respond_trailers(self, const Field* fields, int count) except -1:
        raise NotImplementedError

    cdef int respond_end(self) except -1:
        raise NotImplementedError

    cdef int respond_tunnel(self, ResponseHead* head) except -1:
        raise NotImplementedError

    cdef int respond_abort(self) except -1:
        raise NotImplementedError

    cdef int respond_continue(self) except -1:
        raise NotImplementedError

    cdef int done(self, bint request_complete) except -1:
        raise NotImplementedError

    cdef bint give_way(self) except -1:
        raise NotImplementedError


cdef class Upstream(Stream):
    cdef int send_head(self, RequestHead* head) except -1:
        raise NotImplementedError

    cdef int send_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        raise NotImplementedError

    cdef int send_end(self) except -1:
        raise NotImplementedError

    cdef int abandon(self) except -1:
        raise NotImplementedError

    cdef int release(self) except -1:
        raise NotImplementedError

    cdef bint usable(self) noexcept:
        return False

    cdef int replay(self, Upstream failed) except -1:
        raise NotImplementedError


cdef class Connector:
    cdef Upstream open(self, Context context, Endpoint endpoint):
        """Begin to connect; None where that fails at once."""
        raise NotImplementedError


cdef Exchange new_exchange(Context context, Downstream down):
    """An exchange for the next request of this connection."""
    cdef Exchange self
    if context.spare is not None:
        self = context.spare
        context.spare = self.next_spare
        self.next_spare = None
        context.spares -= 1
    else:
        self = Exchange.__new__(Exchange)
        self.context = context
        self.poller = context.poller
    self.down = down
    self.flags = 0
    account_open(
        &self.account, down.port, context.poller.now_ns, context.poller.epoch_ns, context.pool.random(),
        context.pool.random(),
    )
    context.active += 1
    context.counters[C_EXCHANGES_ACTIVE] += 1
    return self


@cython.final
cdef class Exchange(Waiter):

    # --- the request ----------------------------------------------------------------------------------------------

    cdef int begin(self, RequestHead* head) except -1:
        """Admit a request and forward it, or answer it. The head is borrowed for the call."""
        cdef Admission verdict
        cdef Claims claims
        cdef Context context = self.context
        account_begin(&self.account, head, self.down.port)
        if head.method_id in (M_GET, M_HEAD, M_OPTIONS, M_PUT, M_DELETE):
            self.flags |= X_IDEMPOTENT
        if head.framing != FRAMING_NONE and not (head.framing == FRAMING_LENGTH and head.content_length == 0):
            self.flags |= X_BODY
        else:
            self.flags |= X_REQUEST_DONE
        if context.draining:
            self.down.last = True
        context.forwarding.judge(head, self.down.trusted, &claims)
        account_claims(&self.account, &claims)
        if claims.https:
            self.flags |= X_HTTPS
        if claims.status:
            self.down.last |= claims.status == 400
            return self.answer(claims.status, claims.reason)
        admit(&verdict, head, context.table, context.pool, self.down.port, context.max_body)
        self.account.consumer = verdict.consumer
        if verdict.rule != NULL:
            self.rule = <CompiledRule> verdict.rule
            self.account.listener = verdict.listener
            if self.rule.policy is not None and self.rule.policy.guesses is not None:
                if guessed_too_often(self, head, verdict.guessed):
                    verdict.status, verdict.reason = 429, R_RATE_LIMITED
        if verdict.status:
            if self.rule is not None and self.rule.a2a:
                read_refused(self, head, verdict.status)
            return filter_verdict(self, head, verdict.status, verdict.reason)
        self.backend = <CompiledBackend> verdict.ref.backend
        if self.backend.a2a or verdict.wants:
            read_begin(self, head, verdict.wants)
        if self.rule.has_filters:
            filter_begin(self, head, verdict.ref)
        if verdict.wants:
            return withhold(self, head, verdict.wants)
        if verdict.metered and not meter(self, head, True):
            return self.answer(429, R_RATE_LIMITED)
        return self._forward(head, False)

    cdef int _forward(self, RequestHead* head, bint held) except -1:
        """Send the request, or what is held of it; or wait for a slot where all are busy or others wait already."""
        cdef Pool pool = self.context.pool
        cdef Bound bound
        cdef Endpoint endpoint = None
        if self.rule.affinity and affinity_pin(self, head):
            endpoint = self.endpoint
        bound = self.backend.bound
        if bound is not None:
            bound.budget.deposit()
            if not pool.admits(bound, endpoint) if endpoint is not None else bound.line.length > 0:
                return wait_in_line(self, bound, head)
            if endpoint is None:
                endpoint = pool.pick(bound, None, self.poller.now_ms)
                if endpoint is None and pool.full:
                    return wait_in_line(self, bound, head)
        if held:
            return take_turn(self, endpoint)
        self._send(endpoint, head)
        return 0

    cdef int turn(self, object endpoint) except -1:
        """There is a slot; go on with what was held."""
        cdef RequestHead head
        if self.flags & X_PINNED and not affinity_stays(self):
            head = self.held.head
            return self._forward(&head, True)
        return take_turn(self, <Endpoint> endpoint)

    cdef int _send(self, Endpoint endpoint, RequestHead* head) except -1:
        """Connect, settle what the agent is told about the client, send the head; 0 where that ended in an answer."""
        cdef Context context = self.context
        cdef Downstream down = self.down
        cdef Hop hop
        cdef int64_t passed
        if endpoint is None or not self._connect(endpoint):
            if endpoint is None or not (self.flags & X_FILTERED and connect_again(self)):
                self.answer(503, R_NO_ENDPOINT if endpoint is None else R_CONNECT_FAILED)
            return 0
        hop.peer, hop.peer_len = down.peer_text, down.peer_len
        hop.request_id, hop.request_id_len = self.account.request_id, self.account.request_id_len
        hop.port, hop.trusted, hop.https = down.port, down.trusted, (self.flags & X_HTTPS) != 0
        if self.flags & X_FILTERED:
            filter_send(self, head, &hop)
        else:
            context.forwarding.describe(head, context.text, &hop)
            self.up.send_head(head)
        if head.expect_continue and not self.flags & X_REQUEST_DONE:
            down.respond_continue()
        if self.flags & X_REQUEST_DONE and not self.flags & X_BODY:
            self.up.send_end()
        if self.account.consumer >= 0:      # for the record of the end
            self.rule.policy.keys.foresee_name(self.account.consumer)
        if self.rule.head_timeout_ms:       # counts from the request's begin, so waiting counts
            passed = (self.poller.now_ns - self.account.started_ns) // 1_000_000
            self.poller.arm(self, max(0, self.rule.head_timeout_ms - passed))
        return 1

    cdef int _connect(self, Endpoint endpoint) except -1:
        """Get a connection to the endpoint, kept or new; where it refuses at once, to another one. 0: there is none."""
        if self._attach(endpoint, False):
            return 1
        endpoint = self._another() if not self.context.connector.own_fault else None
        return 0 if endpoint is None else self._attach(endpoint, True)

    cdef int _attach(self, Endpoint endpoint, bint fresh) except -1:
        """Take a slot and a connection; fresh: a new one, to try again. 0 where connecting fails at once."""
        cdef Context context = self.context
        cdef Upstream up = None
        self.endpoint = endpoint
        if self.flags & X_PINNED and endpoint.health.state == EJECTED:
            endpoint.health.begin_trial()   # `pick`, which does it for others, was not asked
        if fresh:
            self.flags |= X_RETRIED
        while not fresh and endpoint.idle.newest != NULL:
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
            if up is None:
                context.counters[C_UPSTREAM_CONNECT_FAILURES] += 1
                if not context.connector.own_fault and not self.flags & X_MIRROR:
                    context.pool.failed(endpoint, CONNECT_FAILURE, self.poller.now_ms)
                endpoint.health.end_trial(self.poller.now_ms)
                self.flags &= ~<uint32_t> X_PINNED      # who takes no connection is gone
                return 0
            if self.rule.backend_timeout_ms:    # of a try, which connecting is a part of
                self.poller.arm(up, min(self.rule.backend_timeout_ms, context.connect_timeout_ms))
        self.up = up
        up.exchange = self
        context.pool.take(endpoint)
        self.flags |= X_SLOT
        if not endpoint.health.quiet and endpoint.health.state == TRIAL:
            self.flags |= X_TRIAL
        return 1

    cdef Endpoint _another(self):
        """Where to try again, once; None where that is not to be."""
        if self.flags & X_RETRIED or (self.flags & X_FILTERED and self.filtering.tries):
            return None         # what the rule says of retries holds, and no more
        return self.context.pool.pick_again(
            <Bound> self.backend.bound, self.endpoint, self.flags & X_PINNED and affinity_stays(self),
            self.poller.now_ms,
        )

    cdef int request_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Bytes of the request's body, as they arrive."""
        self.account.request_bytes += size
        if self.context.max_body and self.account.request_bytes > self.context.max_body and not self.flags & X_TUNNEL:
            return self.request_refused(413, R_TOO_LARGE)
        if self.flags & X_READ and read_body(self, data, size):
            return 0
        if self.flags & X_KEEP:
            return pass_body(self, data, size)
        return self.up.send_body(data, size)

    cdef int request_end(self) except -1:
        """The request is complete."""
        self.flags |= X_REQUEST_DONE
        self.flags &= ~<uint32_t> X_PAUSED_DOWN
        if self.flags & X_READ and read_end(self):
            return 0
        return pass_end(self) if self.flags & X_KEEP else self.up.send_end()

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
        return self.request_refused(503, R_DRAINED)

    cdef int flush_request(self) except -1:
        """All that one read brought has been handed over: send it, and read on only while the agent keeps up."""
        if self.up is not None:
            self.up.flush_soon()
        if not self.flags & (X_REQUEST_DONE | X_WITHHELD) and (self.up is None or backlog(self.up) > HIGH_MARK):
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
            self._identify(head)
            return self.down.respond_interim(head)
        return 0

    cdef int response_head(self, ResponseHead* head) except -1:
        """The head of the final answer. Borrowed for the call."""
        self._answered(head.status)
        if self.rule.head_timeout_ms:
            head_came(self)
        if self.flags & (X_READ | X_REQUEST_DONE) == X_READ:
            read_early(self)
        if self.flags & (X_CARD | X_FILTERED | X_MIRROR | X_METERED | X_SEATING) and self._held_back(head):
            return 0
        self.flags |= X_RESPONSE_STARTED
        if head.event_stream or self.backend.affinity:
            hear_begin(self, head)
        self._identify(head)
        return self.down.respond_head(head)

    cdef bint _held_back(self, ResponseHead* head) except -1:
        """What is not sent on as it is; True where all that is to be done with it is done."""
        if self.flags & X_MIRROR:
            mirror_answered(self, head)
            return True
        if self.flags & X_FILTERED and answered_in_vain(self, head.status):
            return True
        if self.flags & X_SEATING and seat_answer(self, head):
            return True
        if self.held is not None:
            forget_request(self)
        if self.card is not None and card_taken(self, head):
            return True
        if self.flags & X_FILTERED:
            filter_response(self, head)
        if self.flags & X_METERED:
            tell_quota(self, head)
        return False

    cdef int _answered(self, int status) except -1:
        """A valid answer of whatever status speaks for the endpoint."""
        self.account.first_byte_ns = self.poller.now_ns
        self.account.status = status
        return 0 if self.endpoint.health.quiet else self.context.pool.succeeded(self.endpoint, self.poller.now_ms)

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
        self._answered(head.status)
        self._give_back()
        self.flags |= X_RESPONSE_STARTED | X_TUNNEL
        self.flags &= ~<uint32_t> X_REQUEST_DONE
        self.poller.disarm(self)
        self.context.counters[C_TUNNELS] += 1
        if self.flags & X_FILTERED:
            forget_request(self)
            filter_response(self, head)
        self._identify(head)
        return self.down.respond_tunnel(head)

    cdef int response_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Bytes of the response's body, as they arrive."""
        if self.flags & (X_COLLECTING | X_MIRROR | X_HEARD):
            if self.flags & X_HEARD:
                return hear_body(self, data, size)
            return card_body(self, data, size) if self.flags & X_COLLECTING else mirror_dropped(self, size)
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
            card_end(self)
        self.down.respond_end()
        self.down.flush_soon()
        return self._finish(reusable)

    cdef int flush_response(self) except -1:
        """All that one read brought has been handed over: send it, and read on only while the client keeps up."""
        self.down.flush_soon()
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
        return after_failure(self, reason, nothing_received)

    cdef bint streaming(self) noexcept:
        """The answer is an event stream, or a tunnel: no deadline ends it."""
        return (self.flags & (X_STREAM | X_TUNNEL)) != 0

    cdef int on_timer(self) except -1:
        """HTTPRoute timeouts.request: the whole exchange took too long. Or it has waited long enough, or too long."""
        return time_is_over(self)

    cdef int on_fault(self) except -1:
        return self._cut(R_INTERNAL)

    # --- the end --------------------------------------------------------------------------------------------------

    cdef int answer(self, int status, int reason) except -1:
        """Answer the request ourselves, and end the exchange."""
        cdef ResponseHead head
        cdef Field fields[ANSWER_FIELDS + CORS_FIELDS + QUOTA_FIELDS + 1]
        cdef const char* body = local_answer(&head, fields, status, reason)
        if self.flags & (X_READ | X_RPC):
            body = in_rpc(self, &head, reason, body)
        if self.flags & X_FILTERED:
            filter_answer(self, &head)
        if self.flags & X_METERED:
            tell_quota(self, &head)
        return self.reply(&head, body, reason)

    cdef int reply(self, ResponseHead* head, const char* body, int reason) except -1:
        """Answer with this head and body of our own, and end the exchange."""
        self.account.status = head.status
        self.account.reason = reason
        self._identify(head)
        self.flags |= X_RESPONSE_STARTED
        self.account.response_bytes = head.content_length
        self.down.respond_head(head)
        self.down.respond_body(<const unsigned char*> body, head.content_length)
        self.down.respond_end()
        self.down.flush_soon()
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
            if self.flags & X_SLOT:
                self._give_back()
            if self.flags & X_TRIAL:
                self.flags &= ~<uint32_t> X_TRIAL
                up.endpoint.health.end_trial(self.poller.now_ms)
        return 0

    cdef int _give_back(self) except -1:
        """Leave the slot to another: the exchange is over, or a stream, which may last for days."""
        self.flags &= ~<uint32_t> X_SLOT
        return self.context.pool.give_back(self.endpoint)

    cdef int _finish(self, bint reusable) except -1:
        """Give back the connection, account, and leave the client's side to its next request."""
        cdef Context context = self.context
        cdef Downstream down = self.down
        cdef Upstream up = self.up
        cdef bint complete = (self.flags & X_REQUEST_DONE) != 0
        cdef Exchange alive = self      # the codecs let go of it below, and callers only borrow it
        if self.flags & (X_ENDED | X_MIRROR):
            return 0 if self.flags & X_ENDED else mirror_over(self, reusable)
        self.flags |= X_ENDED
        self.poller.disarm(self)
        if self.place.standing:
            leave_line(self)
        if up is not None:
            self._let_go()
            if reusable and complete:
                up.release()
            else:
                up.abandon()
        if self.flags & X_STREAM:
            context.counters[C_STREAMS_ACTIVE] -= 1
            context.counters[C_STREAM_ENDS + stream_end(self.account.reason)] += 1
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
        if self.flags & X_RARE:
            self._forget()
        self.down = None
        down.exchange = None
        if context.spares < MAX_SPARE:
            context.spares += 1
            self.next_spare = context.spare
            context.spare = alive
        return down.done(complete)

    cdef int _forget(self) except -1:
        """Let go of what most exchanges do not have."""
        if self.filtering is not None and self.filtering.copies is not None:
            mirror_lost(self.filtering)
        if self.hearing is not None:
            hear_end(self)
        if self.flags & X_SEATING:
            seat_end(self)
        self.card = None
        self.reading = None
        self.held = None
        self.filtering = None
        return 0

    cdef void _record(self, int kind) noexcept:
        """Write the record of this exchange into the ring, and into the access log where there is one."""
        cdef int flags = (
            (RECORD_STREAM if self.flags & X_STREAM else 0) | (RECORD_CARD if self.flags & X_CARD else 0)
            | (RECORD_REUSED if self.flags & X_REUSED else 0) | (RECORD_RETRIED if self.flags & X_RETRIED else 0)
        )
        cdef const Record* record = account_record(
            &self.account, self.context.ring, kind, flags, self.poller.now_ns, self.down.peer, self.down.peer_port,
            self.endpoint, self.rule, self.backend, &self.hearing.heard if self.flags & X_HEARD else NULL,
        )
        if self.context.access_log is not None:
            self.context.access_log.write(record)
