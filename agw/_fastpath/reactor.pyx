"""The data plane of a worker, put together: what the worker's Python sees of it.

Everything that is decided lives in the modules below; this one owns the pieces and hands settings to them.
"""

cimport cython
from libc.stdint cimport uint64_t

from agw._fastpath.acceptor cimport Acceptor
from agw._fastpath.access_log cimport AccessLog
from agw._fastpath.agents cimport AGENT_SLOTS
from agw._fastpath.buffer import live as live_buffers
from agw._fastpath.forwarding cimport Forwarding
from agw._fastpath.http1_head cimport MAX_FIELDS
from agw._fastpath.http1_upstream cimport Http1Connector
from agw._fastpath.limits cimport Buckets
from agw._fastpath.networks cimport Networks
from agw._fastpath.owners cimport Owners
from agw._fastpath.record cimport C_EXCEPTIONS, C_LIMITS_EVICTED, C_SWAPS
from agw._fastpath.route cimport CompiledBackend
from agw._fastpath.table cimport Table

from agw._fastpath.agents import AGENTS_SIZE as _AGENTS_SIZE
from agw._fastpath.limits import SHARED_LIMITS_SIZE as _SHARED_LIMITS_SIZE, own_memory
from agw._fastpath.seats import own_seats
from agw._fastpath.record import COUNTERS as _COUNTERS

cdef tuple GAUGES = tuple([index for index, _, _, kind, _ in _COUNTERS if kind == "gauge"])


@cython.final
cdef class Reactor:
    def __init__(
        self, loop, *, counters, records, limits=None, shared_limits=None, seats=None,
        rewrite_card=None, header_deadline_ms=10_000,
        body_idle_ms=30_000,
        keepalive_idle_ms=600_000, write_stall_ms=30_000, min_rate=240, pace_ms=10_000,
        connection_requests=10_000, connect_timeout_ms=10_000,
        response_header_timeout_ms=600_000, upstream_idle_ms=4_000, max_body=0, max_head=65_536, max_line=16_384,
        max_fields=100, max_connections=100_000, endpoint_inflight=1024, queue_size=1024, queue_timeout_ms=10_000,
        forwarding=None, proxies=(), Owners owners=None, agents=None,
    ):
        self._poller = Poller(loop)
        self._pool = Pool()
        self._context = context = Context(self._poller, self._pool, counters, records, max_head)
        self._poller.faults = &context.counters[<int> C_EXCEPTIONS]
        self._pool.poller = self._poller
        self._pool.counters = context.counters
        self._pool.most = endpoint_inflight
        self._pool.longest = queue_size
        self._acceptors = {}
        self._agents = {}
        if agents is not None:
            self._count_agents(agents)
        context.connector = Http1Connector()
        context.seats = own_seats() if seats is None else seats
        context.buckets = Buckets(own_memory() if limits is None else limits)
        context.common = Buckets(own_memory(_SHARED_LIMITS_SIZE) if shared_limits is None else shared_limits, True)
        context.common.evictions = context.buckets.evictions = &context.counters[<int> C_LIMITS_EVICTED]
        context.rewrite_card = rewrite_card
        context.owners = owners
        context.limits.line = max_line
        context.limits.fields = min(max_fields, MAX_FIELDS)
        context.header_deadline_ms = header_deadline_ms
        context.body_idle_ms = body_idle_ms
        context.keepalive_idle_ms = keepalive_idle_ms
        context.write_stall_ms = write_stall_ms
        context.min_rate = min_rate
        context.pace_ms = pace_ms
        context.connection_requests = connection_requests
        context.connect_timeout_ms = connect_timeout_ms
        context.response_header_timeout_ms = response_header_timeout_ms
        context.upstream_idle_ms = upstream_idle_ms
        context.queue_timeout_ms = queue_timeout_ms
        context.max_body = max_body
        context.forwarding = forwarding or Forwarding()
        context.proxies = Networks(proxies)
        context.max_connections = max_connections
        for gauge in GAUGES:    # a worker that died left its own behind
            context.counters[<int> gauge] = 0

    def start(self, bint alone=False):
        """Register the epoll set with the loop. alone: nothing else of importance lives in that loop."""
        self._poller.start(alone)

    def listen(self, int fd, int port):
        """Accept on a listening, non-blocking socket for the Gateway's listener port."""
        self._acceptors[fd] = Acceptor(self._context, fd, port)

    def unlisten(self, int fd):
        """Accept no more on it."""
        (<Acceptor> self._acceptors.pop(fd)).close()

    def swap(self, Table table not None):
        """Serve from this table: one reference; exchanges keep the table that they began with."""
        self._pool.bind(table.backends.values())
        self._context.table = table
        self._number()
        self._context.counters[C_SWAPS] += 1

    def number_agents(self, agents):
        """Count what is asked of these backends in these rows, and of all other agents in one more."""
        self._agents = dict(agents)
        if self._context.table is not None:
            self._number()

    def _count_agents(self, unsigned char[::1] memory not None):
        if memory.shape[0] != _AGENTS_SIZE:
            raise ValueError(f"the memory has {memory.shape[0]} bytes and not {_AGENTS_SIZE}")
        self._context._agents_owner = memory
        self._context.agents = <uint64_t*> &memory[0]

    cdef int _number(self) except -1:
        cdef CompiledBackend backend
        cdef dict backends = self._context.table.backends
        for key, row in self._agents.items():
            backend = backends.get(key)
            if backend is not None and 0 <= row < <int> AGENT_SLOTS:
                backend.agent = row
        return 0

    def mark_down(self, endpoints):
        """Take what active checks found: all (address, port) that are down now."""
        self._pool.mark_down(endpoints)

    def log_access(self, AccessLog log):
        """Write a line for each request there from now on; None: nowhere."""
        self._context.access_log = log

    def drain(self):
        """Answer with Connection: close from now on, let idle connections go, keep accepting."""
        self._context.draining = True
        self._context.keepalive_idle_ms = min(self._context.keepalive_idle_ms, 1000)
        self._poller.drain()

    def live(self):
        """What is alive now."""
        return {
            "connections": self._context.connections,
            "exchanges": self._context.active,
            "upstreams": self._context.upstreams,
            "mirrors": self._context.mirrors,
            "buffers": live_buffers(),
        }

    def cut(self):
        """End what is in progress: 503 where no answer has begun, a cut where one has."""
        self._poller.cut()

    def close(self):
        """Close every socket, and forget every deadline."""
        self._poller.close_all()
        self._poller.stop()
