"""Short turns on a core that is shared: a worker that has something to do need not wait until another's turn is over.

The kernel gives each process turns of some milliseconds, and who wakes waits for the end of the turn that is on, although it
may need a tenth of that. One that asks for shorter turns gets them sooner, and no more of the core (EEVDF, Linux 6.12:
`sched_runtime` of sched_setattr(2) for SCHED_OTHER; no right is needed). A supervisor that reads a configuration, or what else
runs in the pod or on the node, then holds up no request.

Rules: an older kernel takes no notice, and one that refuses is let be. Where somebody runs the gateway under another policy
than the usual one, that has been decided. The supervisor asks for its workers, so that they need nothing for it.

Must not: take priority over anybody.
"""

from __future__ import annotations

import ctypes
import os
import struct

TURN_NS = 100_000
"""The least that the kernel takes, and about what a request needs."""

_NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""The system calls sched_setattr and sched_getattr, which the C library has only of late."""

_ATTRIBUTES = struct.Struct("IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period


def shorten_turns(pid: int, nanoseconds: int = TURN_NS) -> bool:
    """Ask for turns of that length for a process and the threads that it will start; tell whether the kernel took it."""
    numbers = _NUMBERS.get(os.uname().machine)
    if numbers is None:
        return False
    try:
        usual = os.sched_getscheduler(pid) == os.SCHED_OTHER
        nice = os.getpriority(os.PRIO_PROCESS, pid)
    except OSError:
        return False  # it has ended
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, nanoseconds, 0, 0)
    return usual and _call(numbers[0], pid, wanted, 0)


def turn_of(pid: int) -> int:
    """Return the length of a process's turns in nanoseconds; 0 where the kernel does not say."""
    numbers = _NUMBERS.get(os.uname().machine)
    found = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if numbers is None or not _call(numbers[1], pid, found, _ATTRIBUTES.size, 0):
        return 0
    runtime: int = _ATTRIBUTES.unpack(found.raw)[5]
    return runtime


def _call(number: int, *arguments: object) -> bool:
    """Make a system call; tell whether it succeeded."""
    result: int = ctypes.CDLL(None).syscall(number, *arguments)
    return result == 0
