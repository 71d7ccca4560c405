"""How many instructions a call of a hot function takes: a figure that no neighbour on the machine disturbs.

Counted by the processor (perf_event_open, user mode only) where the kernel lets us; most virtual machines have no such
counter, and there valgrind's callgrind counts where it is installed. It pretends to be a plain processor: what has a form for
special instructions, SHA-256 above all, is counted in its portable form, and says nothing about the nanoseconds beside it.
Where neither is there, nothing is counted, and the reason is told.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import ROOT, RigError
from bench.micro.hot import CALLS, Loop, functions

SYSCALL = {"x86_64": 298, "aarch64": 241}  # perf_event_open
ATTRIBUTES = 128  # bytes of struct perf_event_attr; the kernel takes any size that it knows
HARDWARE, INSTRUCTIONS = 0, 1
DISABLED, NO_KERNEL, NO_HYPERVISOR = 1 << 0, 1 << 5, 1 << 6
ENABLE, DISABLE, RESET = 0x2400, 0x2401, 0x2403
COUNTED = 10 * CALLS


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions per call, by function; by: what counted them, or why nothing did."""

    by: str
    each: Mapping[str, float]


@contextlib.contextmanager
def counter() -> Iterator[int]:
    """A descriptor that counts this thread's instructions in user mode; OSError where there is none."""
    number = SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(0, "unknown processor")
    attributes = bytearray(ATTRIBUTES)
    struct.pack_into("<IIQ", attributes, 0, HARDWARE, ATTRIBUTES, INSTRUCTIONS)
    struct.pack_into("<Q", attributes, 40, DISABLED | NO_KERNEL | NO_HYPERVISOR)
    libc = ctypes.CDLL(None, use_errno=True)
    held = (ctypes.c_char * ATTRIBUTES).from_buffer(attributes)
    descriptor = libc.syscall(number, held, 0, -1, -1, 0)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def counted(descriptor: int, loop: Loop, calls: int) -> int:
    """Instructions of that many calls, and of the Python around them."""
    import fcntl  # noqa: PLC0415  # Linux

    fcntl.ioctl(descriptor, RESET, 0)
    fcntl.ioctl(descriptor, ENABLE, 0)
    loop(calls)
    fcntl.ioctl(descriptor, DISABLE, 0)
    return int.from_bytes(os.read(descriptor, 8), "little")


def by_processor() -> Counts:
    """Counted by the processor: twice as many calls less as many, so that what is around them falls out."""
    with counter() as descriptor:
        each = {}
        for name, loop in functions().items():
            loop(CALLS)
            less, more = (counted(descriptor, loop, calls) for calls in (COUNTED, 2 * COUNTED))
            each[name] = (more - less) / COUNTED
    return Counts("the processor", each)


def inclusive(text: str, function: str) -> int:
    """From callgrind's output: the cost of all calls of a function, with what it called.

    The output names a function once, with a number, and by its number after that. A `calls=` line is followed by one whose
    second number is the cost of those calls.
    """
    named = re.search(rf"\((\d+)\) \S*{function}$", text, re.MULTILINE)
    if named is None:
        return 0
    calls = re.findall(rf"^cfn=\({named[1]}\).*\ncalls=.*\n\S+ (\d+)", text, re.MULTILINE)
    return sum(map(int, calls))


# The compiled functions behind the rows of hot.functions(): what Python calls, which no compiler folds into another.
SYMBOLS = {
    "route_match": r"__pyx_pw_\w*Lookups_\d+bench_lookup",
    "key_check": r"__pyx_pw_\w*KeySet_\d+bench_lookup",
}


def symbol(name: str) -> str:
    """A pattern for what stands in callgrind's output."""
    return SYMBOLS.get(name, rf"__pyx_pw_\w*bench_loops_\d+{name}")


def by_callgrind() -> Counts:
    """Counted by valgrind in a process of its own; RigError with its complaint when it fails."""
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        out = Path(home) / "out"
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        argv = [*tool, sys.executable, "-m", "bench.micro.instructions", "--run"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"valgrind: {done.stderr[-2000:]}"
            raise RigError(message)
        text = out.read_text(errors="replace")
    costs = {name: inclusive(text, symbol(name)) for name in functions()}
    return Counts("callgrind", {name: cost / COUNTED for name, cost in costs.items() if cost})


def count() -> Counts:
    """By the processor, or by callgrind, or not at all."""
    try:
        return by_processor()
    except OSError as error:
        reason = f"perf_event_open: {error.strerror}"
    if shutil.which("valgrind") is None:
        return Counts(f"nothing: {reason}, and valgrind is not installed (apt-get install valgrind)", {})
    try:
        return by_callgrind()
    except RigError as error:
        return Counts(f"nothing: {reason}, and {error}", {})


def main() -> int:
    """Print them; with --run, do what valgrind watches."""
    if "--run" in sys.argv[1:]:
        return 0 if all(loop(COUNTED) for loop in functions().values()) else 1
    counts = count()
    print(f"instructions per call, counted by {counts.by}")
    for name, each in counts.each.items():
        print(f"{name:16} {each:10.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
