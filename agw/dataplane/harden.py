"""What a process of the gateway gives up when it starts, for its own and its users' safety.

A core dump of a gateway holds everybody's requests, answers and keys; so does the memory that a debugger of the same user
may read. Neither is possible unless `--core-dumps` asks for it:

    RLIMIT_CORE 0        no core file, whatever kernel.core_pattern says about files
    PR_SET_DUMPABLE 0    no core through a pipe either, no ptrace by the same user, /proc/PID/mem for root alone
    NO_NEW_PRIVS         always: a set-uid program that it might be brought to start gains nothing

Rules: the supervisor and each worker do it for themselves, since exec makes a process dumpable again; the limit and
NO_NEW_PRIVS are inherited. What agw itself reads below /proc is its own process's, which stays readable.
"""

from __future__ import annotations

import resource

from agw._fastpath.process import prctl

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def harden(*, core_dumps: bool) -> None:
    """Give it up. OSError where the kernel refuses, which it does only on a system that is not Linux."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if core_dumps:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(_PR_SET_DUMPABLE, 0)
