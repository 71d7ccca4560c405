# The event loop beneath the loop: an epoll set of the data plane's own, and one timer wheel.

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from agw._fastpath.host cimport Host

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        void* ptr
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    enum:
        EPOLLIN
        EPOLLOUT
        EPOLLERR
        EPOLLHUP

cdef enum:
    TICK_MS = 100           # resolution of deadlines
    WHEEL_SLOTS = 512       # a deadline further away than 51 s goes round more than once

# A deadline in the wheel. Embedded in its owner, so arming allocates nothing.
cdef struct Timer:
    Timer* next
    Timer* previous         # NULL while not armed
    void* owner             # borrowed Timed; it disarms before it goes
    int64_t deadline        # ms of Poller.now_ms; may lie after the slot it waits in (then it moves on)
    int64_t slot_time       # ms: when its slot comes up


# Something with a deadline.
cdef class Timed:
    cdef Poller poller
    cdef Timer timer
    cdef int on_timer(self) except -1
    cdef int on_fault(self) except -1


# A socket in the epoll set. The set holds a reference from add() to remove().
cdef class Source(Timed):
    cdef int fd             # -1 once closed
    cdef void* newer        # borrowed Source: the list of all in the set
    cdef void* older
    cdef uint32_t interest  # EPOLLIN | EPOLLOUT as registered
    cdef bint at_rest       # nothing is expected of it but its end, which the others should know of first
    cdef void* next_told    # borrowed Source: of those that are told when the batch is over
    cdef bint is_told       # one of them
    cdef int on_events(self, uint32_t events) except -1
    cdef int on_batch_over(self) except -1
    cdef int on_drain(self) except -1
    cdef int on_cut(self) except -1


# A timer of the kernel's, in the set.
@cython.final
cdef class Alarm(Source):
    cdef int64_t due                # ms of Poller.now_ms; 0: not set
    cdef int ring_within(self, int64_t now_ms, int ms) except -1


# The host has something to do.
@cython.final
cdef class Bell(Source):
    pass


@cython.final
cdef class Poller:
    cdef int epfd
    cdef object loop                # asyncio's; owns the thread
    cdef Host host                  # the same, where we wait for it; None where it waits for us
    cdef Bell _bell
    cdef Alarm _alarm               # rings when the host has something to do
    cdef int _turn_fd               # readable: the host is to call us
    cdef bint _host_ready           # it has something to do
    cdef object _ticker             # handle of the next tick, None while no timer is armed
    cdef void* _closed              # Sources removed in this batch, by `older`: their events may still be in it
    cdef bint _in_batch             # events are being gone through
    cdef bint all_seen              # and they are all that there were when the batch began
    cdef void* _first_told          # Sources that are told when they all are, referenced, in the order of their asking
    cdef void* _last_told
    cdef Timed _deferred            # whose on_timer() comes when this batch is over; None
    cdef Timer wheel[512]           # list heads
    cdef Timer _mark                # end of the slot that is being gone through
    cdef long armed                 # timers in the wheel
    cdef int64_t _ticked            # ms: up to here all slots have been gone through
    cdef long sources               # in the set
    cdef void* _newest               # of the list of all sources, for drain and close
    cdef uint64_t* faults           # borrowed counter of exceptions that reached us; NULL: not counted
    cdef int64_t now_ms             # monotonic, as of this batch
    cdef int64_t now_ns             # the same clock
    cdef int64_t epoch_ns           # what makes CLOCK_REALTIME of it; follows a step of that clock within a second
    cdef int64_t _epoch_due         # ms: when it is asked for again

    cdef int add(self, Source source, uint32_t interest) except -1
    cdef int change(self, Source source, uint32_t interest) except -1
    cdef int remove(self, Source source) except -1
    cdef int arm(self, Timed owner, int64_t after_ms) except -1
    cdef void disarm(self, Timed owner) noexcept
    cdef void defer(self, Timed owner) noexcept
    cdef bint at_end(self, Source source) noexcept
    cdef void _end_batch(self) noexcept
    cdef int64_t clock(self) noexcept
    cdef int run(self) except -1
    cdef int _watch(self, int fd, Source told) except -1
    cdef int _wait_and_run(self) except -1
    cdef int _go_through(self, epoll_event* events, int n) except -1
    cdef void _dispatch(self, Source source, uint32_t events) noexcept
    cdef void _caught(self, Timed owner) noexcept
    cdef void _catch_up(self) noexcept
    cdef void _link(self, Timer* timer) noexcept
    cdef int _expire(self, Timer* head) except -1
    cdef void _let_go(self) noexcept
    cdef list _all(self)
