"""The epoll set and the timers of the data plane, driven by one readable descriptor in the asyncio loop.

A batch of events is gone through in C, without a Python object per event. Who waits for the next one:

    uvloop     our set is a descriptor of its loop, which calls us; where others live in that loop as well
    we do      where the loop is ours alone (a worker's): the loop calls us once, and we wait, in our own set, which has
               libuv's set in it; we go back whenever that one is ready or a timer of the loop is due. One wait for each
               batch instead of two, and no turn of the loop around it

Rules:
- a Source is referenced by the set while it is in it; one that is removed stays referenced until the batch is over,
  since events for it may be waiting in that batch;
- level-triggered: whoever reads less than there is will be called again;
- a batch begins with the ends of connections at rest, so that none of them is taken for a request of the same batch;
- an exception that one lets out is a bug: it costs what that one was doing, is counted and logged, and never ends
  the worker.
"""

import logging

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EINTR, errno
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec
from posix.unistd cimport close

from agw._fastpath.host cimport Host

cdef extern from "<sys/epoll.h>" nogil:
    enum:
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_DEL
        EPOLL_CTL_MOD
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)

cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK
    int eventfd(unsigned int count, int flags)
    int eventfd_read(int fd, uint64_t* count)    # of timers as well: eight bytes are what both have
    int eventfd_write(int fd, uint64_t count)

cdef extern from "<sys/timerfd.h>" nogil:
    struct itimerspec:
        timespec it_interval
        timespec it_value
    enum:
        TFD_CLOEXEC
        TFD_NONBLOCK
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec* when, itimerspec* before)

cdef enum:
    BATCH = 256             # events taken from the kernel at once
    ROUNDS = 4              # batches before uvloop's own handles get a turn
    EPOCH_MS = 1000         # how late a step of CLOCK_REALTIME may be seen

log = logging.getLogger("agw.fastpath")


cdef class Timed:
    cdef int on_timer(self) except -1:
        """The deadline has passed; the timer is not armed any more."""
        return 0

    cdef int on_fault(self) except -1:
        """An exception came out of this one: end what it was doing, so that nobody waits for it."""
        return 0


cdef class Source(Timed):
    cdef int on_events(self, uint32_t events) except -1:
        """The socket is ready for `events` (EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP)."""
        return 0

    cdef int on_fault(self) except -1:
        return self.poller.remove(self)

    cdef int on_batch_over(self) except -1:
        """All events of the batch have been gone through: see Poller.at_end."""
        return 0

    cdef int on_drain(self) except -1:
        """The worker wants to end: come to an end where that costs nobody anything."""
        return 0

    cdef int on_cut(self) except -1:
        """The worker ends now: tell whoever waits."""
        return 0


@cython.final
cdef class Bell(Source):
    cdef int on_events(self, uint32_t events) except -1:
        self.poller._host_ready = True
        return 0


@cython.final
cdef class Alarm(Source):
    def __cinit__(self):
        self.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
        if self.fd < 0:
            raise OSError(errno, "timerfd_create")

    def __dealloc__(self):
        close(self.fd)

    cdef int ring_within(self, int64_t now_ms, int ms) except -1:
        """Ring in so many ms at the latest. One that rings too early costs a look, and is not worth a call."""
        cdef itimerspec when
        if self.due != 0 and self.due <= now_ms + ms:
            return 0
        memset(&when, 0, sizeof(when))
        when.it_value.tv_sec = ms // 1000
        when.it_value.tv_nsec = ms % 1000 * 1_000_000
        if timerfd_settime(self.fd, 0, &when, NULL) < 0:
            raise OSError(errno, "timerfd_settime")
        self.due = now_ms + ms
        return 0

    cdef int on_events(self, uint32_t events) except -1:
        cdef uint64_t rings
        eventfd_read(self.fd, &rings)
        self.due = 0
        return 0


