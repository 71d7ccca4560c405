"""Types of the shared counters and request records."""

from typing import NamedTuple

COUNTERS_SIZE: int
RECORDS_SIZE: int
COUNTERS: tuple[tuple[int, str, str, str, str], ...]
BUCKETS_US: tuple[int, ...]
HISTOGRAMS: tuple[tuple[int, str, str], ...]
HISTOGRAM_OVER: int
HISTOGRAM_SUM: int
OPERATIONS: tuple[str, ...]
STATES: tuple[str, ...]
ENDS: tuple[str, ...]
AFFINITIES: tuple[str, ...]
A2A_VERSIONS: tuple[str, ...]

class RequestRecord(NamedTuple):
    """One request record, decoded."""

    sequence: int
    kind: str
    reason: int
    operation: str
    method: str
    stream: bool
    card: bool
    reused: bool
    retried: bool
    started_ns: int
    first_byte_us: int
    total_us: int
    request_bytes: int
    response_bytes: int
    request_id: str
    trace_id: str
    peer: str
    peer_port: int
    endpoint: str
    endpoint_port: int
    status: int
    port: int
    listener: str
    route: str
    rule: int
    backend: str
    consumer: str
    path: str
    events: int
    first_event_us: int
    task_state: str
    ended_by: str
    affinity: str
    a2a_version: str

def read_records(ring: memoryview, after: int = 0) -> list[RequestRecord]:
    """Records with a sequence above `after` that are still in the ring, oldest first."""
