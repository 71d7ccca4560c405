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
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset, strlen
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from agw._fastpath.answers cimport answer_body, http_date, reason_phrase
from agw._fastpath.cards cimport ask_for_whole_card, card_facts, changed_fields, is_card_path, kept_fields
from agw._fastpath.credentials cimport REFUSED, authenticate
from agw._fastpath.forwarding cimport add_field, drop_untrusted, forwarded_for, hex_id
from agw._fastpath.message cimport (
    F_CONTENT_ENCODING, F_X_REQUEST_ID, FIELD_DROP, FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, M_DELETE, M_GET,
    M_HEAD, M_OPTIONS, M_PUT,
)
from agw._fastpath.record cimport (
    C_CARDS_REWRITTEN, C_EXCHANGES_ACTIVE, C_REASON, C_REQUESTS, C_RETRIES, C_STATUS_1XX, C_STREAMS, C_STREAMS_ACTIVE,
    C_UPSTREAM_CONNECT_FAILURES, C_UPSTREAM_DISCARDED, C_UPSTREAM_REUSES, R_CONNECT_FAILED, R_INTERNAL,
    R_INVALID_BACKEND, R_LOCAL, R_LOOP, R_NOT_FOUND, R_NO_ENDPOINT, R_POLICY_INVALID, R_TOO_LARGE, R_UNAUTHENTICATED,
    R_UPSTREAM, R_UPSTREAM_CLOSED, R_UPSTREAM_INVALID, R_UPSTREAM_TIMEOUT, RECORD_CARD, RECORD_END, RECORD_RETRIED,
    RECORD_REUSED, RECORD_START, RECORD_STREAM, Record, copy_text, new_record, publish_record,
)
from agw._fastpath.route cimport WeightedRef
from agw._fastpath.stream cimport HIGH_MARK, backlog

cdef enum:
    MAX_LOOPS = 8           # times a request may have passed through an agw, by its Via fields
    MAX_SPARE = 256         # ended Exchanges kept

cdef const char* CHALLENGE = 'Bearer realm="agw"'


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

    def __dealloc__(self):
        free(self.receive)
        free(self.head_scratch)


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

    cdef int respond_end(self) except -1:
        """The answer is complete."""
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
    if context.spare:
        self = <Exchange> context.spare.pop()
    else:
        self = Exchange.__new__(Exchange)
        self.context = context
        self.poller = context.poller
    self.down = down
    self.flags = 0
    self.status = 0
    self.reason = R_UPSTREAM
    self.method_id = 0
    self.consumer = -1
    self.path_len = 0
    self.id[0] = context.pool.random()
    self.id[1] = context.pool.random()
    self.started_ns = context.poller.now_ns
    self.first_byte_ns = 0
    self.request_bytes = 0
    self.response_bytes = 0
    context.active += 1
    context.counters[C_EXCHANGES_ACTIVE] += 1
    return self