@cython.final
cdef class Poller:
    def __cinit__(self, loop):
        cdef int i
        self.epfd = self._turn_fd = -1
        self.loop = loop
        for i in range(WHEEL_SLOTS):
            self.wheel[i].next = self.wheel[i].previous = &self.wheel[i]
        self.clock()
        self._ticked = self.now_ms
        self.epfd = epoll_create1(EPOLL_CLOEXEC)
        if self.epfd < 0:
            raise OSError(errno, "epoll_create1")

    def __dealloc__(self):
        if self.epfd >= 0:
            close(self.epfd)
        if self._turn_fd >= 0:
            close(self._turn_fd)

    def start(self, bint alone=False):
        """Let the asyncio loop wake us. alone: nothing else of importance lives in it, so that we may wait for it."""
        cdef Host host = Host(self.loop)
        if not alone or host.fd < 0:
            self.loop.add_reader(self.epfd, self._on_readable)
            return
        self._turn_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)
        if self._turn_fd < 0:
            raise OSError(errno, "eventfd")
        self._bell = Bell()
        self._alarm = Alarm()
        self._bell.poller = self
        self._watch(host.fd, self._bell)
        self._watch(self._alarm.fd, self._alarm)
        self.host = host
        self.loop.add_reader(self._turn_fd, self._on_turn)

    cdef int _watch(self, int fd, Source told) except -1:
        """Put a descriptor into the set that is no socket, and not in the list of those."""
        cdef epoll_event event
        memset(&event, 0, sizeof(event))
        event.events = EPOLLIN
        event.data.ptr = <void*> told
        if epoll_ctl(self.epfd, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, "epoll_ctl add")
        return 0

    def stop(self):
        """Leave the asyncio loop alone from now on."""
        self.loop.remove_reader(self.epfd if self.host is None else self._turn_fd)
        if self.host is not None:
            epoll_ctl(self.epfd, EPOLL_CTL_DEL, self.host.fd, NULL)
            self._bell.poller = None
            self.host = None
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    cdef int64_t clock(self) noexcept:
        cdef timespec now
        clock_gettime(CLOCK_MONOTONIC, &now)
        self.now_ns = <int64_t> now.tv_sec * 1_000_000_000 + now.tv_nsec
        self.now_ms = self.now_ns // 1_000_000
        if self.now_ms >= self._epoch_due:
            self._epoch_due = self.now_ms + EPOCH_MS
            clock_gettime(CLOCK_REALTIME, &now)
            self.epoch_ns = <int64_t> now.tv_sec * 1_000_000_000 + now.tv_nsec - self.now_ns
        return self.now_ns

    # --- the set ------------------------------------------------------------------------------------------------

    cdef int add(self, Source source, uint32_t interest) except -1:
        cdef epoll_event event
        memset(&event, 0, sizeof(event))
        event.events = interest
        event.data.ptr = <void*> source
        if epoll_ctl(self.epfd, EPOLL_CTL_ADD, source.fd, &event) < 0:
            raise OSError(errno, "epoll_ctl add")
        source.interest = interest
        self.sources += 1
        source.newer = NULL
        source.older = self._newest
        if self._newest != NULL:
            (<Source> self._newest).newer = <void*> source
        self._newest = <void*> source
        Py_INCREF(source)
        return 0

    cdef int change(self, Source source, uint32_t interest) except -1:
        cdef epoll_event event
        if source.interest == interest or source.fd < 0:
            return 0
        memset(&event, 0, sizeof(event))
        event.events = interest
        event.data.ptr = <void*> source
        if epoll_ctl(self.epfd, EPOLL_CTL_MOD, source.fd, &event) < 0:
            raise OSError(errno, "epoll_ctl mod")
        source.interest = interest
        return 0

    cdef int remove(self, Source source) except -1:
        """Close the socket of a Source and let go of it."""
        if source.fd < 0:
            return 0
        # A plain close would do, were it not for a descriptor that somebody else still holds open.
        epoll_ctl(self.epfd, EPOLL_CTL_DEL, source.fd, NULL)
        close(source.fd)
        source.fd = -1
        self.sources -= 1
        if source.newer != NULL:
            (<Source> source.newer).older = source.older
        else:
            self._newest = source.older
        if source.older != NULL:
            (<Source> source.older).newer = source.newer
        self.disarm(source)
        # The set's reference passes on, without a list that might not have room: closing must never fail.
        source.older = self._closed
        self._closed = <void*> source
        return 0

    cdef void _let_go(self) noexcept:
        """No event of what has been removed is left: give back the references."""
        cdef void* at = self._closed
        cdef Source source
        self._closed = NULL
        while at != NULL:
            source = <Source> at
            at = source.older
            source.older = NULL
            Py_DECREF(source)

    def _on_readable(self):
        self.run()

    def _on_turn(self):
        cdef uint64_t asked
        eventfd_read(self._turn_fd, &asked)
        try:
            self._wait_and_run()
        finally:
            eventfd_write(self._turn_fd, 1)    # again, after the host has seen to what it has

    cdef int run(self) except -1:
        """Go through what there is, without waiting."""
        cdef epoll_event events[BATCH]
        cdef int n
        for _ in range(ROUNDS):
            n = epoll_wait(self.epfd, events, BATCH, 0)
            if n <= 0:
                if n < 0 and errno != EINTR:
                    raise OSError(errno, "epoll_wait")
                break
            self._go_through(events, n)
            if n < BATCH // 8:
                break
        return 0

    cdef int _wait_and_run(self) except -1:
        """Wait, and go through what comes, until the host has something to do."""
        cdef epoll_event events[BATCH]
        cdef int n, patience
        self._host_ready = False
        self.clock()
        while not self._host_ready and self.host is not None:
            patience = self.host.patience()
            if patience == 0:
                self.run()    # a host that always has something to do must not keep everybody waiting
                break
            if patience > 0:
                self._alarm.ring_within(self.now_ms, patience)
            with nogil:
                n = epoll_wait(self.epfd, events, BATCH, -1)
            if n < 0:
                if errno != EINTR:
                    raise OSError(errno, "epoll_wait")
                break    # a signal, which may be for Python to look at
            self._go_through(events, n)
        return 0

    cdef int _go_through(self, epoll_event* events, int n) except -1:
        """A batch."""
        cdef int i
        self.clock()
        self._in_batch = True
        self.all_seen = n < BATCH
        for i in range(n):
            if (<Source> events[i].data.ptr).at_rest:
                self._dispatch(<Source> events[i].data.ptr, events[i].events)
                events[i].data.ptr = NULL
        for i in range(n):
            if events[i].data.ptr != NULL:
                self._dispatch(<Source> events[i].data.ptr, events[i].events)
        if self._deferred is not None:
            self._catch_up()
        self._end_batch()
        if self._closed != NULL:
            self._let_go()
        return 0

    cdef void _dispatch(self, Source source, uint32_t events) noexcept:
        if source.fd < 0:
            return
        try:
            source.on_events(events)
        except BaseException:
            self._caught(source)

    cdef void _caught(self, Timed owner) noexcept:
        if self.faults != NULL:
            self.faults[0] += 1
        log.exception("the data plane let an exception out; what it was doing is given up")
        try:
            owner.on_fault()
        except BaseException:
            log.exception("and could not be given up")
            if isinstance(owner, Source):
                self.remove(<Source> owner)

    cdef void defer(self, Timed owner) noexcept:
        """Call owner.on_timer() when this batch is over: for what must not happen from within a codec's call.

        There is room for one, so that asking needs no memory: who gives back a slot must not fail.
        """
        assert self._deferred is None or self._deferred is owner
        self._deferred = owner

    cdef bint at_end(self, Source source) noexcept:
        """Call source.on_batch_over() when all events of this batch have been gone through. False: there is none."""
        if not self._in_batch:
            return False
        if source.is_told:
            return True
        source.is_told = True
        source.next_told = NULL
        Py_INCREF(source)
        if self._first_told == NULL:
            self._first_told = <void*> source
        else:
            (<Source> self._last_told).next_told = <void*> source
        self._last_told = <void*> source
        return True

    cdef void _end_batch(self) noexcept:
        cdef void* at = self._first_told
        cdef Source source
        self._in_batch = self.all_seen = False
        self._first_told = NULL
        while at != NULL:
            source = <Source> at
            at = source.next_told
            source.is_told = False
            Py_DECREF(source)
            try:
                source.on_batch_over()
            except BaseException:
                self._caught(source)

    cdef void _catch_up(self) noexcept:
        cdef Timed owner
        while self._deferred is not None:
            owner = self._deferred
            self._deferred = None
            try:
                owner.on_timer()
            except BaseException:
                self._caught(owner)

    # --- timers -------------------------------------------------------------------------------------------------

    cdef int arm(self, Timed owner, int64_t after_ms) except -1:
        """Call owner.on_timer() at the first tick after this long; moves a deadline that was set before."""
        cdef Timer* timer = &owner.timer
        timer.deadline = self.now_ms + after_ms
        if timer.previous != NULL:
            if timer.deadline >= timer.slot_time:
                return 0        # it moves on when its slot comes up: pushing a deadline back costs one store
            self.disarm(owner)
        timer.owner = <void*> owner
        self._link(timer)
        if self._ticker is None:
            self._ticked = self.now_ms
            self._ticker = self.loop.call_later(TICK_MS / 1000.0, self._tick)
        return 0

    cdef void _link(self, Timer* timer) noexcept:
        cdef int64_t due = timer.deadline // TICK_MS + 1
        cdef Timer* head
        if due <= self._ticked // TICK_MS:
            due = self._ticked // TICK_MS + 1
        timer.slot_time = due * TICK_MS
        head = &self.wheel[due % WHEEL_SLOTS]
        timer.next = head
        timer.previous = head.previous
        head.previous.next = timer
        head.previous = timer
        self.armed += 1

    cdef void disarm(self, Timed owner) noexcept:
        cdef Timer* timer = &owner.timer
        if timer.previous == NULL:
            return
        timer.previous.next = timer.next
        timer.next.previous = timer.previous
        timer.previous = timer.next = NULL
        self.armed -= 1

    def _tick(self):
        cdef int64_t slot
        self._ticker = None
        self.clock()
        slot = self._ticked // TICK_MS + 1
        while slot <= self.now_ms // TICK_MS:
            self._ticked = slot * TICK_MS
            self._expire(&self.wheel[slot % WHEEL_SLOTS])
            slot += 1
        self._catch_up()
        self._let_go()
        if self.armed and self._ticker is None:
            self._ticker = self.loop.call_later(TICK_MS / 1000.0, self._tick)

    cdef int _expire(self, Timer* head) except -1:
        """Go once through a slot: fire what is due, move on what has been pushed back."""
        cdef Timer* timer
        cdef Timed owner
        cdef Timer* last = &self._mark
        # A mark at the end of the slot: what is linked behind it while we go through belongs to a later round.
        last.previous = head.previous
        last.next = head
        head.previous.next = last
        head.previous = last
        while head.next != last:
            timer = head.next
            owner = <Timed> timer.owner
            self.disarm(owner)
            if timer.deadline > self.now_ms:
                self._link(timer)
                continue
            try:
                owner.on_timer()
            except BaseException:
                self._caught(owner)
        last.previous.next = last.next
        last.next.previous = last.previous
        return 0

    cdef list _all(self):
        cdef void* at = self._newest
        sources = []
        while at != NULL:
            sources.append(<Source> at)
            at = (<Source> at).older
        return sources

    def drain(self):
        """Tell every source that the worker wants to end."""
        for source in self._all():
            (<Source> source).on_drain()

    def cut(self):
        """Tell every source that the worker ends now."""
        for source in self._all():
            if (<Source> source).fd >= 0:
                (<Source> source).on_cut()
        self._let_go()

    def close_all(self):
        """Close every socket in the set, and forget every deadline: who has one lives on without us."""
        cdef Timer* at
        cdef int slot
        for source in self._all():
            self.remove(source)
        for slot in range(WHEEL_SLOTS):
            at = self.wheel[slot].next
            while at != &self.wheel[slot]:
                at = at.next
                if at.previous != &self._mark:      # of a slot that is being gone through; it has no owner
                    self.disarm(<Timed> at.previous.owner)
        self._let_go()

    def counts(self):
        """What is alive: for tests."""
        return {"sources": self.sources, "timers": self.armed}
