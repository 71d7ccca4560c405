"""The work queue, in a real loop."""

import asyncio
from contextlib import asynccontextmanager, suppress

from agw.controller.queue import WorkQueue
from agw.kube import Backoff

SOON = Backoff(first=0.001, longest=0.01)


class Work:
    """Does what a test wants, and remembers."""

    def __init__(self, **options):
        self.done = []
        self.failures = []
        self.fail = {}
        self.gate = None
        self.busy = self.most = 0
        self.queue = WorkQueue(
            self, lambda key, error: self.failures.append((key, str(error))), backoff=SOON, **options
        )

    async def __call__(self, key):
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.fail.get(key, 0):
                self.fail[key] -= 1
                raise RuntimeError(f"not yet {key}")
            self.done.append(key)
        finally:
            self.busy -= 1

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.queue.run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def run(coroutine):
    asyncio.run(coroutine)


def test_what_is_added_is_done_once():
    async def scenario():
        work = Work()
        for key in "abca":
            work.queue.add(key)
        async with work.running():
            await until(lambda: len(work.done) == 3 and not len(work.queue))
        assert work.done == ["a", "b", "c"]

    run(scenario())


def test_a_key_added_while_it_is_worked_on_is_done_again():
    async def scenario():
        work = Work()
        work.gate = asyncio.Event()
        work.queue.add("a")
        async with work.running():
            await until(lambda: work.busy == 1)
            work.queue.add("a")
            work.gate.set()
            await until(lambda: work.done == ["a", "a"] and not len(work.queue))
        assert work.most == 1

    run(scenario())


def test_a_failure_is_tried_again_and_holds_nobody_up():
    async def scenario():
        work = Work()
        work.fail["bad"] = 3
        work.queue.add_all(["bad", "good"])
        async with work.running():
            await until(lambda: set(work.done) == {"bad", "good"})
        assert work.failures == [("bad", "not yet bad")] * 3

    run(scenario())


def test_at_most_so_many_at_once():
    async def scenario():
        work = Work(at_once=2)
        work.gate = asyncio.Event()
        work.queue.add_all("abcdef")
        async with work.running():
            await until(lambda: work.busy == 2)
            work.gate.set()
            await until(lambda: len(work.done) == 6)
        assert work.most == 2

    run(scenario())


def test_a_burst_is_the_first_turn_and_one_more():
    async def scenario():
        work = Work(pause=0.2)
        async with work.running():
            work.queue.add("a")
            await until(lambda: work.done == ["a"])
            for _ in range(50):
                work.queue.add("a")
                await asyncio.sleep(0)
            await until(lambda: len(work.done) == 2 and not len(work.queue))
        assert work.done == ["a", "a"]

    run(scenario())


def test_a_key_that_is_forgotten_is_not_done():
    async def scenario():
        work = Work(pause=60)
        async with work.running():
            work.queue.add("a")
            await until(lambda: work.done == ["a"] and not work.busy)
            await asyncio.sleep(0)
            work.queue.add("a")
            assert len(work.queue) == 1
            work.queue.forget("a")
            assert not len(work.queue)
        assert work.done == ["a"]

    run(scenario())


def test_a_turn_costs_the_same_however_many_wait():
    """Looking through all that wait, at each turn, made five thousand statuses of one burst take minutes."""
    looked = 0

    class Key(int):
        def __hash__(self):
            nonlocal looked
            looked += 1
            return int.__hash__(self)

    async def scenario():
        work = Work(pause=0.001)
        work.queue.add_all(map(Key, range(2000)))
        async with work.running():
            await until(lambda: len(work.done) == 2000)
            assert work.done == list(range(2000))

    run(scenario())
    assert looked < 2000 * 40


def test_some_go_before_those_that_wait():
    """Behind five thousand routes a Gateway would be told last that its data plane refuses what they bring."""

    async def scenario():
        work = Work(at_once=1, first=str.isupper)
        work.queue.add_all("abcXdY")
        async with work.running():
            await until(lambda: len(work.done) == 6)
        assert work.done == [*"YXabcd"]

    run(scenario())


def test_a_key_that_rests_is_done_when_its_pause_is_over():
    async def scenario():
        work = Work(pause=0.05)
        async with work.running():
            work.queue.add("a")
            await until(lambda: work.done == ["a"] and not work.busy)
            work.gate = asyncio.Event()
            work.queue.add("a")
            await until(lambda: work.busy == 1)
            work.queue.add("a")
            work.fail["a"] = 1
            work.gate.set()
            await until(lambda: work.done == ["a", "a"] and not len(work.queue))
        assert work.failures == [("a", "not yet a")]

    run(scenario())
