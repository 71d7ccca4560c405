"""Counters and request records in shared memory: their layout for Python.

The worker writes through the C structs of record.pxd; the supervisor reads here. Nothing here formats for people:
metrics, access log and taps do that from these values.
"""

from collections import namedtuple
from ipaddress import IPv6Address

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcpy

from agw._fastpath.copy cimport copy_short

from agw import errors
from agw.a2a.operations import OPERATIONS
from agw.a2a.states import STATES

# By Affinity.
AFFINITIES = ("", "pinned", "hashed", "gone", "none")
# By Version of agents.pxd: what a client says that it speaks.
A2A_VERSIONS = ("", "0.3", "1.0", "other")
# By StreamEnd.
ENDS = ("agent", "agent_cut", "client", "gateway", "timeout")

COUNTERS_SIZE = C_COUNT * 8
RECORDS_SIZE = RING_HEADER + RING_SLOTS * RECORD_SIZE

# (index, metric, label as name="value" or "", type, help)
COUNTERS = (
    (C_REQUESTS, "agw_requests_total", "", "counter", "Requests whose exchange has ended."),
    *(
        (C_STATUS_1XX + i, "agw_responses_total", f'class="{i + 1}xx"', "counter", "Final answers, by status class.")
        for i in range(5)
    ),
    *(
        (C_REASON + why, "agw_exchanges_total", f'reason="{why.word}"', "counter", "Ended exchanges, by why.")
        for why in errors.Reason
    ),
    *(
        (C_OPERATION + i, "agw_a2a_requests_total", f'operation="{name or "unknown"}"', "counter", "Asked of agents.")
        for i, name in enumerate(OPERATIONS)
    ),
    *(
        (C_TASK_STATE + i, "agw_a2a_task_states_total", f'state="{name}"', "counter", "Answers, by last state told.")
        for i, name in enumerate(STATES)
        if name
    ),
    (C_DOWNSTREAM_ACCEPTED, "agw_downstream_connections_total", "", "counter", "Client connections accepted."),
    (C_DOWNSTREAM_RECLAIMED, "agw_downstream_reclaimed_total", "", "counter", "Idle connections closed to make room."),
    (C_DOWNSTREAM_ACTIVE, "agw_downstream_connections", "", "gauge", "Client connections open."),
    (C_DOWNSTREAM_BYTES_IN, "agw_downstream_received_bytes_total", "", "counter", "Bytes received from clients."),
    (C_DOWNSTREAM_BYTES_OUT, "agw_downstream_sent_bytes_total", "", "counter", "Bytes sent to clients."),
    (C_UPSTREAM_CONNECTS, "agw_upstream_connections_total", "", "counter", "Connections begun to endpoints."),
    (C_UPSTREAM_CONNECT_FAILURES, "agw_upstream_connect_failures_total", "", "counter", "Connects that failed."),
    (C_UPSTREAM_ACTIVE, "agw_upstream_connections", "", "gauge", "Connections to endpoints open, idle ones too."),
    (C_UPSTREAM_REUSES, "agw_upstream_reuses_total", "", "counter", "Requests sent on a connection used before."),
    (C_UPSTREAM_DISCARDED, "agw_upstream_stale_total", "", "counter", "Idle connections found unusable before reuse."),
    (C_RETRIES, "agw_retries_total", "", "counter", "Requests sent again, nothing of them having been answered."),
    (C_RETRIES_REFUSED, "agw_retries_refused_total", "", "counter", "Retries not made: the budget was spent."),
    (C_EJECTIONS, "agw_ejections_total", "", "counter", "Endpoints taken out of service for failing requests."),
    (C_ENDPOINTS_EJECTED, "agw_endpoints_ejected", "", "gauge", "Endpoints out of service so, summed over workers."),
    (C_WAITED, "agw_waited_total", "", "counter", "Requests that waited for a slot of an endpoint."),
    (C_WAITING, "agw_waiting", "", "gauge", "Requests that wait for a slot of an endpoint now."),
    *(
        (C_AFFINITY_PINNED + i, "agw_affinity_total", f'result="{how}"', "counter", "Requests with affinity, by how.")
        for i, how in enumerate(AFFINITIES[1:])
    ),
    (C_AFFINITY_LEARNT, "agw_affinity_learnt_total", "", "counter", "Ids of tasks and contexts that were learnt."),
    (C_MIRRORED, "agw_mirrored_total", "", "counter", "Copies of requests to mirrors."),
    (C_MIRRORS_CUT, "agw_mirrors_cut_total", "", "counter", "Copies given up: too large, or their mirror too slow."),
    (C_MIRRORS_FAILED, "agw_mirrors_failed_total", "", "counter", "Copies to which no valid answer came."),
    (C_MIRRORS_ACTIVE, "agw_mirrors", "", "gauge", "Copies of requests in progress."),
    (
        C_LIMITS_EVICTED, "agw_rate_limit_evictions_total", "", "counter",
        "Buckets of rate limits given to others before they were full: more clients than can be counted.",
    ),
    (C_STREAMS, "agw_streams_total", "", "counter", "Event streams begun."),
    (C_STREAMS_ACTIVE, "agw_streams", "", "gauge", "Event streams open."),
    (C_STREAM_EVENTS, "agw_stream_events_total", "", "counter", "Events in streams of agents of type A2A."),
    *(
        (C_STREAM_ENDS + i, "agw_stream_ends_total", f'by="{name}"', "counter", "Event streams ended, by whom.")
        for i, name in enumerate(ENDS)
    ),
    (C_TUNNELS, "agw_tunnels_total", "", "counter", "Connections upgraded to WebSocket."),
    (C_EXCHANGES_ACTIVE, "agw_exchanges", "", "gauge", "Exchanges in progress."),
    (C_SWAPS, "agw_table_swaps_total", "", "counter", "Compiled tables put in service."),
    (C_CARDS_REWRITTEN, "agw_cards_rewritten_total", "", "counter", "Agent cards answered with changed URLs."),
    (C_ACCESS_LOG_DROPPED, "agw_access_log_dropped_total", "", "counter", "Lines lost: their reader was too slow."),
    (C_LOOP_LAGS, "agw_loop_lags_total", "", "counter", "Times that a worker's loop was held up for too long."),
    (C_LOOP_LAG_MAX, "agw_loop_lag_max_seconds", "", "peak", "Longest that a worker's loop was ever held up."),
    (C_EXCEPTIONS, "agw_exceptions_total", "", "counter", "Exceptions that reached the reactor: each is a bug."),
)

