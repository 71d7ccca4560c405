# What each agent is asked and how that ends, in memory that a worker writes and the supervisor reads.

from libc.stdint cimport int64_t, uint64_t

from agw._fastpath.account cimport Account
from agw._fastpath.message cimport RequestHead

cdef enum:
    AGENT_SLOTS = 128           # agents with a row of their own, numbered by the supervisor
    AGENT_OTHER = 128           # row of all others together
    AGENT_ROWS = 129
    AGENT_WORDS = 80            # of a row, each a uint64

# Indices into a row. Gauges are the first two.
cdef enum:
    A_ACTIVE = 0                # gauge: exchanges in progress
    A_STREAMS_ACTIVE = 1        # gauge: event streams open
    A_STREAMS = 2               # event streams begun
    A_DURATIONS = 3             # exchanges ended that were no stream
    A_DURATION = 4              # how long these took, microseconds
    A_CARDS_UNREAD = 5          # agent cards passed on with the agent's own URLs: Python raises it
    A_OUTCOME = 8               # A_OUTCOME + Outcome, room for 8
    A_VERSION = 16              # A_VERSION + Version, room for 8
    A_TASK_STATE = 24           # A_TASK_STATE + agw.a2a.states.TaskState, room for 16
    A_FIRST_BYTE = 40           # a histogram of record.pxd: from the request's head to the answer's
    A_OPERATION = 64            # A_OPERATION + agw.a2a.operations.Operation, room for 16

# How an exchange ended, for whoever looks after an agent: five words for what Reason has many for.
cdef enum Outcome:
    OUTCOME_OK = 0
    OUTCOME_REFUSED = 1         # by the gateway; the agent did not hear of it, or not all
    OUTCOME_AGENT_ERROR = 2     # the agent answered with a status from 400 on
    OUTCOME_FAILED = 3          # no answer of the agent's, or not all of it
    OUTCOME_CLIENT_LEFT = 4

# Which protocol a client says that it speaks (A2A 1.0 section 3.6). Numbers are a format: they are in records.
cdef enum Version:
    VERSION_NOT = 0             # not asked of an agent
    VERSION_0_3 = 1             # or nothing was said
    VERSION_1_0 = 2
    VERSION_OTHER = 3

# A request for an agent begins. agents: the first row, NULL where nobody counts. slot: of the agent. The head is
# borrowed for the call.
cdef void agent_begin(Account* account, uint64_t* agents, int slot, const RequestHead* head) noexcept
# Its answer is an event stream.
cdef void agent_streams(Account* account) noexcept
# It is over; account.agent is not NULL. streamed: the answer was an event stream.
cdef void agent_end(const Account* account, bint streamed, int64_t now_ns) noexcept
