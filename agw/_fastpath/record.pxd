# Shared memory that a worker writes and the supervisor reads: counters and the ring of request records.
#
# One request record, made once at the end of an exchange (and once at the start of a stream): the access log, taps,
# spans and metrics are views of it. Its size and layout are a format: a change raises RECORD_VERSION.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

# Why an exchange ended: the numbers of agw.errors.Reason.
cdef enum Reason:
    R_UPSTREAM = 0
    R_BAD_REQUEST = 1
    R_NOT_FOUND = 2
    R_UNAUTHENTICATED = 3
    R_INVALID_BACKEND = 4
    R_NO_ENDPOINT = 5
    R_CONNECT_FAILED = 6
    R_UPSTREAM_INVALID = 7
    R_UPSTREAM_CLOSED = 8
    R_UPSTREAM_TIMEOUT = 9
    R_CLIENT_CLOSED = 10
    R_REQUEST_TIMEOUT = 11
    R_TOO_LARGE = 12
    R_HEAD_TOO_LARGE = 13
    R_METHOD_REFUSED = 14
    R_NOT_IMPLEMENTED = 15
    R_VERSION_REFUSED = 16
    R_EXPECTATION_FAILED = 17
    R_DRAINED = 18
    R_INTERNAL = 19
    R_LOCAL = 20
    R_LOOP = 21
    R_POLICY_INVALID = 22
    R_CLIENT_STALLED = 23
    R_OVERLOADED = 24
    R_FORBIDDEN = 25
    R_RATE_LIMITED = 26
    R_CARD_REFUSED = 27
    R_STREAM_IDLE = 28
    R_TOO_MANY_STREAMS = 29
    R_COUNT = 30

# Indices into the counters, each a uint64. Gauges (see record.pyx COUNTERS) are set to 0 when a worker starts. New ones
# take the next free number below C_REASON; what is in *_seconds metrics is held in microseconds.
cdef enum:
    C_REQUESTS = 0              # exchanges ended
    C_STATUS_1XX = 1            # C_STATUS_1XX + status / 100 - 1: final answers by class
    C_STATUS_2XX = 2
    C_STATUS_3XX = 3
    C_STATUS_4XX = 4
    C_STATUS_5XX = 5
    C_DOWNSTREAM_ACCEPTED = 32
    C_DOWNSTREAM_ACTIVE = 33    # gauge
    C_DOWNSTREAM_BYTES_IN = 34
    C_DOWNSTREAM_BYTES_OUT = 35
    C_UPSTREAM_CONNECTS = 36
    C_UPSTREAM_CONNECT_FAILURES = 37
    C_UPSTREAM_ACTIVE = 38      # gauge
    C_UPSTREAM_REUSES = 39
    C_RETRIES = 40
    C_STREAMS = 41              # text/event-stream answers begun
    C_STREAMS_ACTIVE = 42       # gauge
    C_EXCHANGES_ACTIVE = 43     # gauge
    C_SWAPS = 44
    C_CARDS_REWRITTEN = 45
    C_EXCEPTIONS = 46           # Python exceptions that reached the reactor: always a bug
    C_UPSTREAM_DISCARDED = 47   # idle connections found closed or talking when looked at before reuse
    C_DOWNSTREAM_RECLAIMED = 48  # idle client connections closed to make room for others
    C_TUNNELS = 49              # connections upgraded to another protocol
    C_STREAM_EVENTS = 50        # complete ones, of agents that speak A2A
    C_STREAM_ENDS = 51          # C_STREAM_ENDS + StreamEnd, room for 5
    C_RETRIES_REFUSED = 64      # for want of a retry budget
    C_EJECTIONS = 65
    C_ENDPOINTS_EJECTED = 66    # gauge
    C_WAITED = 67               # exchanges that had to wait for a slot
    C_WAITING = 68              # gauge
    C_MIRRORED = 69             # copies of requests begun
    C_MIRRORS_CUT = 70          # too large, or their mirror too slow
    C_MIRRORS_FAILED = 71       # no connection, or no valid answer
    C_MIRRORS_ACTIVE = 72       # gauge
    C_LIMITS_EVICTED = 73       # buckets of rate limits given to others before they were full; raised atomically
    C_AFFINITY_PINNED = 100     # requests to backends with affinity: to the owner of what they name
    C_AFFINITY_HASHED = 101     # to where an unknown context belongs
    C_AFFINITY_GONE = 102       # to another than the owner, which is gone
    C_AFFINITY_NONE = 103       # to any
    C_AFFINITY_LEARNT = 104     # ids whose owner is new or another
    C_ACCESS_LOG_DROPPED = 120  # lines; two threads of a worker raise it, each by an atomic addition
    C_LOOP_LAGS = 121           # times the loop was held up for longer than loop_lag
    C_LOOP_LAG_MAX = 122        # peak, microseconds
    C_REASON = 128              # C_REASON + Reason, room for 64
    C_DURATION = 192            # histograms, each H_SLOTS long: requests that are no stream, from head to end
    C_FIRST_BYTE = 216          # all answers of agents, from the request's head to the answer's
    C_STREAM_DURATION = 240     # streams, from the request's head to their end
    C_OPERATION = 264           # C_OPERATION + agw.a2a.operations.Operation, room for 32
    C_FIRST_EVENT = 296         # another histogram: streams, from the request's head to their first event
    C_TASK_STATE = 320          # C_TASK_STATE + agw.a2a.states.TaskState, room for 16
    C_COUNT = 336