# Upper bounds of the histograms' buckets, microseconds.
BUCKETS_US = (
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
    30_000_000, 60_000_000, 300_000_000,
)

# (index of the first bucket, metric, help)
HISTOGRAMS = (
    (C_DURATION, "agw_request_duration_seconds", "From a request's head to its end; streams are counted apart."),
    (C_FIRST_BYTE, "agw_first_byte_seconds", "From a request's head to the head of the agent's answer."),
    (C_STREAM_DURATION, "agw_stream_duration_seconds", "From a request's head to the end of its event stream."),
    (C_FIRST_EVENT, "agw_stream_first_event_seconds", "From a request's head to the first event of an agent's stream."),
)
HISTOGRAM_OVER = H_OVER
HISTOGRAM_SUM = H_SUM


RequestRecord = namedtuple(
    "RequestRecord",
    "sequence kind reason operation method stream card reused retried started_ns first_byte_us total_us request_bytes "
    "response_bytes request_id trace_id peer peer_port endpoint endpoint_port status port listener route rule backend "
    "consumer path events first_event_us task_state ended_by affinity a2a_version",
)


def _address(raw):
    address = IPv6Address(raw)
    return str(address.ipv4_mapped or address) if any(raw) else ""


cdef str _text(const char* text, Py_ssize_t size, Py_ssize_t room):
    # The worker that wrote the length may not be itself any more: what is not in the field is not read.
    return (<bytes> text[:size if size < room else room]).decode("utf-8", "replace")


cdef _decode(const Record* record):
    cdef bint heard = record.flags & RECORD_HEARD
    cdef bint ended = record.flags & RECORD_STREAM and record.kind == RECORD_END
    return RequestRecord(
        record.sequence,
        "start" if record.kind == RECORD_START else "end",
        record.reason,
        OPERATIONS[record.operation] if record.operation < len(OPERATIONS) else "",
        _text(record.method, record.method_len, METHOD_ROOM),
        bool(record.flags & RECORD_STREAM),
        bool(record.flags & RECORD_CARD),
        bool(record.flags & RECORD_REUSED),
        bool(record.flags & RECORD_RETRIED),
        record.started_ns,
        record.first_byte_us,
        record.total_us,
        record.request_bytes,
        record.response_bytes,
        _text(record.request_id, record.request_id_len, ID_ROOM),
        _text(record.trace_id, record.trace_id_len, sizeof(record.trace_id)),
        _address(<bytes> (<const char*> record.peer)[:16]),
        record.peer_port,
        _address(<bytes> (<const char*> record.endpoint)[:16]),
        record.endpoint_port,
        record.status,
        record.port,
        _text(record.listener, record.listener_len, KEY_ROOM),
        _text(record.route, record.route_len, ROUTE_ROOM),
        record.rule,
        _text(record.backend, record.backend_len, KEY_ROOM),
        _text(record.consumer, record.consumer_len, CONSUMER_ROOM),
        _text(record.path, record.path_len, PATH_ROOM),
        record.events if heard else 0,
        record.first_event_us if heard else -1,
        STATES[record.task_state] if heard and record.task_state < len(STATES) else "",
        ENDS[stream_end(record.reason)] if ended else "",
        AFFINITIES[record.affinity] if record.affinity < len(AFFINITIES) else "",
        A2A_VERSIONS[record.a2a_version] if record.a2a_version < len(A2A_VERSIONS) else "",
    )


