# Whether an endpoint takes its share of requests, by what requests meet there and by what active checks say.

cimport cython
from libc.stdint cimport int64_t

cdef enum HealthState:
    SERVING = 0
    EJECTED             # takes nothing until until_ms, then one request as a trial
    TRIAL               # that one is under way
    RETURNING           # its share grows

cdef enum Failure:
    CONNECT_FAILURE = 0     # refused, unreachable, or no answer to the connect in time
    ANSWER_FAILURE = 1      # a new connection closed without an answer, an answer that breaks a rule, none in time

cdef enum:
    FULL_SHARE = 1000       # permille


@cython.final
cdef class Health:
    cdef readonly bint quiet        # serving, nothing against it, nothing remembered: no rule below has a say
    cdef readonly bint down         # active checks found it down
    cdef readonly int state         # HealthState
    cdef readonly int points        # against it since its last answer
    cdef readonly int ejections     # how often the next back-off has doubled
    cdef int cause                  # Failure that ejected it
    cdef int64_t until_ms           # EJECTED: a trial is due from then on
    cdef int64_t since_ms           # RETURNING: its begin; SERVING: when an ejection was forgiven last

    cpdef int share(self, int64_t now_ms) noexcept
    cpdef bint out(self) noexcept
    cpdef bint failed(self, int kind, int64_t now_ms) noexcept
    cpdef void eject(self, int kind, int64_t now_ms) noexcept
    cpdef void begin_trial(self) noexcept
    cpdef void end_trial(self, int64_t now_ms) noexcept
    cpdef void hasten(self, int64_t now_ms) noexcept
    cpdef bint reached(self, int64_t now_ms) noexcept
    cpdef bint succeeded(self, int64_t now_ms) noexcept
    cpdef void mark(self, bint down) noexcept
    cdef void _return(self, int64_t now_ms) noexcept
    cdef void _settle(self, int64_t now_ms) noexcept