# Who ended an event stream.
cdef enum StreamEnd:
    STREAM_BY_AGENT = 0         # complete
    STREAM_CUT_BY_AGENT = 1
    STREAM_BY_CLIENT = 2
    STREAM_BY_GATEWAY = 3       # it drained, or failed
    STREAM_BY_TIMEOUT = 4
    STREAM_ENDS = 5

# A histogram: a counter for each bucket (not cumulative), one for what is over the last bound, and the sum.
cdef enum:
    H_BUCKETS = 16              # bounds; see record.pyx BUCKETS_US
    H_OVER = 16
    H_SUM = 17                  # microseconds
    H_SLOTS = 24

cdef enum:
    RECORD_VERSION = 5
    RECORD_SIZE = 912           # bytes
    RING_SLOTS = 64             # few, so that they stay in the cache: each request writes one
    RING_HEADER = 64            # bytes before the first slot; the first 8 are the number of records ever written

cdef enum RecordKind:
    RECORD_END = 0
    RECORD_START = 1            # a stream's answer began

cdef enum RecordFlag:
    RECORD_STREAM = 1
    RECORD_CARD = 2
    RECORD_REUSED = 4           # the upstream connection had served before
    RECORD_RETRIED = 8
    RECORD_HEARD = 16           # what is said of it in Record is there

# How an endpoint was found where a backend has affinity; in the order of the counters from C_AFFINITY_PINNED on.
cdef enum Affinity:
    AFFINITY_NOT = 0            # it has none
    AFFINITY_PINNED = 1
    AFFINITY_HASHED = 2
    AFFINITY_GONE = 3
    AFFINITY_NONE = 4

cdef enum:
    ROUTE_ROOM = 144            # bytes of the texts; what is longer is cut
    KEY_ROOM = 128
    CONSUMER_ROOM = 64
    ID_ROOM = 128
    METHOD_ROOM = 16
    PATH_ROOM = 144

cdef struct Record:
    uint16_t version            # RECORD_VERSION
    uint16_t size               # RECORD_SIZE
    uint8_t kind                # RecordKind
    uint8_t reason              # Reason
    uint8_t flags               # RecordFlag
    uint8_t operation           # Operation
    uint64_t sequence           # from 1; the reader detects overwritten slots by it
    int64_t started_ns          # CLOCK_REALTIME at the request's head
    int64_t first_byte_us       # from start to the answer's head; -1 without one
    int64_t total_us            # from start to the end
    uint64_t request_bytes      # body, as received
    uint64_t response_bytes     # body, as sent
    int64_t first_event_us      # with RECORD_HEARD: from start to the first event of a stream; -1 without one
    uint64_t events             # with RECORD_HEARD: complete ones
    uint8_t peer[16]            # IPv6, or IPv4-mapped
    uint8_t endpoint[16]        # the same; zero without one
    uint16_t status
    uint16_t port               # the listener's
    uint16_t peer_port
    uint16_t endpoint_port
    uint16_t rule               # index of the rule in its route
    uint8_t route_len           # bytes used of the texts that follow
    uint8_t listener_len
    uint8_t backend_len
    uint8_t consumer_len
    uint8_t request_id_len
    uint8_t method_len
    uint8_t path_len
    uint8_t trace_id_len        # 32, or 0 where the request is in no trace
    uint8_t task_state          # with RECORD_HEARD: TaskState, the last that the answer told
    uint8_t affinity            # Affinity
    uint8_t a2a_version         # Version of agents.pxd
    uint8_t reserved[3]
    char trace_id[32]           # hexadecimal
    char route[144]             # kind/namespace/name
    char listener[128]          # namespace/gateway/name
    char backend[128]           # kind/namespace/name
    char consumer[64]           # its name
    char request_id[128]
    char method[16]
    char path[144]              # without the query

# The StreamEnd that follows from a Reason.
cdef int stream_end(int reason) noexcept nogil

# The StreamEnd that follows from a Reason.
cdef int stream_end(int reason) noexcept nogil

# UTF-8 of a text without its first `skip` bytes, cut where it is longer than the room; gives the bytes used.
cdef uint8_t copy_text(str text, Py_ssize_t skip, char* into, Py_ssize_t room) noexcept

# The next slot of a ring, marked as unfinished; its texts and numbers are whatever was there before.
cdef Record* new_record(unsigned char* ring) noexcept

# Counts one duration in a histogram. at: &counters[C_DURATION] or its like; us: below 0 counts as 0.
cdef void observe(uint64_t* at, int64_t us) noexcept nogil

# Makes the record that new_record() gave visible to readers.
cdef void publish_record(unsigned char* ring, Record* record) noexcept
