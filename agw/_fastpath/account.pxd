# What an exchange remembers of itself for its record, and how that record is written.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from agw._fastpath.forwarding cimport Claims
from agw._fastpath.message cimport RequestHead
from agw._fastpath.pool cimport Endpoint
from agw._fastpath.record cimport Record
from agw._fastpath.route cimport CompiledBackend, CompiledRule

# Embedded in its exchange. Times are ns of Poller.now_ns.
cdef struct Account:
    int64_t started_ns
    int64_t epoch_ns            # to be added for CLOCK_REALTIME
    int64_t first_byte_ns       # 0 before the answer's head
    int64_t request_bytes       # body bytes read
    int64_t response_bytes      # body bytes sent on
    uint64_t id[2]              # of this request, whatever its client calls it
    int status                  # of the final answer, 0 before
    int reason                  # Reason
    int method_id
    int consumer                # index into the policy's keys, negative without
    int port                    # the listener's
    uint64_t* agent             # row of agents.pxd, the worker's; NULL where it is for no agent, or nobody counts
    void* listener              # borrowed str of the exchange's rule, NULL without one
    uint8_t operation           # agw.a2a.operations.Operation
    uint8_t affinity            # Affinity of record.pxd
    uint8_t version             # Version of agents.pxd
    bint a2a                    # its backend speaks A2A, and may be asked for operations
    uint8_t method_len          # bytes
    uint8_t path_len            # bytes
    uint8_t request_id_len      # bytes
    uint8_t trace_id_len        # bytes, 0 without a sound traceparent
    char method[16]
    char path[144]
    char request_id[128]        # X-Request-Id: the text of id, or a trusted peer's own
    char trace_id[32]

# What was heard of an agent's answer (see hearing).
cdef struct Heard:
    uint64_t events             # of a stream, complete ones
    int64_t first_event_ns      # ns of Poller.now_ns; 0 before the first
    uint8_t task_state          # agw.a2a.states.TaskState, the last that was told

# Opens the account of an exchange: nothing is known but when and where. epoch_ns: Poller's. one, two: what the
# request's id is made of.
cdef void account_open(
    Account* account, int port, int64_t now_ns, int64_t epoch_ns, uint64_t one, uint64_t two,
) noexcept

# Notes the request.
cdef void account_begin(Account* account, const RequestHead* head, int port) noexcept

# Takes over by which ids a request is known: a trusted peer's for it, and its trace's.
cdef void account_claims(Account* account, const Claims* claims) noexcept

# Writes the record of an exchange into a worker's ring, and gives it. kind: RecordKind. flags: RecordFlag. peer: 16
# bytes. endpoint, rule and backend may be None. heard: of the answer; NULL where nothing was.
cdef const Record* account_record(
    const Account* account, unsigned char* ring, int kind, int flags, int64_t now_ns, const uint8_t* peer,
    uint16_t peer_port, Endpoint endpoint, CompiledRule rule, CompiledBackend backend, const Heard* heard,
) noexcept

# Counts an ended exchange. answered: a status went to the client. streamed: the answer was an event stream.
cdef void account_count(
    const Account* account, uint64_t* counters, bint answered, bint streamed, int64_t now_ns,
) noexcept
