"""Which endpoint takes a request, which ones are left out, and who waits where all are busy.

`pick` draws a target by weight, then the less busy of two endpoints drawn at random, which spreads load nearly as well
as asking all of them and does not herd (Mitzenmacher, "The power of two choices"). It leaves out what is ejected, down,
or has no slot, and gives one that returns a part of its share.

Rules: an ejection never leaves less than half of a target's endpoints, so never the last one; with nothing in service
everything is. Endpoints and what is known of them live outside of tables, by address and port: a reload forgets
nothing, and one that has left all tables is not picked any more while its exchanges go on. Nobody overtakes a line:
there is one for each backend whose endpoints are all busy, and one for each busy endpoint to which requests must go and
to no other (affinity); slots are given to them in turn.
"""

import ipaddress
import logging
import os
from collections import OrderedDict

cimport cython

from libc.string cimport memcpy, memset

from agw._fastpath.health cimport CONNECT_FAILURE, EJECTED, FULL_SHARE, TRIAL
from agw._fastpath.line cimport Line, line_join, line_leave
from agw._fastpath.record cimport (
    C_EJECTIONS, C_ENDPOINTS_EJECTED, C_RETRIES, C_RETRIES_REFUSED, C_WAITED, C_WAITING,
)
from agw._fastpath.rendezvous cimport spot_of

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char* text, void* address)
    unsigned short htons(unsigned short value)

cdef extern from "<netinet/in.h>" nogil:
    enum:
        AF_INET
        AF_INET6
    struct in_addr:
        pass
    struct in6_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_family
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_family
        unsigned short sin6_port
        in6_addr sin6_addr


log = logging.getLogger("agw.fastpath")


@cython.final
cdef class Endpoint:
    """One address of a target: an IP literal and a port. Raises ValueError for anything else."""

    def __cinit__(self, str address, int port):
        cdef sockaddr_in* v4 = <sockaddr_in*> &self.where
        cdef sockaddr_in6* v6 = <sockaddr_in6*> &self.where
        parsed = ipaddress.ip_address(address)
        raw = parsed.packed
        memset(&self.where, 0, sizeof(self.where))
        self.health = Health()
        self.targets = {}
        self.address = address
        self.port = port
        if parsed.version == 4:
            v4.sin_family = AF_INET
            v4.sin_port = htons(port)
            inet_pton(AF_INET, address.encode(), &v4.sin_addr)
            self.where_size = sizeof(sockaddr_in)
            raw = b"\0" * 10 + b"\xff\xff" + raw
        else:
            v6.sin6_family = AF_INET6
            v6.sin6_port = htons(port)
            memcpy(&v6.sin6_addr, <const unsigned char*> raw, 16)
            self.where_size = sizeof(sockaddr_in6)
        memcpy(self.ip, <const unsigned char*> raw, 16)
        raw += port.to_bytes(2, "big")
        self.spot = spot_of(<const char*> raw, len(raw))


@cython.final
cdef class BoundTarget:
    """A target with its endpoints."""

    def __init__(self, list endpoints, long weight):
        self.endpoints = endpoints
        self.weight = weight if endpoints else 0


@cython.final
cdef class Bound:
    """A backend by its key, over all tables."""

    def __init__(self, str key):
        self.key = key
        self.targets = []
        self.budget = RetryBudget()

    @property
    def line_length(self):
        """How many exchanges wait for a slot."""
        return self.line.length


