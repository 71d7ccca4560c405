"""Interpreters for workers: each a fresh one, and the first of them started ahead of need.

A worker loads its modules for as long as the supervisor loads its own and reads the configuration. Both at once is a
fifth to a third less until the first answer, where there are two cores.

Rules: nothing of the supervisor's memory, loop or descriptors is inherited, but its limits are, so those are raised before.
Whoever starts some ahead ends those that nobody took.

Must not: import what makes a supervisor slow to load: this is there before it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import agw


class Interpreter(NamedTuple):
    """A process that waits for its first message. channel: the supervisor's end, the caller's to close."""

    process: subprocess.Popen[bytes]
    channel: socket.socket


_ahead: list[Interpreter] = []


@contextmanager
def started_ahead(count: int) -> Iterator[None]:
    """Start so many now, for `take`; end those that are left when the block ends."""
    try:
        with suppress(OSError):  # too few of something: whoever needs one says so
            _ahead.extend(_start() for _ in range(count))
        yield
    finally:
        while _ahead:
            process, channel = _ahead.pop()
            process.kill()
            process.wait()
            channel.close()


def take() -> Interpreter:
    """Give one, of those that were started ahead while there are some; OSError where none can be started."""
    return _ahead.pop(0) if _ahead else _start()


def _start() -> Interpreter:
    environment = dict(os.environ)
    root = Path(agw.__file__).resolve().parent.parent
    if root.name not in ("site-packages", "dist-packages"):
        # Run from a source tree: the worker imports the same one.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH", ""))))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        # -P: a file named like a module in the current directory must not become part of the gateway.
        command = (sys.executable, "-P", "-m", "agw.dataplane.worker_process", str(theirs.fileno()))
        # A terminal sends SIGINT to all; a worker ignores it, and before it can say so it must not die of it with a traceback.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env=environment
            )
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return Interpreter(process, ours)
