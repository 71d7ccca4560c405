"""Types of the watch over the loop."""

import asyncio
from collections.abc import Callable
from typing import final

@final
class Watchdog:
    """Sends a signal to the thread that made it while its loop is held up for longer than limit_ms.

    counters: writable shared memory, see agw._fastpath.record. on_lag: called in the loop once it turns again, with the
    milliseconds that it was late. At most one signal in ten seconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_ms: int,
        signal: int,
        *,
        counters: memoryview,
        on_lag: Callable[[int], None],
    ) -> None: ...
    def close(self) -> None:
        """End the watch; twice is once."""
