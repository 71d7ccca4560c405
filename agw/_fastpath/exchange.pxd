# One request and its response, and what it needs of the two codecs it stands between.
#
# Events, as C calls, in this order for each exchange:
#   downstream -> exchange   begin, request_body*, request_end | request_lost
#   exchange   -> upstream   send_head, send_body*, send_end | abandon
#   upstream   -> exchange   response_interim*, response_head, response_body*, response_trailers?, response_end
#                            | upstream_failed
#   exchange   -> downstream respond_interim*, respond_head, respond_body*, respond_trailers?, respond_end
#                            | respond_abort, then done
# A tunnel: response_tunnel and respond_tunnel instead of the heads; then request_body* and response_body* are bytes of
# another protocol, both ways, until either side ends.
# and "want more" in both directions: want_read() of the stream that is too fast.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from agw._fastpath.access_log cimport AccessLog
from agw._fastpath.account cimport Account
from agw._fastpath.cards cimport HeldCard
from agw._fastpath.filters cimport Filtering
from agw._fastpath.forwarding cimport Forwarding
from agw._fastpath.hearing cimport Hearing
from agw._fastpath.held cimport Held
from agw._fastpath.http1_head cimport HeadLimits
from agw._fastpath.idle cimport IdleList
from agw._fastpath.limits cimport Buckets, Quota
from agw._fastpath.line cimport Waiter
from agw._fastpath.message cimport Field, RequestHead, ResponseHead
from agw._fastpath.networks cimport Networks
from agw._fastpath.owners cimport Owners
from agw._fastpath.poller cimport Poller
from agw._fastpath.pool cimport Bound, Endpoint, Pool
from agw._fastpath.reading cimport Reading
from agw._fastpath.route cimport CompiledBackend, CompiledRule
from agw._fastpath.seats cimport Seats
from agw._fastpath.stream cimport Stream
from agw._fastpath.table cimport Table

cdef enum:
    RECEIVE_ROOM = 65536        # bytes read at once
    FIELD_ROOM = 688            # MAX_FIELDS of a head, and those that the exchange and filters add


# What all exchanges of a worker share: settings, scratch memory, the table in service.
@cython.final
cdef class Context:
    cdef Poller poller
    cdef Pool pool
    cdef Table table                    # replaced by a swap, never changed
    cdef Connector connector
    cdef AccessLog access_log           # None: off
    cdef Buckets buckets                # of rate limits, shared by all workers of the pod
    cdef Buckets common                 # of those over pods
    cdef Seats seats                    # of event streams, shared alike
    cdef object rewrite_card            # see reactor.pyi; None: cards pass as they are
    cdef object _counters_owner         # keeps the shared memory alive
    cdef object _records_owner
    cdef object _agents_owner
    cdef uint64_t* counters             # C_COUNT of them
    cdef uint64_t* agents               # rows of agents.pxd; NULL where nobody counts
    cdef unsigned char* ring            # RECORDS size
    cdef HeadLimits limits
    cdef int64_t header_deadline_ms
    cdef int64_t body_idle_ms
    cdef int64_t keepalive_idle_ms
    cdef int64_t write_stall_ms
    cdef int64_t min_rate               # bytes a second of a body, either way; 0 = any
    cdef int64_t pace_ms                # over which that is measured
    cdef long connection_requests       # requests served on one client connection; 0 = without limit
    cdef int64_t connect_timeout_ms
    cdef int64_t response_header_timeout_ms
    cdef int64_t upstream_idle_ms
    cdef int64_t queue_timeout_ms
    cdef int64_t max_body               # bytes, 0 = without limit
    cdef Forwarding forwarding          # what is believed of clients
    cdef Networks proxies               # peers that must begin with a PROXY header
    cdef long max_connections
    cdef bint draining
    cdef unsigned char* receive         # scratch of one read: limits.head + RECEIVE_ROOM bytes
    cdef unsigned char* head_scratch    # scratch of one parsed head: 2 * limits.head bytes
    cdef Field fields[688]              # FIELD_ROOM: of the head that is being parsed
    cdef char text[8192]                # values of added fields
    cdef unsigned char* edited          # scratch of a path or a Location that filters make of a request's own
    cdef Exchange spare                 # ended Exchanges, by next_spare, to begin again: no object is made per request
    cdef int spares                     # how many
    cdef long active                    # exchanges in progress
    cdef long connections               # client connections open
    cdef long upstreams                 # connections to endpoints open
    cdef long mirrors                   # copies of requests in progress
    cdef Downstream nowhere             # the client's side of all copies; None before the first
    cdef IdleList resting               # Downstreams between requests
    cdef Owners owners                  # of tasks and contexts; None: nothing is learnt
    cdef list waiting                   # Acceptors that wait for a connection to end

    cdef bint reclaim(self) except -1
    cdef int connection_ended(self) except -1

