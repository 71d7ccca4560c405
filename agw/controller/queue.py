"""Keys to work on, each once at a time, again after a while where it failed.

Why: an object that cannot be written must not keep others waiting, and one that changes a hundred times a second needs
writing once. The pattern is client-go's work queue.

Rules: a key that is added while it is worked on is worked on again after. A failure is followed by a back-off of the
key's own, which its next success ends. `pause` is the least time between two turns of one key: the first change is seen
to at once, a burst is one more turn. Cancelling `run` ends the turns under way. A turn costs the same however many keys
wait: each key is in one place only, so nothing is ever looked through.

Must not: know what a key means.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from agw.kube import Backoff

K = TypeVar("K", bound=Hashable)
_BACKOFF = Backoff(first=0.5, longest=60.0)


class WorkQueue(Generic[K]):
    """Keys that wait for `work`, which says by an exception that a key is to be tried again.

    failed: told of each exception. first: which keys go before those that wait. at_once: turns under way at the same time.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[None]],
        failed: Callable[[K, Exception], None],
        *,
        first: Callable[[K], bool] = lambda _: False,
        at_once: int = 8,
        pause: float = 0.0,
        backoff: Backoff = _BACKOFF,
    ) -> None:
        """Begin empty."""
        self._work = work
        self._failed = failed
        self._goes_first = first
        self._at_once = at_once
        self._pause = pause
        self._first = backoff
        self._due: OrderedDict[K, None] = OrderedDict()  # a dict is slow to give its oldest key away
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._busy: set[K] = set()
        self._again: set[K] = set()  # of those that are busy
        self._rested: dict[K, float] = {}
        self._backoffs: dict[K, Backoff] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """How many keys wait or are worked on."""
        return len(self._due) + len(self._later) + len(self._busy)

    def add(self, key: K) -> None:
        """See to the key, as soon as its pause and back-off allow."""
        if key in self._busy:
            self._again.add(key)
        elif key not in self._later and key not in self._due:
            wait = self._rested.get(key, 0.0) - asyncio.get_running_loop().time()
            if wait > 0:
                self._put_off(key, wait)
            else:
                self._put(key)

    def add_all(self, keys: Iterable[K]) -> None:
        """Add several."""
        for key in keys:
            self.add(key)

    def forget(self, key: K) -> None:
        """The key is of no more interest."""
        self._due.pop(key, None)
        self._again.discard(key)
        self._rested.pop(key, None)
        self._backoffs.pop(key, None)
        if (timer := self._later.pop(key, None)) is not None:
            timer.cancel()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._wake.clear()
                    while self._due and len(self._busy) < self._at_once:
                        key, _ = self._due.popitem(last=False)
                        self._busy.add(key)
                        group.create_task(self._turn(key))
                    await self._wake.wait()
        finally:
            for timer in self._later.values():
                timer.cancel()
            self._later.clear()

    async def _turn(self, key: K) -> None:
        try:
            await self._work(key)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this key's alone, and tried again
            backoff = self._backoffs.get(key, self._first).failed()
            self._backoffs[key] = backoff
            self._failed(key, error)
            self._put_off(key, backoff.delay(random.random(), getattr(error, "retry_after", 0.0)))  # noqa: S311
        else:
            self._backoffs.pop(key, None)
            self._rest(key, again=key in self._again)
        finally:
            self._again.discard(key)
            self._busy.discard(key)
            self._wake.set()

    def _rest(self, key: K, *, again: bool) -> None:
        """Let a key rest that was worked on."""
        if again and not self._pause:
            self._put(key)
        elif again:
            self._put_off(key, self._pause)
        if not self._pause:
            return
        now = asyncio.get_running_loop().time()
        self._rested[key] = now + self._pause
        if len(self._rested) > 4 * (len(self) + 1024):
            self._rested = {key: at for key, at in self._rested.items() if at > now}

    def _put(self, key: K) -> None:
        self._due[key] = None
        if self._goes_first(key):
            self._due.move_to_end(key, last=False)
        self._wake.set()

    def _put_off(self, key: K, seconds: float) -> None:
        self._later[key] = asyncio.get_running_loop().call_later(seconds, self._come, key)

    def _come(self, key: K) -> None:
        self._later.pop(key, None)
        self._put(key)
