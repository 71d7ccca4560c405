"""Follow a collection: everything that is there, then each change, for as long as the caller likes to listen.

    async with aclosing(aiter(Watcher(client, ROUTES, decoder(HTTPRoute)))) as batches:
        async for batch in batches:
            ...

`agw.kube.progress` says what to ask; here it is asked, timed, tried again and put together:
- A change that comes alone is given at once. What comes shortly after a batch waits, `quiet` at first and twice as long
  each time, `longest` at most, so that a burst is few batches. What comes while the caller is busy with a batch is in the
  next one; of several changes of an object it sees the last.
- A watch that ends is resumed at once. Failures are followed by a back-off with jitter, which ends with the next good
  answer. The collection as the caller knows it stays meanwhile; a restart batch comes when it must be told anew.
- A watch that says nothing for `silence` is ended here: a server sends a bookmark about once a minute, so a connection
  this quiet may have lost its other end without a word. Resuming is cheap and loses nothing.

Must not: keep an object that it has handed over; end because of anything that the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Generic, TypeVar

from agw.kube.backoff import Backoff
from agw.kube.client import PAGE, Client, Scope
from agw.kube.errors import KubeError, Malformed
from agw.kube.objects import Decode
from agw.kube.progress import Batch, Progress, State
from agw.kube.resource import Resource

LOG = logging.getLogger("agw.kube")
T = TypeVar("T")

MAX_LINE = 64 * 1024 * 1024  # etcd takes 1.5 MB; this is only against a server that never ends a line
_SHORT = 1.0  # seconds; a watch that ends sooner, without a line, is a failure and no end
_GRACE = 15.0  # seconds that a server may be late to end a watch
_LIST_WITHIN = 60.0  # seconds for a page, which may be the whole list
_BACKOFF = Backoff()


@dataclass(frozen=True, slots=True)
class Options:
    """Times in seconds. streaming: try streaming lists. watch: how long a server keeps a watch open, a quarter around it.

    silence, quiet, longest: see the module. page: objects of a page. answer_within: for the head of an answer.
    """

    streaming: bool = True
    page: int = PAGE
    watch: float = 300.0
    silence: float = 120.0
    answer_within: float = 30.0
    quiet: float = 0.002
    longest: float = 0.05
    backoff: Backoff = _BACKOFF


_DEFAULTS = Options()
_EVERYTHING = Scope()


class Watcher(Generic[T]):
    """An asynchronous iterable of batches of one collection; the first batch is a restart. Iterate it once.

    decode: one object's JSON to what the caller keeps.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        decode: Decode[T],
        scope: Scope = _EVERYTHING,
        *,
        options: Options = _DEFAULTS,
    ) -> None:
        """Nothing is asked before the iteration begins."""
        self.resource = resource
        self.problem: KubeError | None = None
        """Why there is no news at the moment; None while the server answers."""
        self.synced = False
        """Whether the first restart has been handed over."""
        self._client = client
        self._path = resource.collection(scope.namespace)
        self._options = options
        self._progress: Progress[T] = Progress(
            decode, self._path, selectors=scope.selectors, streaming=options.streaming, page=options.page
        )
        self._news = asyncio.Event()
        self._gave = float("-inf")
        self._pause = options.quiet
        self._useful = False

    @property
    def state(self) -> State:
        """Where the list-and-watch stands."""
        return self._progress.state

    async def __aiter__(self) -> AsyncGenerator[Batch[T]]:
        """Yield batches for ever. Close the iterator (`contextlib.aclosing`) to end the watch at once."""
        task = asyncio.create_task(self._run(), name=f"watch {self._path}")
        task.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                await self._news.wait()
                if task.done():
                    task.result()  # only a fault of our own ends it
                await self._settle()
                self._news.clear()
                batch = self._progress.take()
                self.synced = self.synced or batch.restart
                if batch:
                    yield batch
                    self._gave = asyncio.get_running_loop().time()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _settle(self) -> None:
        """Wait where a batch was given just now, the longer the more of them there were. A restart is whole already."""
        left = self._gave + self._pause - asyncio.get_running_loop().time()
        if left <= 0:
            self._pause = self._options.quiet
        elif not self._progress.restarting:
            self._pause = min(2 * self._pause, self._options.longest)
            await asyncio.sleep(left)

    async def _run(self) -> None:
        backoff = self._options.backoff
        while True:
            self._useful = False
            try:
                await self._step()
            except KubeError as error:
                self._progress.failed(error)
                self._tell(error)
                backoff = (backoff.succeeded() if self._useful else backoff).failed()
                await asyncio.sleep(backoff.delay(random.random(), getattr(error, "retry_after", 0.0)))  # noqa: S311
            else:
                backoff = backoff.succeeded() if self._useful else backoff.failed()
                await asyncio.sleep(backoff.delay(random.random()))  # noqa: S311 - jitter, no secret

    async def _step(self) -> None:
        """One request, until its answer is over."""
        if self._progress.state is State.LISTING:
            data = await self._client.request("GET", self._path, self._progress.query(0), within=_LIST_WITHIN)
            self._progress.page(data)
            self._came()
        else:
            await self._watch()

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        seconds = int(self._options.watch * random.uniform(0.75, 1.25))  # noqa: S311
        query = self._progress.query(seconds)
        lines = Lines()
        async with self._client.stream(self._path, query, answer_within=self._options.answer_within) as chunks:
            self._answered()
            while True:
                left = min(self._options.silence, began + seconds + _GRACE - clock())
                try:
                    async with asyncio.timeout(left):
                        chunk = await anext(chunks, b"")
                except TimeoutError:
                    self._silent()
                    return
                if not chunk:
                    break
                for line in lines.feed(chunk):
                    self._progress.line(line)
                    self._came()
        self._useful = self._useful or clock() - began >= _SHORT

    def _silent(self) -> None:
        LOG.debug("%s: the watch went silent", self._path)
        if self._progress.state is State.STREAMING:
            self._progress.refuse_streaming()

    def _came(self) -> None:
        """The server has told something. Half a streaming list is of no use: it is begun again."""
        self._useful = self._progress.state is not State.STREAMING
        if self._progress.fresh:
            self._news.set()
        self._answered()

    def _answered(self) -> None:
        if self.problem is not None:
            self.problem = None
            LOG.info("%s: the API server answers again", self._path)

    def _tell(self, error: KubeError) -> None:
        """Log a problem once; the same again only in detail."""
        known = self.problem is not None and type(self.problem) is type(error)
        LOG.log(logging.DEBUG if known or self._useful else logging.WARNING, "watching %s: %s", self._path, error)
        self.problem = error


class Lines:
    """Bytes in any pieces to whole lines."""

    def __init__(self) -> None:
        """Nothing is pending."""
        self._pending: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that are whole now, without their ends. Raises Malformed where one never ends."""
        *whole, rest = chunk.split(b"\n")
        if whole:
            whole[0] = b"".join([*self._pending, whole[0]])
            self._pending.clear()
            self._size = 0
        if rest:
            self._pending.append(rest)
            self._size += len(rest)
            if self._size > MAX_LINE:
                raise Malformed(f"a line of a watch is longer than {MAX_LINE} bytes")
        return [line for line in whole if line]