# The client's side of an exchange. The codec owns one Exchange at a time (HTTP/2: one per stream).
cdef class Downstream(Stream):
    cdef Context context
    cdef Exchange exchange              # None between requests
    cdef uint8_t peer[16]               # IPv6, or IPv4-mapped
    cdef uint16_t peer_port
    cdef uint8_t peer_len
    cdef char peer_text[46]             # as in X-Forwarded-For
    cdef bint trusted                   # in trusted_peers
    cdef int port                       # the listener's
    cdef bint last                      # no request is taken from this connection after the present one

    # Send on an interim answer (103).
    cdef int respond_interim(self, ResponseHead* head) except -1
    # Send the head of the final answer; fields with FIELD_DROP are left out, framing is the codec's.
    cdef int respond_head(self, ResponseHead* head) except -1
    # Send body bytes; the span is borrowed for the call.
    cdef int respond_body(self, const unsigned char* data, Py_ssize_t size) except -1
    # Fields behind the body, for a client that wants them; those with FIELD_DROP are left out.
    cdef int respond_trailers(self, const Field* fields, int count) except -1
    # The answer is complete.
    cdef int respond_end(self) except -1
    # Send the 101; what comes after it, both ways, is not HTTP.
    cdef int respond_tunnel(self, ResponseHead* head) except -1
    # The answer cannot be completed, and the client must see that it is not.
    cdef int respond_abort(self) except -1
    # Send 100 (Continue): the request is admitted and its body wanted.
    cdef int respond_continue(self) except -1
    # The exchange is over; with request_complete False, part of the request is still to be read and ignored.
    cdef int done(self, bint request_complete) except -1
    # End a resting connection in favour of another; False where a request is arriving on it.
    cdef bint give_way(self) except -1

# The agent's side of an exchange.
cdef class Upstream(Stream):
    cdef Context context
    cdef Exchange exchange              # None while idle
    cdef Endpoint endpoint
    cdef bint reused                    # it has served an exchange before
    cdef bint replayable                # all of this exchange's request is in the buffer still
    cdef int64_t sent_before            # Stream.sent when the exchange took it

    # Send the request's head; fields with FIELD_DROP are left out.
    cdef int send_head(self, RequestHead* head) except -1
    # Send body bytes; the span is borrowed for the call.
    cdef int send_body(self, const unsigned char* data, Py_ssize_t size) except -1
    # The request is complete.
    cdef int send_end(self) except -1
    # The exchange wants no more of this: give up the request, so that the agent notices.
    cdef int abandon(self) except -1
    # The exchange ended well: keep the connection for another.
    cdef int release(self) except -1
    # Look at an idle connection: False where the agent has closed it or talks out of turn.
    cdef bint usable(self) noexcept
    # Send all that the failed one had been given.
    cdef int replay(self, Upstream failed) except -1

# How a connection to an endpoint is made.
cdef class Connector:
    cdef bint own_fault                 # why open() gave None: no descriptor or port left, nothing that an endpoint did

    cdef Upstream open(self, Context context, Endpoint endpoint)

