"""Whether an endpoint takes its share of requests.

    SERVING --enough against it--> EJECTED --back-off over, picked--> TRIAL --it works--> RETURNING --10 s--> SERVING
                                    ^  ^----------------failure---------'                     |
                                    '----------------one failure------------------------------'

What counts against it: connects that fail, and new connections that give no valid answer. What does not: an idle
connection that had been closed (every server does that), a client that went away, and any valid answer: an agent that
answers 500 to one user's task works for the others. An answer clears what was against it.

The back-off is 1 s and doubles with each ejection up to 60 s; every minute of service forgives one. The trial is one
request; after a failed connect it has succeeded when the connection stands, since an agent may take minutes to answer.
Then the share grows from a tenth to the whole in 10 s.

Rules: every method is a function of the state, its arguments and the time that it is handed. Nothing here knows other
endpoints: whether one may be ejected at all is the pool's to say.
"""

cimport cython

cdef enum:
    LIMIT = 15                  # points that eject
    CONNECT_POINTS = 5          # three failed connects in a row
    ANSWER_POINTS = 3           # five other failures in a row
    BACKOFF_MS = 1000
    MAX_DOUBLINGS = 6           # 64 s, cut to MAX_BACKOFF_MS
    MAX_BACKOFF_MS = 60_000
    RETURN_MS = 10_000
    LEAST_SHARE = 100           # permille at the begin of a return
    FORGIVE_MS = 60_000


@cython.final
cdef class Health:
    """The health of one endpoint, as one worker sees it."""

    def __cinit__(self):
        self.quiet = True

    cpdef int share(self, int64_t now_ms) noexcept:
        """The part of its share that it takes now, permille; 0 where it takes nothing."""
        cdef int64_t passed
        if self.down or self.state == TRIAL:
            return 0
        if self.state == EJECTED:
            return FULL_SHARE if now_ms >= self.until_ms else 0
        if self.state == RETURNING:
            passed = now_ms - self.since_ms
            if passed < RETURN_MS:
                return LEAST_SHARE + <int> ((FULL_SHARE - LEAST_SHARE) * passed // RETURN_MS)
        return FULL_SHARE

    cpdef bint out(self) noexcept:
        """Whether it is out of service: what the floor counts."""
        return self.down or self.state == EJECTED or self.state == TRIAL

    cpdef bint failed(self, int kind, int64_t now_ms) noexcept:
        """Count a failure; tell whether it has earned an ejection. One that is ejected already earns nothing more."""
        self._settle(now_ms)
        self.quiet = False
        if self.state == EJECTED:
            return False
        if self.state != SERVING:
            return True
        self.points = min(LIMIT, self.points + (CONNECT_POINTS if kind == CONNECT_FAILURE else ANSWER_POINTS))
        return self.points >= LIMIT

    cpdef void eject(self, int kind, int64_t now_ms) noexcept:
        """Take it out, for twice as long as the last time."""
        self.quiet = False
        self.state = EJECTED
        self.cause = kind
        self.points = 0
        self.until_ms = now_ms + min(MAX_BACKOFF_MS, BACKOFF_MS << self.ejections)
        self.ejections = min(MAX_DOUBLINGS, self.ejections + 1)

    cpdef void begin_trial(self) noexcept:
        """It has been picked after its back-off."""
        self.state = TRIAL

    cpdef void end_trial(self, int64_t now_ms) noexcept:
        """The request on trial is over; where it proved nothing (the client went away), the next one is a trial too."""
        if self.state == TRIAL:
            self.state = EJECTED
            self.until_ms = now_ms

    cpdef void hasten(self, int64_t now_ms) noexcept:
        """Make its trial due: the others are no better."""
        if self.state == EJECTED:
            self.until_ms = min(self.until_ms, now_ms)

    cpdef bint reached(self, int64_t now_ms) noexcept:
        """A connection stands. True where that brings it back."""
        if self.state != TRIAL or self.cause != CONNECT_FAILURE:
            return False
        self._return(now_ms)
        return True

    cpdef bint succeeded(self, int64_t now_ms) noexcept:
        """It has answered. True where that brings it back."""
        if self.state == TRIAL:
            self._return(now_ms)
            return True
        self._settle(now_ms)
        if self.state == EJECTED:
            return False    # an answer to what had been sent before
        self.points = 0
        if self.state == SERVING:
            if self.ejections and now_ms - self.since_ms >= FORGIVE_MS:
                self.ejections -= 1
                self.since_ms = now_ms
            self.quiet = self.ejections == 0 and not self.down
        return False

    cpdef void mark(self, bint down) noexcept:
        """Take what active checks say."""
        self.down = down
        self.quiet = not down and self.state == SERVING and self.points == 0 and self.ejections == 0

    cdef void _return(self, int64_t now_ms) noexcept:
        self.state = RETURNING
        self.since_ms = now_ms
        self.points = 0

    cdef void _settle(self, int64_t now_ms) noexcept:
        """A return that has taken its time is over."""
        if self.state == RETURNING and now_ms - self.since_ms >= RETURN_MS:
            self.state = SERVING
            self.since_ms = now_ms
