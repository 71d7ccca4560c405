"""The states of a task, by each name that they have on the wire (A2A 0.3 section 6.3, 1.0 section 4.1.3).

    0.2, 0.3   input-required             also as protocol buffers: TASK_STATE_INPUT_REQUIRED, TASK_STATE_CANCELLED
    1.0        TASK_STATE_INPUT_REQUIRED

A state is called by its name in A2A 0.3, which is the shorter one: metrics and logs know one name for it.

Rules: numbers are a format, since request records carry them. What no version knows is `unknown`, so that the values of a
label are these and no others.

Must not: import from agw. The compiled twin that reads answers is agw._fastpath.states.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["NAMES", "STATES", "TaskState"]


class TaskState(IntEnum):
    """How far a task is."""

    NONE = 0  # nothing was said of it
    SUBMITTED = 1
    WORKING = 2
    INPUT_REQUIRED = 3
    COMPLETED = 4
    CANCELED = 5
    FAILED = 6
    REJECTED = 7
    AUTH_REQUIRED = 8
    UNKNOWN = 9  # and all that is not listed here

    @property
    def word(self) -> str:
        """The name in metrics and logs; empty for NONE."""
        return "" if self is TaskState.NONE else self.name.lower().replace("_", "-")


STATES = tuple(each.word for each in TaskState)

NAMES = {
    **{each.word: each for each in TaskState if each},
    **{f"TASK_STATE_{each.name}": each for each in TaskState if TaskState.NONE < each < TaskState.UNKNOWN},
    "TASK_STATE_CANCELLED": TaskState.CANCELED,  # as the protocol buffers of 0.3 spell it
}