cdef enum ExchangeFlag:
    X_REQUEST_DONE = 1          # the request has been read to its end
    X_RESPONSE_STARTED = 2      # its head is on its way to the client
    X_CARD = 8                  # the answer is an agent card: collected, rewritten
    X_COLLECTING = 16
    X_STREAM = 32               # text/event-stream
    X_RETRIED = 64
    X_REUSED = 128
    X_IDEMPOTENT = 256
    X_BODY = 512                # the request has a body
    X_ENDED = 2048
    X_PAUSED_UP = 4096          # the upstream is not read until the downstream has drained
    X_PAUSED_DOWN = 8192
    X_HTTPS = 1 << 14           # the client spoke https to the trusted proxy in front
    X_TUNNEL = 1 << 15          # the connection speaks another protocol now
    X_SLOT = 1 << 16            # it holds a slot of its endpoint
    X_TRIAL = 1 << 17           # it shows whether an ejected endpoint works again
    X_FILTERED = 1 << 18        # its rule has filters or a retry
    X_KEEP = 1 << 19            # the request's body is wanted by more than the upstream: see filtering.pass_body
    X_MIRROR = 1 << 20          # it is a copy: see mirror
    X_AGAIN = 1 << 21           # it waits to be sent again
    X_READ = 1 << 22            # its body is read as it passes: see reading
    X_WITHHELD = 1 << 23        # it is kept back until it is known what it asks for
    X_GUARDED = 1 << 24         # what it asks for was allowed, and must stay what it is
    X_RPC = 1 << 25             # its client speaks JSON-RPC
    X_METERED = 1 << 26         # it falls under rate limits, and its client is told of them
    X_PINNED = 1 << 27          # it must go to `endpoint`: see affinity
    X_HEARD = 1 << 28           # its answer is heard as it passes: see hearing
    X_SEATING = 1 << 29         # its policy limits event streams: see seating
    X_RARE = X_CARD | X_FILTERED | X_KEEP | X_READ | X_HEARD | X_SEATING


@cython.final
cdef class Exchange(Waiter):
    cdef Context context
    cdef Downstream down
    cdef Upstream up            # None before one is picked and after it is given back
    cdef CompiledRule rule      # of the table that the exchange began with
    cdef CompiledBackend backend
    cdef Endpoint endpoint      # last one tried; with X_PINNED the one that is to be
    cdef uint32_t flags         # ExchangeFlag
    cdef Account account        # what its record will say
    cdef HeldCard card          # None on the plain path
    cdef Filtering filtering    # None without filters
    cdef Reading reading        # of an A2A request's body; None otherwise
    cdef Quota quota            # with X_METERED
    cdef int seat               # with X_SEATING: of its stream, negative without
    cdef Hearing hearing        # of an A2A agent's answer; None otherwise
    cdef Held held              # the request while it waits, or may have to be sent again; None otherwise
    cdef Exchange next_spare    # in Context.spare; None outside of it

    cdef int begin(self, RequestHead* head) except -1
    cdef int request_body(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int request_end(self) except -1
    cdef int request_lost(self, int reason) except -1
    cdef int request_refused(self, int status, int reason) except -1
    cdef int request_cut(self) except -1
    cdef int flush_request(self) except -1
    cdef int response_interim(self, ResponseHead* head) except -1
    cdef int response_head(self, ResponseHead* head) except -1
    cdef int response_body(self, const unsigned char* data, Py_ssize_t size) except -1
    cdef int response_trailers(self, const Field* fields, int count) except -1
    cdef int response_end(self, bint reusable) except -1
    cdef int response_tunnel(self, ResponseHead* head) except -1
    cdef int flush_response(self) except -1
    cdef int upstream_failed(self, int reason, bint nothing_received) except -1
    cdef int downstream_drained(self) except -1
    cdef int upstream_drained(self) except -1

    cdef bint streaming(self) noexcept
    cdef int _forward(self, RequestHead* head, bint held) except -1
    cdef int _send(self, Endpoint endpoint, RequestHead* head) except -1
    cdef int _connect(self, Endpoint endpoint) except -1
    cdef int _attach(self, Endpoint endpoint, bint fresh) except -1
    cdef Endpoint _another(self)
    cdef int _give_back(self) except -1
    cdef int _let_go(self) except -1
    cdef int answer(self, int status, int reason) except -1
    cdef int reply(self, ResponseHead* head, const char* body, int reason) except -1
    cdef bint _held_back(self, ResponseHead* head) except -1
    cdef int _finish(self, bint reusable) except -1
    cdef int _forget(self) except -1
    cdef int _cut(self, int reason) except -1
    cdef int _answered(self, int status) except -1
    cdef void _identify(self, ResponseHead* head) noexcept
    cdef void _record(self, int kind) noexcept

cdef Exchange new_exchange(Context context, Downstream down)
