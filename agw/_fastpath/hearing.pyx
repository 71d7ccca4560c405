"""Answers of agents that speak A2A, heard as they pass: nothing of them is kept back, changed or refused.

    text/event-stream   events are counted, each is read for its task, and a comment is sent where the agent is silent
    JSON                read for its task, where the backend has affinity
    anything else       not looked at; nor is what has a content coding

Signs of life: after the backend's `stream.keepAlive` without a byte of the agent's, and again after each such time, a
comment goes to the client, which readers of event streams ignore (WHATWG HTML 9.2.7). Only between two events, so that
no event and no line is ever broken, and only where the client has taken all that came before: who does not read needs
no sign of life. An answer whose length was said has no room for one.

Rules: what is found is learnt before the bytes that told it are on their way to the client, whose next request may come
at once. An agent that tells nonsense is heard no more than one that tells nothing.
"""

cimport cython
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from agw._fastpath.affinity cimport affinity_learn
from agw._fastpath.agents cimport A_TASK_STATE, agent_streams
from agw._fastpath.envelope cimport (
    SLOT_CONTEXT, SLOT_STATE, TEXT_USED, answer_begin, answer_task, envelope_closed, envelope_end, envelope_feed,
)
from agw._fastpath.events cimport EVENT_DATA, EVENT_END, EVENT_LINE, EventPart, event_boundary, event_next
from agw._fastpath.exchange cimport X_HEARD, X_STREAM
from agw._fastpath.fields cimport same_folded
from agw._fastpath.message cimport F_CONTENT_ENCODING, F_CONTENT_TYPE, FRAMING_LENGTH, FRAMING_NONE, Field
from agw._fastpath.reading cimport is_json
from agw._fastpath.record cimport (
    C_FIRST_EVENT, C_STREAM_EVENTS, C_STREAMS, C_STREAMS_ACTIVE, C_TASK_STATE, RECORD_START, observe,
)
from agw._fastpath.states cimport task_state
from agw._fastpath.stream cimport backlog

cdef const unsigned char* COMMENT = <const unsigned char*> b": keep-alive\n\n"
cdef const unsigned char* BYTE_ORDER_MARK = <const unsigned char*> b"\xef\xbb\xbf"

cdef enum:
    COMMENT_SIZE = 14


@cython.final
cdef class Hearing(Timed):
    """An answer of an A2A agent that somebody wants to know something of."""

    cdef int on_timer(self) except -1:
        """The agent has been silent."""
        cdef Exchange exchange = self.exchange
        if event_boundary(&self.scan) and backlog(exchange.down) == 0:
            self.spoke_first = self.exchange.account.response_bytes == 0
            exchange.down.respond_body(COMMENT, COMMENT_SIZE)
            exchange.down.flush()
        return self.poller.arm(self, self.keep_alive_ms)

    cdef int on_fault(self) except -1:
        return self.exchange.on_fault() if self.exchange is not None else 0


# --- the head -----------------------------------------------------------------------------------------------------

cdef bint _readable(const ResponseHead* head) noexcept:
    """Whether the body is what its media type says, as it stands."""
    cdef const Field* field
    cdef bint json = False
    cdef int i
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id == F_CONTENT_ENCODING and not (field.value_len == 8 and same_folded(field.value, "identity", 8)):
            return False
        if field.id == F_CONTENT_TYPE:
            json = is_json(field, False)
    return head.event_stream or (json and 200 <= head.status < 300)


cdef int _stream_begins(Exchange exchange) except -1:
    exchange.flags |= X_STREAM
    exchange.poller.disarm(exchange)
    exchange._give_back()
    exchange.context.counters[C_STREAMS] += 1
    exchange.context.counters[C_STREAMS_ACTIVE] += 1
    if exchange.account.agent != NULL:
        agent_streams(&exchange.account)
    exchange._record(RECORD_START)
    return 0


cdef int hear_begin(Exchange exchange, const ResponseHead* head) except -1:
    cdef Hearing self
    if head.event_stream:
        _stream_begins(exchange)
    if not exchange.backend.a2a or head.framing == FRAMING_NONE or not _readable(head):
        return 0
    self = Hearing.__new__(Hearing)
    self.poller = exchange.poller
    self.exchange = exchange
    self.is_stream = head.event_stream
    # An operation that a path has named has no envelope around its answer.
    self.is_rest = exchange.account.operation != 0 and (exchange.reading is None or exchange.reading.by_path)
    self.readable = True
    answer_begin(&self.envelope, self.is_rest)
    exchange.hearing = self
    exchange.flags |= X_HEARD
    if self.is_stream and head.framing != FRAMING_LENGTH and exchange.backend.keep_alive_ms:
        self.keep_alive_ms = exchange.backend.keep_alive_ms
        self.poller.arm(self, self.keep_alive_ms)
    return 0