@cython.final
cdef class Pool(Timed):
    """The endpoints of a worker."""

    def __cinit__(self):
        self.endpoints = {}
        self.bounds = {}
        self._lines = OrderedDict()
        self._down = frozenset()
        self._random = int.from_bytes(os.urandom(8), "little") | 1

    cdef uint64_t random(self) noexcept:
        """xorshift64*: for load balancing and request ids, not for secrets."""
        self._random ^= self._random >> 12
        self._random ^= self._random << 25
        self._random ^= self._random >> 27
        return self._random * 2685821657736338717u

    cdef int _count(self, int counter, long by) noexcept:
        if self.counters != NULL:
            self.counters[counter] += <uint64_t> by
        return 0

    # --- what there is --------------------------------------------------------------------------------------------

    def bind(self, backends):
        """Give each backend its endpoints; what stays the same keeps its connections and counts. Forget the rest."""
        cdef CompiledBackend backend
        cdef Bound bound
        gone = self.bounds
        self.bounds = {}
        for backend in backends:
            bound = gone.pop(backend.key, None) or Bound(backend.key)
            self.bounds[backend.key] = bound
            if bound.backend is not backend:
                self._rebind(bound, backend)
        for bound in gone.values():
            self._unbind(bound)
            bound.backend = None
        for where in [where for where, endpoint in self.endpoints.items() if not (<Endpoint> endpoint).targets]:
            self._forget(self.endpoints.pop(where))
        if self._lines:
            self.serve()

    def _rebind(self, Bound bound, CompiledBackend backend):
        cdef Endpoint endpoint
        self._unbind(bound)
        for target in backend.targets:
            endpoints = [self._endpoint(where) for where in target.endpoints]
            bound_target = BoundTarget(endpoints, target.weight)
            name = target.name.encode()
            (<BoundTarget> bound_target).spot = spot_of(<const char*> name, len(name))
            for endpoint in endpoints:
                endpoint.targets[bound_target] = None
            bound.targets.append(bound_target)
            bound.total += bound_target.weight
        bound.backend = backend
        backend.bound = bound

    cdef int _unbind(self, Bound bound) except -1:
        cdef BoundTarget target
        cdef Endpoint endpoint
        for target in bound.targets:
            for endpoint in target.endpoints:
                endpoint.targets.pop(target, None)
        bound.targets = []
        bound.total = 0
        return 0

    def _endpoint(self, where):
        cdef Endpoint endpoint = self.endpoints.get(where)
        if endpoint is None:
            self.endpoints[where] = endpoint = Endpoint(*where)
            endpoint.health.mark(where in self._down)
        return endpoint

    def _forget(self, Endpoint endpoint):
        """No table has it now: what is under way there ends in peace, and nothing of it is counted."""
        if endpoint.health.state == EJECTED or endpoint.health.state == TRIAL:
            self._back()

    def mark_down(self, endpoints):
        """Take what active checks found: all (address, port) that are down now."""
        cdef Endpoint endpoint
        self._down = frozenset(endpoints)
        for where, endpoint in self.endpoints.items():
            if endpoint.health.down != (where in self._down):
                endpoint.health.mark(where in self._down)
        if self._lines:
            self.serve()

    # --- which one ------------------------------------------------------------------------------------------------

    cpdef Endpoint pick(self, Bound bound, Endpoint avoid, int64_t now_ms):
        """An endpoint of the backend, or None: then `full` tells whether waiting helps.

        Another one than `avoid` where another is in service; where none is, `avoid` again (its connection was stale,
        or the floor keeps it); and where nothing is in service at all, anyone: better to try than to refuse.
        """
        cdef Endpoint endpoint
        self.full = False
        if bound is None or bound.total == 0:
            return avoid        # the configuration has left it: what began there may end there
        endpoint = self._among(bound, avoid, now_ms, False)
        if endpoint is None and avoid is not None and not avoid.health.out() and self._has_slot(avoid):
            return avoid
        if endpoint is None and not self.full:
            endpoint = self._among(bound, avoid, now_ms, True)
        if endpoint is None and avoid is not None and self._has_slot(avoid):
            endpoint = avoid
        if endpoint is not None and endpoint.health.state == EJECTED:
            endpoint.health.begin_trial()
        return endpoint

    cdef Endpoint pick_again(self, Bound bound, Endpoint failed, bint stay, int64_t now_ms):
        """Where a request may be sent that failed there, within the backend's budget; or None. stay: nowhere else."""
        cdef Endpoint endpoint = failed if stay else self.pick(bound, failed, now_ms)
        if endpoint is None:
            return None
        if not bound.budget.take(now_ms):
            endpoint.health.end_trial(now_ms)
            self._count(C_RETRIES_REFUSED, 1)
            return None
        self._count(C_RETRIES, 1)
        return endpoint

    cdef Endpoint _among(self, Bound bound, Endpoint avoid, int64_t now_ms, bint anyone):
        """Draw a target by weight; one that has nothing now leaves its share to the others. anyone: out or not."""
        cdef BoundTarget target
        cdef Endpoint endpoint
        cdef long total = bound.total
        if len(bound.targets) == 1:
            return self._of(<BoundTarget> bound.targets[0], avoid, now_ms, anyone)
        self._picks += 1
        while total > 0:
            target = self._draw(bound, total)
            endpoint = self._of(target, avoid, now_ms, anyone)
            if endpoint is not None:
                return endpoint
            target.tried = self._picks
            total -= target.weight
        return None

    cdef BoundTarget _draw(self, Bound bound, long total):
        """A target that this pick has not tried, by weight. total: their weights, above 0."""
        cdef BoundTarget target
        cdef long left = <long> (self.random() % <uint64_t> total)
        cdef Py_ssize_t i = 0
        while True:
            target = <BoundTarget> bound.targets[i]
            if target.tried != self._picks:
                if left < target.weight:
                    return target
                left -= target.weight
            i += 1

    cdef Endpoint _of(self, BoundTarget target, Endpoint avoid, int64_t now_ms, bint anyone):
        """The less busy of two that are drawn; where neither takes anything now, look at all."""
        cdef list endpoints = target.endpoints
        cdef Endpoint one, two
        cdef Py_ssize_t i, n = len(endpoints)
        if n == 1:          # nothing to draw
            one = <Endpoint> endpoints[0]
            if one.health.quiet and one is not avoid and self._has_slot(one):
                return one
        if n <= 1 or anyone:
            return self._scan(target, avoid, now_ms, anyone)
        i = <Py_ssize_t> (self.random() % <uint64_t> n)
        one = <Endpoint> endpoints[i]
        two = <Endpoint> endpoints[(i + 1 + <Py_ssize_t> (self.random() % <uint64_t> (n - 1))) % n]
        if not self._takes(one, avoid, now_ms):
            return two if self._takes(two, avoid, now_ms) else self._scan(target, avoid, now_ms, False)
        if not self._takes(two, avoid, now_ms):
            return one
        return two if two.active < one.active else one

    cdef bint _has_slot(self, Endpoint endpoint) noexcept:
        return self.most == 0 or (endpoint.slots < self.most and (self._serving or endpoint.line.length == 0))

    cdef bint _takes(self, Endpoint endpoint, Endpoint avoid, int64_t now_ms) noexcept:
        cdef int share
        if endpoint is avoid or not self._has_slot(endpoint):
            return False
        if endpoint.health.quiet:
            return True
        share = endpoint.health.share(now_ms)
        return share == FULL_SHARE or (share > 0 and <int> (self.random() % <uint64_t> FULL_SHARE) < share)

    cdef Endpoint _scan(self, BoundTarget target, Endpoint avoid, int64_t now_ms, bint anyone):
        """The least busy in service, or of all; says in `full` where there are some without a slot."""
        cdef Endpoint endpoint, best = None
        cdef Py_ssize_t n = len(target.endpoints)
        cdef Py_ssize_t i, start = <Py_ssize_t> (self.random() % <uint64_t> n) if n else 0
        for i in range(n):
            endpoint = <Endpoint> target.endpoints[(start + i) % n]
            if not anyone and not endpoint.health.quiet and endpoint.health.share(now_ms) == 0:
                continue
            if not self._has_slot(endpoint):
                self.full = True
            elif endpoint is not avoid and (best is None or endpoint.active < best.active):
                best = endpoint
        return best

    # --- what it meets --------------------------------------------------------------------------------------------

    cpdef int failed(self, Endpoint endpoint, int kind, int64_t now_ms) except -1:
        """An endpoint has failed a request by a fault of its own. kind: Failure."""
        cdef bint ejected = endpoint.health.state == EJECTED or endpoint.health.state == TRIAL
        if not endpoint.targets or not endpoint.health.failed(kind, now_ms):
            return 0
        if not endpoint.health.out() and not self._may_eject(endpoint):
            self._hasten(endpoint, now_ms)
            return 0
        if not ejected:
            self.ejected += 1
            self._count(C_ENDPOINTS_EJECTED, 1)
        endpoint.health.eject(kind, now_ms)
        if endpoint.line.length:
            self.poller.defer(self)     # who waits for it waits for nothing
        log.warning(
            "endpoint %s port %d is left out for %d s: %s", endpoint.address, endpoint.port,
            (endpoint.health.until_ms - now_ms) // 1000,
            "connecting failed" if kind == CONNECT_FAILURE else "it gave no valid answer",
        )
        return self._count(C_EJECTIONS, 1)

    cdef bint _may_eject(self, Endpoint endpoint) except -1:
        """Whether in each of its targets at most half of the endpoints would be out, and one at least stays."""
        cdef BoundTarget target
        cdef Endpoint other
        cdef Py_ssize_t out
        for target in endpoint.targets:
            out = 1
            for other in target.endpoints:
                if other is not endpoint and other.health.out():
                    out += 1
            if 2 * out > len(target.endpoints):
                return False
        return True

    def _hasten(self, Endpoint endpoint, int64_t now_ms):
        """One that stays only because others are out fails as well: try those again at once."""
        cdef BoundTarget target
        cdef Endpoint other
        for target in endpoint.targets:
            for other in target.endpoints:
                other.health.hasten(now_ms)

    cpdef int reached(self, Endpoint endpoint, int64_t now_ms) except -1:
        """A connection to an endpoint stands that is not `quiet`."""
        return self._returns(endpoint) if endpoint.health.reached(now_ms) and endpoint.targets else 0

    cpdef int succeeded(self, Endpoint endpoint, int64_t now_ms) except -1:
        """An endpoint has answered that is not `quiet`."""
        return self._returns(endpoint) if endpoint.health.succeeded(now_ms) and endpoint.targets else 0

    cdef int _returns(self, Endpoint endpoint) except -1:
        log.info("endpoint %s port %d works again", endpoint.address, endpoint.port)
        return self._back()

    cdef int _back(self) except -1:
        self.ejected -= 1
        return self._count(C_ENDPOINTS_EJECTED, -1)

    # --- slots, and who waits for one -----------------------------------------------------------------------------

    cdef int take(self, Endpoint endpoint) except -1:
        """An exchange goes to an endpoint that was picked for it."""
        endpoint.active += 1
        endpoint.slots += 1
        return 0

    cdef int give_back(self, Endpoint endpoint) except -1:
        """It needs its slot no more. Who waits is served when this batch is over: not from within a codec's call."""
        endpoint.slots -= 1
        if self.waiting:
            self.poller.defer(self)
        return 0

    cdef bint admits(self, Bound bound, Endpoint endpoint) noexcept:
        """Whether a request that must go to this endpoint may go now; if not, it waits."""
        return self.most == 0 or (
            endpoint.slots < self.most and endpoint.line.length == 0 and bound.line.length == 0
        )

    cdef bint join(self, Bound bound, Endpoint endpoint, Waiter waiter) except -1:
        """Wait for a slot, of this endpoint alone or (None) of any; False where too many do."""
        cdef Line* line = &bound.line if endpoint is None else &endpoint.line
        if line.length >= self.longest:
            return False
        # First: where there is no memory for it, nobody stands in a line unknown.
        self._lines[bound if endpoint is None else endpoint] = None
        line_join(line, &waiter.place, <void*> waiter)
        self.waiting += 1
        self._count(C_WAITING, 1)
        self._count(C_WAITED, 1)
        return True

    cdef int leave(self, Bound bound, Endpoint endpoint, Waiter waiter) except -1:
        """Wait no more; as `join` was called."""
        cdef Line* line = &bound.line if endpoint is None else &endpoint.line
        if waiter.place.standing:
            line_leave(line, &waiter.place)
            self.waiting -= 1
            self._count(C_WAITING, -1)
            if line.length == 0:
                self._lines.pop(bound if endpoint is None else endpoint, None)
        return 0

    cdef int on_timer(self) except -1:
        return self.serve()

    cdef int serve(self) except -1:
        """Give slots to those who wait: one to each line in turn, the line that was first last time last."""
        cdef list lines = list(self._lines)
        if lines:
            self._lines.move_to_end(lines[0])
        while lines:
            lines = [whom for whom in lines if self._serve_first(whom)]
        return 0

    cdef bint _serve_first(self, object whom) except -1:
        """Let the first who waits for this Bound or Endpoint go, where there is a slot, or nothing to wait for."""
        cdef Bound bound = None
        cdef Endpoint endpoint
        cdef Waiter waiter
        if isinstance(whom, Endpoint):
            endpoint = <Endpoint> whom
            if endpoint.line.length == 0 or self._keeps(endpoint):
                return False
            waiter = <Waiter> endpoint.line.first.owner
            self.leave(None, endpoint, waiter)
        else:
            bound = <Bound> whom
            self._serving = True
            endpoint = self.pick(bound, None, self.poller.now_ms) if bound.line.length else None
            self._serving = False
            if bound.line.length == 0 or (endpoint is None and self.full):
                return False
            waiter = <Waiter> bound.line.first.owner
            self.leave(bound, None, waiter)
        try:
            waiter.turn(endpoint)
        except BaseException:
            self.poller._caught(waiter)
        return True

    cdef bint _keeps(self, Endpoint endpoint) noexcept:
        """Whether those who wait for this endpoint go on waiting: it is in service, and busy."""
        if not endpoint.targets or not (endpoint.health.quiet or endpoint.health.share(self.poller.now_ms)):
            return False
        return self.most != 0 and endpoint.slots >= self.most
