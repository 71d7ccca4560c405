# Which state a task is in, by agw.a2a.states.

from libc.stdint cimport uint8_t

cdef enum:
    STATE_NONE = 0
    STATE_UNKNOWN = 9
    STATES = 10                 # agw.a2a.states.TaskState

# The state of this name; STATE_UNKNOWN where no version of A2A has it.
cdef int task_state(const char* name, uint8_t size) noexcept nogil