# --- the body -----------------------------------------------------------------------------------------------------

cdef int _learn(Hearing self, const Text* found, Text* before) except -1:
    """An id of a task or a context, which most events of a stream repeat."""
    if found.size == before.size and memcmp(found.data, before.data, found.size) == 0:
        return 0
    before[0] = found[0]
    return affinity_learn(self.exchange, found.data, found.size)


cdef int _told(Hearing self) except -1:
    """An answer, or an event of it, is complete."""
    cdef const Text* state = &self.envelope.texts[<int> SLOT_STATE]
    cdef const Text* task = answer_task(&self.envelope)
    cdef const Text* context = &self.envelope.texts[<int> SLOT_CONTEXT]
    if state.state == TEXT_USED:
        self.heard.task_state = <uint8_t> task_state(state.data, state.size)
    if self.exchange.backend.affinity:
        if task != NULL and task.size:
            _learn(self, task, &self.task)
        if context.state == TEXT_USED and context.size:
            _learn(self, context, &self.context)
    return 0


cdef int _event_ends(Hearing self) except -1:
    cdef Exchange exchange = self.exchange
    cdef uint64_t* counters = exchange.context.counters
    self.heard.events += 1
    counters[C_STREAM_EVENTS] += 1
    if self.heard.first_event_ns == 0:
        self.heard.first_event_ns = self.poller.now_ns
        observe(counters + <int> C_FIRST_EVENT, (self.poller.now_ns - exchange.account.started_ns) // 1000)
    if self.readable and envelope_end(&self.envelope):
        _told(self)
    self.readable = True
    answer_begin(&self.envelope, self.is_rest)
    return 0


cdef int _events(Hearing self, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t at = 0, used = 0, start = 0, count = 0
    cdef EventPart part
    while at < size:
        part = event_next(&self.scan, data + at, size - at, &used, &start, &count)
        if part == EVENT_END:
            _event_ends(self)
        elif self.readable:
            if part == EVENT_DATA:
                self.readable = envelope_feed(&self.envelope, data + at + start, count)
            elif part == EVENT_LINE:
                self.readable = envelope_feed(&self.envelope, <const unsigned char*> b"\n", 1)
        at += used
    return 0


cdef Py_ssize_t _unmarked(Hearing self, const unsigned char* data, Py_ssize_t size) except -1:
    """How many of the first bytes are of a byte order mark: behind a comment of ours it would be part of a name."""
    cdef Py_ssize_t n = 0
    while n < size and self.unmarked < 3 and data[n] == BYTE_ORDER_MARK[self.unmarked]:
        n += 1
        self.unmarked += 1
    if n < size and 0 < self.unmarked < 3:
        self.exchange.down.respond_body(BYTE_ORDER_MARK, self.unmarked)     # it was none
    self.spoke_first = self.unmarked < 3 and n == size
    return n


cdef int hear_body(Exchange exchange, const unsigned char* data, Py_ssize_t size) except -1:
    cdef Hearing self = exchange.hearing
    cdef Py_ssize_t skip = 0
    exchange.account.response_bytes += size
    if self.is_stream:
        _events(self, data, size)
        if self.keep_alive_ms:
            self.poller.arm(self, self.keep_alive_ms)
        if self.spoke_first:
            skip = _unmarked(self, data, size)
    elif self.readable:
        self.readable = envelope_feed(&self.envelope, data, size)
        if envelope_closed(&self.envelope):
            self.readable = False       # what follows may only be white space
            _told(self)
    return exchange.down.respond_body(data + skip, size - skip)


cdef int hear_end(Exchange exchange) except -1:
    cdef Hearing self = exchange.hearing
    exchange.hearing = None
    self.poller.disarm(self)
    self.exchange = None
    if self.heard.task_state:
        exchange.context.counters[C_TASK_STATE + self.heard.task_state] += 1
        if exchange.account.agent != NULL:
            exchange.account.agent[A_TASK_STATE + self.heard.task_state] += 1
    return 0
