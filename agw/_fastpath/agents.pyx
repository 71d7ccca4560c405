"""Figures by agent: one row of counters for each of the first 128 agents of a configuration, one for all others.

An agent is a backend that speaks A2A. Which row is whose the supervisor says, once for all of its workers; a compiled
backend has the number, and an exchange the row, from its begin to its end. So nothing is looked up for a request, and
the number of series never depends on traffic.

What is refused before a backend was chosen (no key, no right) counts for the agent that its rule names, the first
where there are several. Copies for mirrors count for nobody.

Must not: allocate, fail, or touch a row of an agent that is not asked: rows that nobody writes cost no memory.
"""

from libc.stdint cimport uint8_t, uint32_t

from agw._fastpath.fields cimport same_folded
from agw._fastpath.message cimport F_A2A_VERSION, Field
from agw._fastpath.record cimport R_COUNT, R_UPSTREAM, observe

from agw.errors import Reason

AGENTS_SIZE = AGENT_ROWS * AGENT_WORDS * 8
# For Python, by the names of agents.pxd.
globals().update(
    AGENT_SLOTS=AGENT_SLOTS, AGENT_WORDS=AGENT_WORDS, ACTIVE=A_ACTIVE, STREAMS_ACTIVE=A_STREAMS_ACTIVE,
    STREAMS=A_STREAMS, DURATIONS=A_DURATIONS, DURATION=A_DURATION, OUTCOME=A_OUTCOME, VERSION=A_VERSION,
    TASK_STATE=A_TASK_STATE, FIRST_BYTE=A_FIRST_BYTE, OPERATION=A_OPERATION,
    CARDS_UNREAD=A_CARDS_UNREAD,
)

# By Outcome.
OUTCOMES = ("ok", "refused", "agent_error", "failed", "client_left")

# Reasons that are no refusal.
cdef dict _ENDS = {
    Reason.UPSTREAM: OUTCOME_OK,
    Reason.LOCAL: OUTCOME_OK,
    Reason.INVALID_BACKEND: OUTCOME_FAILED,
    Reason.NO_ENDPOINT: OUTCOME_FAILED,
    Reason.CONNECT_FAILED: OUTCOME_FAILED,
    Reason.UPSTREAM_INVALID: OUTCOME_FAILED,
    Reason.UPSTREAM_CLOSED: OUTCOME_FAILED,
    Reason.UPSTREAM_TIMEOUT: OUTCOME_FAILED,
    Reason.STREAM_IDLE: OUTCOME_FAILED,
    Reason.DRAINED: OUTCOME_FAILED,
    Reason.INTERNAL: OUTCOME_FAILED,
    Reason.CARD_REFUSED: OUTCOME_FAILED,
    Reason.CLIENT_CLOSED: OUTCOME_CLIENT_LEFT,
    Reason.CLIENT_STALLED: OUTCOME_CLIENT_LEFT,
    Reason.REQUEST_TIMEOUT: OUTCOME_CLIENT_LEFT,
}

cdef uint8_t _outcomes[R_COUNT]
for _reason in Reason:
    _outcomes[<int> _reason] = _ENDS.get(_reason, OUTCOME_REFUSED)

cdef enum:
    NAME = 11                   # bytes of "a2a-version"


cdef inline int _outcome(int reason, int status) noexcept nogil:
    return OUTCOME_AGENT_ERROR if reason == R_UPSTREAM and status >= 400 else _outcomes[reason]


def outcome_of(int reason, int status):
    """Give the word for how an exchange ended with this Reason and status."""
    return OUTCOMES[_outcome(Reason(reason), status)]


cdef int _told(const unsigned char* text, uint32_t size) noexcept nogil:
    """Major.Minor, and behind another dot what does not matter (A2A 1.0 section 3.6.1)."""
    if size == 0:
        return VERSION_0_3
    if size == 3 or (size > 3 and text[3] == b"."):
        if same_folded(text, "1.0", 3):
            return VERSION_1_0
        if same_folded(text, "0.3", 3):
            return VERSION_0_3
    return VERSION_OTHER


cdef int _in_query(const unsigned char* query, uint32_t size) noexcept nogil:
    """The version as a parameter, which a client may use in place of the header."""
    cdef uint32_t at = 0, end
    while at + NAME < size:
        end = at
        while end < size and query[end] != b"&":
            end += 1
        if end - at > NAME and query[at + NAME] == b"=" and same_folded(query + at, "a2a-version", NAME):
            return _told(query + at + NAME + 1, end - at - NAME - 1)
        at = end + 1
    return VERSION_0_3


cdef int _version(const RequestHead* head) noexcept nogil:
    cdef const Field* field
    cdef int i
    for i in range(head.n_fields):
        field = &head.fields[i]
        if field.id == F_A2A_VERSION:
            return _told(field.value, field.value_len)
    return _in_query(head.query, head.query_len) if head.query_len else <int> VERSION_0_3


cdef void agent_begin(Account* account, uint64_t* agents, int slot, const RequestHead* head) noexcept:
    account.version = <uint8_t> _version(head)
    if agents != NULL:
        account.agent = agents + slot * <int> AGENT_WORDS
        account.agent[A_ACTIVE] += 1


cdef void agent_streams(Account* account) noexcept:
    account.agent[A_STREAMS] += 1
    account.agent[A_STREAMS_ACTIVE] += 1


cdef void agent_end(const Account* account, bint streamed, int64_t now_ns) noexcept:
    cdef uint64_t* row = account.agent
    if streamed:
        row[A_STREAMS_ACTIVE] -= 1
    else:
        row[A_DURATIONS] += 1
        row[A_DURATION] += <uint64_t> ((now_ns - account.started_ns) // 1000)
    row[A_OUTCOME + _outcome(account.reason, account.status)] += 1
    row[A_VERSION + account.version] += 1
    row[A_OPERATION + account.operation] += 1
    if account.first_byte_ns:
        observe(row + <int> A_FIRST_BYTE, (account.first_byte_ns - account.started_ns) // 1000)
    row[A_ACTIVE] -= 1