def read_records(ring, uint64_t after=0):
    """Records with a sequence above `after` that are still in the ring, oldest first.

    A slot that the worker overwrites while it is read shows by its sequence, and is left out.
    """
    cdef Py_buffer view
    PyObject_GetBuffer(ring, &view, PyBUF_SIMPLE)
    try:
        return _records(<const unsigned char*> view.buf, after)
    finally:
        PyBuffer_Release(&view)


cdef list _records(const unsigned char* ring, uint64_t after):
    cdef uint64_t written = (<const uint64_t*> ring)[0]
    cdef uint64_t first = max(after, written - min(written, <uint64_t> RING_SLOTS)) + 1
    cdef uint64_t sequence
    cdef Record copy
    cdef const unsigned char* slot
    cdef list result = []
    cdef int left
    if after >= written:
        return result
    # Counted by what is left: the number that a broken worker wrote may be the largest there is.
    for left in range(<int> (written - first + 1), 0, -1):
        sequence = written - <uint64_t> (left - 1)
        slot = ring + RING_HEADER + ((sequence - 1) % RING_SLOTS) * RECORD_SIZE
        memcpy(&copy, slot, sizeof(Record))
        if copy.sequence == sequence and (<const Record*> slot).sequence == sequence:
            result.append(_decode(&copy))
    return result


cdef int stream_end(int reason) noexcept nogil:
    if reason == R_UPSTREAM:
        return STREAM_BY_AGENT
    if reason == R_UPSTREAM_CLOSED or reason == R_UPSTREAM_INVALID:
        return STREAM_CUT_BY_AGENT
    if reason == R_CLIENT_CLOSED or reason == R_CLIENT_STALLED:
        return STREAM_BY_CLIENT
    if reason == R_BAD_REQUEST or reason == R_TOO_LARGE or reason == R_HEAD_TOO_LARGE:
        return STREAM_BY_CLIENT     # its request turned out to be none while it was being answered
    if reason == R_UPSTREAM_TIMEOUT or reason == R_REQUEST_TIMEOUT or reason == R_STREAM_IDLE:
        return STREAM_BY_TIMEOUT
    return STREAM_BY_GATEWAY


cdef int64_t _bounds[H_BUCKETS]
for _at, _bound in enumerate(BUCKETS_US):
    _bounds[_at] = _bound


cdef void observe(uint64_t* at, int64_t us) noexcept nogil:
    # Most requests are short: the walk from below ends after a few steps, and touches two cache lines.
    cdef int i = 0
    while i < H_BUCKETS and us > _bounds[i]:
        i += 1
    at[i] += 1
    at[H_SUM] += <uint64_t> us if us > 0 else 0


cdef uint8_t copy_text(str text, Py_ssize_t skip, char* into, Py_ssize_t room) noexcept:
    # Nothing is made: CPython keeps the form that it gives.
    cdef Py_ssize_t n = 0
    cdef const char* raw = PyUnicode_AsUTF8AndSize(text, &n)
    if raw == NULL or n <= skip:
        return 0
    n = n - skip if n - skip < room else room
    copy_short(into, raw + skip, n)
    return <uint8_t> n


cdef Record* new_record(unsigned char* ring) noexcept:
    cdef uint64_t written = (<uint64_t*> ring)[0]
    cdef Record* record = <Record*> (ring + RING_HEADER + (written % RING_SLOTS) * RECORD_SIZE)
    record.sequence = 0
    record.version = RECORD_VERSION
    record.size = RECORD_SIZE
    return record


cdef void publish_record(unsigned char* ring, Record* record) noexcept:
    cdef uint64_t* written = <uint64_t*> ring
    written[0] += 1
    record.sequence = written[0]


assert sizeof(Record) == RECORD_SIZE, sizeof(Record)
