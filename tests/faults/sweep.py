"""Every call of one kind fails once: a program of its own, because what it looks for may end the process.

    python -m tests.faults.sweep KIND ERRNO[,ERRNO...] [SEED...]

Each script is played again and again; in the nth turn the nth call of the kind that the data plane makes fails, until a
turn has fewer. Whatever fails: no byte reaches the wrong place, no POST arrives twice, nothing is alive afterwards, and
the next request on a new connection is served.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
from pathlib import Path

from fuzz import world as worlds
from fuzz.conversations import CLOCK
from fuzz.play import Play
from fuzz.script import Client, Plan, Request, Script, script
from fuzz.verdict import judge

SHIM = Path(__file__).with_name("shim.c")
KINDS = (
    *("malloc", "realloc", "recv", "send", "sendmsg", "accept4", "connect", "socket", "epoll_ctl"),
    *("setsockopt", "getsockopt", "object"),
)
# Between them they pipeline, send much, reuse, talk out of turn, cut, and wait in line with a body (174, 194).
SEEDS = (376, 263, 244, 1034, 306, 78, 174, 194)
FILTERED = {244, 1034}  # of these, whose rule has filters, a mirror and a retry
AFTER = Request(
    nonce=b"after",
    method=b"GET",
    data=b"GET /n/after HTTP/1.1\r\nHost: a\r\n\r\n",
    body=b"",
    kind="good",
    broken=False,
    last=False,
    plan=Plan(
        (b"HTTP/1.1 200 OK\r\nX-Nonce: after\r\nContent-Length: 5\r\n\r\nafter",),
        "",
        early=False,
        whole=True,
        tidy=True,
        status=200,
        body=b"after",
    ),
)
SERVED = Script((Client((AFTER,), (AFTER.data,), cut=False, end="", slow=False),), 0, 0, clock_first=False, slots=0)


class Faults:
    """The shim in this process."""

    def __init__(self) -> None:
        shim = ctypes.CDLL(None)
        self.kind = ctypes.c_int.in_dll(shim, "agw_fault_kind")
        self.errno = ctypes.c_int.in_dll(shim, "agw_fault_errno")
        self.at = ctypes.c_int64.in_dll(shim, "agw_fault_at")
        self.inside = ctypes.c_int.in_dll(shim, "agw_fault_inside")
        self.calls = (ctypes.c_int64 * len(KINDS)).in_dll(shim, "agw_fault_calls")
        mark = shim.agw_fault_range
        mark.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
        for line in Path("/proc/self/maps").read_text().splitlines():
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ..x. .*/_fastpath/", line):
                mark(int(match[1], 16), int(match[2], 16))

    def arm(self, kind: str, number: int, at: int) -> None:
        """Let the at-th call from now on fail; 0: none."""
        for index in range(len(KINDS)):
            self.calls[index] = 0
        self.kind.value, self.errno.value, self.at.value = KINDS.index(kind), number, at

    def reached(self, kind: str) -> int:
        """Return how many calls there have been since."""
        return self.calls[KINDS.index(kind)]


class Inside(worlds.World):
    """A world in which the shim knows when the reactor runs."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    def run_reactor(self) -> None:
        """Let the reactor run once."""
        ready = self.loop.ready
        self.faults.inside.value = 1
        ready()
        self.faults.inside.value = 0


def play(world: worlds.World, played: Script, seed: int, *, faulty: bool) -> None:
    """Play one script to its end and judge it."""
    one = Play(world, played, seed)
    one.faulty = faulty
    try:
        one.run()
        one.settle(patience=0.001)
        judge(one)
        if faulty:
            # A listener that could take nobody looks again after a while: it still finds those who came, and have left.
            one.finish()
            world.wait(1_000)
            one.settle(patience=0.001)
        one.finish()
    finally:
        one.end()


def turn(world: worlds.World, faults: Faults, what: tuple[str, int], at: int, seed: int) -> bool:
    """Play a seed with the at-th call failing, then ask for one more answer; False where there was no such call."""
    world.begin(script(seed).slots, filtered=seed in FILTERED)
    sys.stderr.write(f"-- seed {seed}, call {at}\n")
    try:
        faults.arm(*what, at)
        play(world, script(seed), seed, faulty=True)
        reached = faults.reached(what[0]) >= at
        faults.arm(*what, 0)
        assert not world.alive(), f"alive at the end: {world.alive()}"
        play(world, SERVED, 0, faulty=False)
        return reached
    finally:
        faults.arm(*what, 0)
        world.end()


def sweep(world: worlds.World, faults: Faults, what: tuple[str, int], seed: int) -> int:
    """Let each call that a seed makes fail in a turn of its own; return how many there were."""
    at = 1
    while turn(world, faults, what, at, seed):
        at += 1
    return at - 1


def main() -> int:
    """Sweep; an exception says where something went wrong."""
    kind, names, *seeds = sys.argv[1:]
    os.environ["PYTHONMALLOC"] = "malloc"
    worlds.respawn(worlds.preload(SHIM, "-ldl"), worlds.preload(CLOCK, "-ldl"))
    faults = Faults()
    world = Inside(faults)
    for name in names.split(","):
        number = 0 if name == "short" else getattr(errno, name)
        count = sum(sweep(world, faults, (kind, number), int(seed)) for seed in seeds or SEEDS)
        assert not worlds.objects(), f"left behind: {worlds.objects()}"
        sys.stdout.write(f"{kind} {name}: {count} calls failed, one at a time\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