@cython.final
cdef class Exchange(Timed):

    # --- the request ----------------------------------------------------------------------------------------------

    cdef int begin(self, RequestHead* head) except -1:
        """Admit a request and forward it, or answer it. The head is borrowed for the call."""
        self._note(head)
        if head.framing != FRAMING_NONE and not (head.framing == FRAMING_LENGTH and head.content_length == 0):
            self.flags |= X_BODY
        else:
            self.flags |= X_REQUEST_DONE
        if self.context.draining:
            self.down.last = True
        return self._admit(head)

    cdef int _note(self, RequestHead* head) noexcept:
        """What the record and the answer need after the head is gone."""
        self.method_id = head.method_id
        self.path_len = <int> head.path_len if head.path_len < sizeof(self.path) else <int> sizeof(self.path)
        memcpy(self.path, head.path, self.path_len)
        if head.method_id in (M_GET, M_HEAD, M_OPTIONS, M_PUT, M_DELETE):
            self.flags |= X_IDEMPOTENT
        if head.method_id == M_HEAD:
            self.flags |= X_HEAD
        return 0

    cdef int _admit(self, RequestHead* head) except -1:
        cdef CompiledPolicy policy
        cdef CompiledBackend backend
        cdef bint card
        if head.path[0] == b"*":
            return self.answer(200, R_LOCAL)
        if self.context.table is not None:
            self.rule = self.context.table.lookup(self.down.port, head)
        if self.rule is None:
            return self.answer(404, R_NOT_FOUND)
        policy = self.rule.policy
        card = (head.method_id == M_GET or head.method_id == M_HEAD) and is_card_path(head.path, head.path_len)
        if policy is not None:
            if policy.deny:
                return self.answer(500, R_POLICY_INVALID)
            if policy.has_auth and not (card and policy.public_card):
                self.consumer = authenticate(head, policy)
                if self.consumer == REFUSED:
                    return self.answer(401, R_UNAUTHENTICATED)
        if self.rule.error:
            return self.answer(500, R_INVALID_BACKEND)
        if self.context.max_body and head.framing == FRAMING_LENGTH and head.content_length > self.context.max_body:
            return self.answer(413, R_TOO_LARGE)
        backend = self._weighted(self.rule)
        if backend is None:
            return self.answer(500, R_INVALID_BACKEND)
        self.backend = backend
        if card and backend.a2a and self.context.rewrite_card is not None:
            self._card_request(head)
        return self._forward(head)

    cdef CompiledBackend _weighted(self, CompiledRule rule):
        """A backend by weight; None for the share of invalid ones, and where there is none."""
        cdef WeightedRef* ref = rule.backends
        cdef int64_t left
        if rule.n_backends > 1 and rule.total_weight > 0:
            left = <int64_t> (self.context.pool.random() % <uint64_t> rule.total_weight)
            while left >= ref.weight:
                left -= ref.weight
                ref += 1
        elif rule.total_weight == 0:
            return None
        return None if ref.error or ref.backend == NULL else <CompiledBackend> ref.backend

    cdef int _forward(self, RequestHead* head) except -1:
        """Settle what the agent is told about the client (RFC 9110 7.6.3, X-Forwarded-*), then send the head."""
        cdef Context context = self.context
        cdef Downstream down = self.down
        cdef char* text = context.text
        cdef int loops = drop_untrusted(head)
        cdef Py_ssize_t n
        if loops >= MAX_LOOPS:
            return self.answer(508, R_LOOP)
        if not self._connect(None):
            return self.answer(
                503, R_NO_ENDPOINT if self.endpoint is None else R_CONNECT_FAILED
            )
        n = forwarded_for(
            head, text, TEXT_ROOM - 256, context.trusted_hops, down.peer_text, down.peer_len
        )
        add_field(head.fields, &head.n_fields, "X-Forwarded-For", 15, text, n)
        text += n
        if head.authority_len:
            add_field(
                head.fields, &head.n_fields, "X-Forwarded-Host", 16, <const char*> head.authority, head.authority_len
            )
        n = snprintf(text, 8, "%d", head.port if head.port else down.port)
        add_field(head.fields, &head.n_fields, "X-Forwarded-Port", 16, text, n)
        text += n
        add_field(head.fields, &head.n_fields, "X-Forwarded-Proto", 17, "http", 4)
        add_field(head.fields, &head.n_fields, "X-Request-Id", 12, text, hex_id(self.id, text))
        add_field(head.fields, &head.n_fields, "Via", 3, "1.1 agw", 7)
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
            while avoid is None and endpoint.first_idle != NULL:
                up = <Upstream> endpoint.first_idle
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
        self.request_bytes += size
        if self.context.max_body and self.request_bytes > self.context.max_body:
            return self.request_refused(413, R_TOO_LARGE)
        return self.up.send_body(data, size)

    cdef int request_end(self) except -1:
        """The request is complete."""
        self.flags |= X_REQUEST_DONE
        self.flags &= ~<uint32_t> X_PAUSED_DOWN
        return self.up.send_end()

    cdef int request_lost(self, int reason) except -1:
        """The client is gone: nobody wants the answer."""
        self.reason = reason
        if not self.status:
            self.status = 499
        return self._finish(False)

    cdef int request_refused(self, int status, int reason) except -1:
        """The request turned out to be malformed, too large or too slow."""
        self.down.last = True
        if self.flags & X_RESPONSE_STARTED:
            return self._cut(reason)
        return self.answer(status, reason)

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
        cdef int i
        cdef char id[32]
        self.first_byte_ns = self.poller.now_ns
        self.status = head.status
        if self.flags & X_CARD and self._card_head(head):
            return 0
        self.flags |= X_RESPONSE_STARTED
        if head.event_stream:
            self.flags |= X_STREAM
            self.poller.disarm(self)
            self.context.counters[C_STREAMS] += 1
            self.context.counters[C_STREAMS_ACTIVE] += 1
            self._record(RECORD_START)
        for i in range(head.n_fields):
            if head.fields[i].id == F_X_REQUEST_ID:
                head.fields[i].flags |= FIELD_DROP
        add_field(head.fields, &head.n_fields, "X-Request-Id", 12, id, hex_id(self.id, id))
        return self.down.respond_head(head)

    cdef int response_body(self, const unsigned char* data, Py_ssize_t size) except -1:
        """Bytes of the response's body, as they arrive."""
        if self.flags & X_COLLECTING:
            self.collected.append(data[:size])
            self.response_bytes += size
            if self.response_bytes > MAX_CARD:
                self.flags &= ~<uint32_t> X_COLLECTING
                self._card_as_it_is()
            return 0
        self.response_bytes += size
        return self.down.respond_body(data, size)

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
        """The answer is an event stream: no deadline ends it."""
        return (self.flags & X_STREAM) != 0

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
        cdef char id[32]
        cdef uint32_t size = 0
        cdef const char* body = answer_body(status, reason, &size)
        memset(&head, 0, sizeof(head))
        head.fields = fields
        head.status = self.status = status
        head.reason = <const unsigned char*> reason_phrase(status)
        head.reason_len = <uint32_t> strlen(<const char*> head.reason)
        head.minor = 1
        head.framing = FRAMING_LENGTH
        head.content_length = size
        self.reason = reason
        add_field(head.fields, &head.n_fields, "Date", 4, http_date(), 29)
        if size:
            add_field(head.fields, &head.n_fields, "Content-Type", 12, "application/json", 16)
        if status == 401:
            add_field(head.fields, &head.n_fields, "WWW-Authenticate", 16, CHALLENGE, strlen(CHALLENGE))
        if status == 405 or reason == R_LOCAL:
            add_field(head.fields, &head.n_fields, "Allow", 5, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", 44)
        add_field(head.fields, &head.n_fields, "X-Request-Id", 12, id, hex_id(self.id, id))
        self.flags |= X_RESPONSE_STARTED | X_RESPONSE_DONE
        self.response_bytes = size
        self.down.respond_head(&head)
        self.down.respond_body(<const unsigned char*> body, size)
        self.down.respond_end()
        self.down.flush()
        return self._finish(False)

    cdef int _cut(self, int reason) except -1:
        """Part of the answer is out and the rest will not come."""
        self.reason = reason
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
        context.counters[C_REQUESTS] += 1
        context.counters[C_REASON + self.reason] += 1
        if 100 <= self.status < 600 and self.flags & X_RESPONSE_STARTED:
            context.counters[C_STATUS_1XX + self.status // 100 - 1] += 1
        context.active -= 1
        self._record(RECORD_END)
        self.rule = None
        self.backend = None
        self.endpoint = None
        self.collected = None
        self.card = None
        self.down = None
        down.exchange = None
        if len(context.spare) < MAX_SPARE:
            context.spare.append(alive)
        return down.done(complete)

    cdef void _record(self, int kind) noexcept:
        """Write the record of this exchange into the ring."""
        cdef Context context = self.context
        cdef Record* record = new_record(context.ring)
        cdef timespec now
        cdef int64_t age = self.poller.now_ns - self.started_ns
        clock_gettime(CLOCK_REALTIME, &now)
        record.kind = kind
        record.reason = self.reason
        record.method = self.method_id
        record.flags = (
            (RECORD_STREAM if self.flags & X_STREAM else 0) | (RECORD_CARD if self.flags & X_CARD else 0)
            | (RECORD_REUSED if self.flags & X_REUSED else 0) | (RECORD_RETRIED if self.flags & X_RETRIED else 0)
        )
        record.started_ns = <int64_t> now.tv_sec * 1_000_000_000 + now.tv_nsec - age
        record.first_byte_us = (self.first_byte_ns - self.started_ns) // 1000 if self.first_byte_ns else -1
        record.total_us = age // 1000
        record.request_bytes = self.request_bytes
        record.response_bytes = self.response_bytes
        memcpy(record.request_id, self.id, 16)
        memcpy(record.peer, self.down.peer, 16)
        record.peer_port = self.down.peer_port
        record.status = self.status
        record.port = self.down.port
        record.endpoint_port = 0
        memset(record.endpoint, 0, 16)
        if self.endpoint is not None:
            memcpy(record.endpoint, self.endpoint.ip, 16)
            record.endpoint_port = self.endpoint.port
        record.rule_len = record.consumer_len = 0
        if self.rule is not None:
            record.rule_len = copy_text(self.rule.key, record.rule, sizeof(record.rule))
            if self.consumer >= 0:
                record.consumer_len = copy_text(
                    self.rule.policy.keys.consumer(self.consumer), record.consumer, sizeof(record.consumer)
                )
        record.path_len = self.path_len
        memcpy(record.path, self.path, self.path_len)
        publish_record(context.ring, record)

    # --- agent cards: the slow path -------------------------------------------------------------------------------

    cdef int _card_request(self, RequestHead* head) except -1:
        """Ask the agent for the whole card in the clear: conditions and codings speak of its bytes, not of ours."""
        self.flags |= X_CARD
        self.card = card_facts(head, self.down.port)
        ask_for_whole_card(head)
        return 0

    cdef bint _card_head(self, ResponseHead* head) except -1:
        """Keep the head until the card is there. False where it is no card to look into: it passes as it is."""
        cdef int i
        if head.status != 200 or head.framing == FRAMING_NONE or head.content_length > MAX_CARD:
            return False
        for i in range(head.n_fields):
            if head.fields[i].id == F_CONTENT_ENCODING:
                return False
        self.card["fields"] = kept_fields(head)
        self.card["reason"] = head.reason[:head.reason_len]
        self.card["content_length"] = head.content_length
        self.flags |= X_COLLECTING
        self.collected = []
        return True

    cdef int _card_done(self) except -1:
        """The card is complete: let Python change it, and answer."""
        cdef bytes body = b"".join(self.collected)
        facts = {name: value for name, value in self.card.items() if isinstance(value, str)}
        result = self.context.rewrite_card(self.rule.key, body, facts)
        self.flags &= ~<uint32_t> X_COLLECTING
        fields = self.card["fields"]
        if result is None:
            return self._card_answer(200, fields, body)
        status, body, etag = result
        if status == 200:
            self.context.counters[C_CARDS_REWRITTEN] += 1
        else:
            self.reason = R_LOCAL if status == 304 else R_UPSTREAM_INVALID
        fields = changed_fields(fields, status, etag)
        return self._card_answer(status, fields, body)

    cdef int _card_as_it_is(self) except -1:
        """Too large to look into: pass on what came so far; the rest follows as it arrives."""
        cdef bytes body = b"".join(self.collected)
        self.collected = None
        self._card_answer_head(200, self.card["fields"], self.card["content_length"])
        return self.down.respond_body(body, len(body))

    cdef int _card_answer(self, int status, list fields, bytes body) except -1:
        self._card_answer_head(status, fields, len(body))
        self.response_bytes = len(body)
        if status == 304:
            return 0
        return self.down.respond_body(body, len(body))

    cdef int _card_answer_head(self, int status, list fields, int64_t content_length) except -1:
        """The agent's fields as Python has left them, as a head again."""
        cdef ResponseHead head
        cdef char id[32]
        cdef Py_ssize_t i
        memset(&head, 0, sizeof(head))
        head.fields = self.context.fields
        head.status = self.status = status
        phrase = self.card["reason"] if status == 200 else (<bytes> reason_phrase(status))
        head.reason = <const unsigned char*> (<bytes> phrase)
        head.reason_len = <uint32_t> len(phrase)
        head.minor = 1
        head.framing = FRAMING_NONE if status == 304 else FRAMING_LENGTH if content_length >= 0 else FRAMING_CHUNKED
        # A 304 tells no length: RFC 9110 8.6 lets it tell only the one that a 200 would have had.
        head.content_length = -1 if status == 304 else content_length
        for i in range(len(fields)):
            name, value = <bytes> fields[i][0], <bytes> fields[i][1]
            add_field(head.fields, &head.n_fields, <bytes> name, <int> len(name), <bytes> value, len(value))
        add_field(head.fields, &head.n_fields, "X-Request-Id", 12, id, hex_id(self.id, id))
        self.flags |= X_RESPONSE_STARTED
        return self.down.respond_head(&head)
