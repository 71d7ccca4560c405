"""Types of the compiled reactor, as the worker sees it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import final

from agw._fastpath.access_log import AccessLog
from agw._fastpath.forwarding import Forwarding
from agw._fastpath.owners import Owners
from agw._fastpath.seats import Seats
from agw._fastpath.table import Table

@final
class Reactor:
    """All sockets of a worker's data plane, in an epoll set of its own under one asyncio loop.

    counters, records: writable shared memory, see agw._fastpath.record (layout, sizes and names).
    limits, shared_limits: the same, those of agw._fastpath.limits, which all workers of a pod share; None: its own.
    seats: of event streams, shared alike; None: its own.
    owners: of tasks and contexts, shared with other workers; None: nothing is learnt.
    agents: writable shared memory of zeros, that of agw._fastpath.agents; None: nobody counts by agent.
    rewrite_card: called with a 200 answer to a request for an agent card, or for the extended one: (rule key, body,
    context) -> (status, body, ETag or "") to answer with instead, or None to leave the answer as it is; status is 200,
    304, or 502 where nothing of it may be shown. context, all text: authority, port, scheme, if_none_match of the request
    ("" for what it has not), form ("card", "extended", or "rpc" where the card is the result of a JSON-RPC answer),
    backend (its key), etag, coding of the answer. With unread (why it cannot be looked into) the card has passed as it
    is, there is no body, and nobody waits for an answer.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        counters: memoryview,
        records: memoryview,
        limits: memoryview | None = None,
        shared_limits: memoryview | None = None,
        seats: Seats | None = None,
        rewrite_card: Callable[[str, bytes, dict[str, str]], tuple[int, bytes, str] | None] | None = None,
        header_deadline_ms: int = 10_000,
        body_idle_ms: int = 30_000,
        keepalive_idle_ms: int = 600_000,
        write_stall_ms: int = 30_000,
        min_rate: int = 240,
        pace_ms: int = 10_000,
        connection_requests: int = 10_000,
        connect_timeout_ms: int = 10_000,
        response_header_timeout_ms: int = 600_000,
        upstream_idle_ms: int = 4_000,
        max_body: int = 0,
        max_head: int = 65_536,
        max_line: int = 16_384,
        max_fields: int = 100,
        max_connections: int = 100_000,
        forwarding: Forwarding | None = None,
        proxies: Iterable[str] = (),
        endpoint_inflight: int = 1024,
        queue_size: int = 1024,
        queue_timeout_ms: int = 10_000,
        owners: Owners | None = None,
        agents: memoryview | None = None,
    ) -> None: ...
    def start(self, alone: bool = False) -> None:
        """Register the epoll set with the loop.

        alone: no transport lives in it, nothing that its callbacks do must wait for no more than its descriptors and
        timers, and so the reactor may wait in the loop's place (agw._fastpath.poller).
        """
    def listen(self, fd: int, port: int) -> None:
        """Accept on a listening, non-blocking socket; port is the Gateway's listener port. The fd stays the caller's."""
    def unlisten(self, fd: int) -> None: ...
    def swap(self, table: Table) -> None:
        """Serve from this table: one reference; exchanges keep the table that they began with."""
    def number_agents(self, agents: Mapping[str, int]) -> None:
        """Count what is asked of these backends (key -> row) in these rows, and of all other agents in one more."""
    def mark_down(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """Take what active checks found: all (address, port) that are down now."""
    def log_access(self, log: AccessLog | None) -> None:
        """Write a line for each request there from now on; None: nowhere. The log stays the caller's to close."""
    def drain(self) -> None:
        """Answer with Connection: close, close idle connections; go on accepting."""
    def live(self) -> dict[str, int]:
        """connections, exchanges, upstreams, mirrors, buffers: what is alive now."""
    def cut(self) -> None:
        """End what is in progress: 503 where no answer has begun, a cut where one has."""
    def close(self) -> None:
        """Close every socket; the reactor cannot be used again."""
