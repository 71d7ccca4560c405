"""Types of the poller, as far as Python sees it."""

import asyncio
from typing import Self, final

class Timed:
    """Something with a deadline."""

class Source(Timed):
    """A socket in the epoll set."""

@final
class Alarm(Source):
    """A timer of the kernel's, in the set."""

@final
class Bell(Source):
    """The loop in whose place the poller waits has something to do."""

@final
class Poller:
    """The epoll set and timer wheel of a worker."""

    def __new__(cls, loop: asyncio.AbstractEventLoop) -> Self: ...
    def start(self, alone: bool = False) -> None:
        """Let the asyncio loop wake us. alone: nothing else of importance lives in it, so that we may wait for it."""
    def stop(self) -> None:
        """Leave the asyncio loop alone from now on."""
    def drain(self) -> None:
        """Tell every source that the worker wants to end."""
    def cut(self) -> None:
        """Tell every source that the worker ends now."""
    def close_all(self) -> None:
        """Close every socket in the set, and forget every deadline."""
    def counts(self) -> dict[str, int]:
        """What is alive."""
