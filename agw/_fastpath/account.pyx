"""The account of an exchange: noted as it goes, written as one record at its end.

All views of a request (access log, metrics, taps) are made from here, so that they cannot disagree. Nothing here is
allocated, and nothing fails.
"""

from libc.string cimport memset

from agw._fastpath.agents cimport agent_end
from agw._fastpath.copy cimport copy_short
from agw._fastpath.forwarding cimport hex_id
from agw._fastpath.record cimport (
    C_DURATION, C_FIRST_BYTE, C_OPERATION, C_REASON, C_REQUESTS, C_STATUS_1XX, C_STREAM_DURATION, CONSUMER_ROOM,
    KEY_ROOM, METHOD_ROOM, PATH_ROOM, RECORD_HEARD, ROUTE_ROOM, R_UPSTREAM, Record, copy_text, new_record, observe,
    publish_record,
)
from agw._fastpath.route cimport Name

cdef enum:
    LISTENER = 9                # bytes of "listener/", with which a listener's key begins


cdef void account_open(
    Account* account, int port, int64_t now_ns, int64_t epoch_ns, uint64_t one, uint64_t two,
) noexcept:
    account.status = 0
    account.reason = R_UPSTREAM
    account.method_id = 0
    account.consumer = -1
    account.port = port
    account.listener = NULL
    account.operation = 0
    account.affinity = 0
    account.version = 0
    account.agent = NULL
    account.a2a = False
    account.method_len = account.path_len = account.trace_id_len = 0
    account.id[0] = one
    account.id[1] = two
    account.request_id_len = <uint8_t> hex_id(account.id, account.request_id)
    account.started_ns = now_ns
    account.epoch_ns = epoch_ns
    account.first_byte_ns = 0
    account.request_bytes = 0
    account.response_bytes = 0


cdef void account_begin(Account* account, const RequestHead* head, int port) noexcept:
    account.method_id = head.method_id
    account.port = port
    account.method_len = <uint8_t> (head.method_len if head.method_len < METHOD_ROOM else METHOD_ROOM)
    account.path_len = <uint8_t> (head.path_len if head.path_len < PATH_ROOM else PATH_ROOM)
    copy_short(account.method, head.method, account.method_len)
    copy_short(account.path, head.path, account.path_len)


cdef void account_claims(Account* account, const Claims* claims) noexcept:
    if claims.request_id != NULL:
        account.request_id_len = claims.request_id_len
        copy_short(account.request_id, claims.request_id, claims.request_id_len)
    if claims.trace_id != NULL:
        account.trace_id_len = sizeof(account.trace_id)
        copy_short(account.trace_id, claims.trace_id, sizeof(account.trace_id))


cdef const Record* account_record(
    const Account* account, unsigned char* ring, int kind, int flags, int64_t now_ns, const uint8_t* peer,
    uint16_t peer_port, Endpoint endpoint, CompiledRule rule, CompiledBackend backend, const Heard* heard,
) noexcept:
    cdef Record* record = new_record(ring)
    cdef int64_t age = now_ns - account.started_ns
    record.kind = kind
    record.reason = account.reason
    record.flags = flags
    record.operation = account.operation
    record.affinity = account.affinity
    record.a2a_version = account.version
    record.started_ns = account.started_ns + account.epoch_ns
    record.first_byte_us = (account.first_byte_ns - account.started_ns) // 1000 if account.first_byte_ns else -1
    record.total_us = age // 1000
    record.request_bytes = account.request_bytes
    record.response_bytes = account.response_bytes
    copy_short(record.peer, peer, 16)
    record.peer_port = peer_port
    record.status = account.status
    record.port = account.port
    record.endpoint_port = 0
    memset(record.endpoint, 0, 16)
    if endpoint is not None:
        copy_short(record.endpoint, endpoint.ip, 16)
        record.endpoint_port = endpoint.port
    if heard != NULL:
        record.flags |= RECORD_HEARD
        record.task_state = heard.task_state
        record.events = heard.events
        record.first_event_us = (heard.first_event_ns - account.started_ns) // 1000 if heard.first_event_ns else -1
    _copy_texts(record, account)
    _copy_names(record, account, rule, backend)
    publish_record(ring, record)
    return record


cdef void _copy_texts(Record* record, const Account* account) noexcept:
    """What the request itself has said."""
    record.request_id_len = account.request_id_len
    copy_short(record.request_id, account.request_id, account.request_id_len)
    record.trace_id_len = account.trace_id_len
    copy_short(record.trace_id, account.trace_id, account.trace_id_len)
    record.method_len = account.method_len
    copy_short(record.method, account.method, account.method_len)
    record.path_len = account.path_len
    copy_short(record.path, account.path, account.path_len)


cdef inline uint8_t _copy_name(const Name* name, char* into, Py_ssize_t room) noexcept:
    cdef Py_ssize_t n = name.size if name.size < room else room
    copy_short(into, name.text, n)
    return <uint8_t> n


cdef void _copy_names(Record* record, const Account* account, CompiledRule rule, CompiledBackend backend) noexcept:
    """What the configuration calls the parts that it met."""
    record.route_len = record.listener_len = record.backend_len = record.consumer_len = 0
    record.rule = 0
    if rule is not None:
        record.rule = rule.number
        record.route_len = _copy_name(&rule.route, record.route, ROUTE_ROOM)
        if account.listener != NULL:
            record.listener_len = copy_text(<str> account.listener, LISTENER, record.listener, KEY_ROOM)
        if account.consumer >= 0:
            record.consumer_len = copy_text(
                rule.policy.keys.consumer(account.consumer), 0, record.consumer, CONSUMER_ROOM
            )
    if backend is not None:
        record.backend_len = _copy_name(&backend.name, record.backend, KEY_ROOM)


cdef void account_count(
    const Account* account, uint64_t* counters, bint answered, bint streamed, int64_t now_ns,
) noexcept:
    counters[C_REQUESTS] += 1
    counters[C_REASON + account.reason] += 1
    if account.a2a:
        counters[C_OPERATION + account.operation] += 1
    if answered and 100 <= account.status < 600:
        counters[C_STATUS_1XX + account.status // 100 - 1] += 1
    observe(
        counters + (<int> C_STREAM_DURATION if streamed else <int> C_DURATION), (now_ns - account.started_ns) // 1000
    )
    if account.first_byte_ns:
        observe(counters + <int> C_FIRST_BYTE, (account.first_byte_ns - account.started_ns) // 1000)
    if account.agent != NULL:
        agent_end(account, streamed, now_ns)
