"""What holds a worker's loop up: the stack of the moment goes to the log once the loop turns again.

A timer that the compiled watchdog pushes back sends SIGUSR2 while the loop is held up; faulthandler writes the Python stack to an
anonymous file, in the handler itself, whatever the thread is doing; the log has it as one field of one event. A loop that
never turns again says so by no sign of life, and the supervisor asks where it is (see agw.dataplane.supervisor).
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
from collections.abc import Callable

from agw._fastpath.watchdog import Watchdog

_SIGNAL = signal.SIGUSR2
_MOST = 16_384
"""Bytes of a stack that are logged."""


class LagWatch:
    """Watches the loop of the main thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_ms: int,
        counters: memoryview,
        tell: Callable[[int, str], None],
    ) -> None:
        """Begin. tell: called with the milliseconds that the loop was late and the stack; without one, too soon again."""
        self._stack = os.memfd_create("agw-stack", os.MFD_CLOEXEC)
        self._tell = tell
        faulthandler.register(_SIGNAL, file=self._stack, all_threads=False)
        self._dog = Watchdog(loop, limit_ms, _SIGNAL, counters=counters, on_lag=self._late)

    def close(self) -> None:
        """End the watch."""
        self._dog.close()
        faulthandler.unregister(_SIGNAL)
        signal.signal(_SIGNAL, signal.SIG_IGN)
        os.close(self._stack)

    def _late(self, milliseconds: int) -> None:
        stack = os.pread(self._stack, _MOST, 0).decode("utf-8", "replace").strip()
        if stack:
            os.ftruncate(self._stack, 0)
            os.lseek(self._stack, 0, os.SEEK_SET)
            self._tell(milliseconds, stack)
