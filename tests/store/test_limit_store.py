"""Limits over pods, with a real store: what one pod takes the others have not, and what holds while it is away."""

import asyncio
import contextlib
import io
import time

import pytest

from agw._fastpath.limits import SHARED_LIMITS_SIZE, Buckets, own_memory
from agw.dataplane.limit_store import PREFIX, LimitStore
from agw.dataplane.logs import Log
from agw.errors import ConfigurationError
from agw.settings import Settings
from agw.snapshot.model import Limit
from tests.store.server import LIMIT, Store, needs_a_store

pytestmark = needs_a_store
ENTRY = Limit(1, 3600, 10, "Consumer", scope="d/p", shared=True)


class Pod:
    """The part of a pod that this is about."""

    def __init__(self, store, **settings):
        self.memory = own_memory(SHARED_LIMITS_SIZE)
        self.buckets = Buckets(self.memory, shared=True)
        self.said = io.StringIO()
        values = {"limit_store": store.url, "limit_sync": "10ms", **settings}
        self.store = LimitStore(Settings.load({}, values), memoryview(self.memory), Log("info", stream=self.said))

    def take(self, count=1, subject="alice"):
        """How many of these were granted."""
        return sum(self.buckets.try_take(ENTRY, subject, time.monotonic_ns()) > 0 for _ in range(count))

    async def settled(self):
        """Wait for a round that began after now."""
        rounds = self.store.rounds
        await until(lambda: self.store.rounds >= rounds + 2, "two rounds")


async def until(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        await asyncio.sleep(0.002)  # between two looks


@pytest.fixture
def store(tmp_path):
    server = Store(tmp_path)
    yield server
    server.stop()


def run(case, *pods):
    """Run a coroutine beside these pods, once all have reached the store."""

    async def main():
        tasks = [asyncio.create_task(pod.store.run()) for pod in pods]
        try:
            await case()
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    asyncio.run(main())


def test_what_one_pod_takes_the_other_has_not(store):
    one, other = Pod(store), Pod(store)

    async def case():
        for pod in (one, other):
            await until(lambda pod=pod: pod.store.state().reached, "the store")
        assert one.take(7) == 7
        await one.settled()
        assert other.take(1) == 1  # of a bucket that it did not know
        await other.settled()
        assert other.take(10) == 2
        await other.settled()
        assert one.take(1) == 0 or await back_in_debt(one)
        assert one.take(5, "bob") == 5

    async def back_in_debt(pod):
        await pod.settled()
        return pod.take(1) == 0

    run(case, one, other)


def test_what_pods_grant_at_the_same_time_is_paid_back(store):
    pods, late = [Pod(store) for _ in range(3)], Pod(store)

    async def case():
        for pod in (*pods, late):
            await until(lambda pod=pod: pod.store.state().reached, "the store")
        assert [pod.take(10) for pod in pods] == [10, 10, 10]
        for pod in pods:
            await pod.settled()
        assert late.take(1) == 1
        await late.settled()
        wait = -late.buckets.try_take(ENTRY, "alice", time.monotonic_ns())
        assert 21 * 3600 < wait / 1_000_000_000 <= 22 * 3600  # 31 were granted where 10 are, and one is asked for

    run(case, *pods, late)


def test_without_the_store_each_counts_alone_and_tells_nothing_of_it_afterwards(store):
    one, other = Pod(store), Pod(store)

    async def case():
        for pod in (one, other):
            await until(lambda pod=pod: pod.store.state().reached, "the store")
        store.stop()
        await until(lambda: not one.store.state().reached and not other.store.state().reached, "the store is missed")
        assert one.take(20) == 10
        assert other.take(20) == 10
        store.start()
        for pod in (one, other):
            await until(lambda pod=pod: pod.store.state().reached, "the store again")
            await pod.settled()
        late = Pod(store)
        task = asyncio.create_task(late.store.run())
        await until(lambda: late.store.state().reached, "the store")
        assert late.take(10) == 10
        await late.settled()
        assert -late.buckets.try_take(ENTRY, "alice", time.monotonic_ns()) <= 3600 * 1_000_000_000
        task.cancel()
        said = one.said.getvalue()
        assert said.count("cannot be reached") == 1
        assert said.count("is reached") == 2

    run(case, one, other)


def test_a_store_that_was_emptied_is_filled_again(store):
    one = Pod(store)

    async def case():
        await until(lambda: one.store.state().reached, "the store")
        assert one.take(4) == 4
        await one.settled()
        from redis.asyncio import Redis

        async with Redis(port=store.port) as client:
            await client.flushall()
            assert one.take(1) == 1
            await one.settled()
            keys = [key async for key in client.scan_iter(match=f"{PREFIX}:*")]
            assert len(keys) == 1
            assert 0 < await client.pttl(keys[0]) <= 3601 * 1000

    run(case, one)


def test_the_password_is_read_from_its_file_whenever_it_connects(tmp_path):
    server = Store(tmp_path, "right")
    file = tmp_path / "password"
    file.write_text("wrong\n")
    pod = Pod(server, limit_store_password_file=str(file))

    async def case():
        await until(lambda: pod.store.failures, "a refusal")
        assert not pod.store.state().reached
        file.write_text("right\nmore\n")
        await until(lambda: pod.store.state().reached, "the store")

    try:
        run(case, pod)
    finally:
        server.stop()
    assert "right" not in pod.said.getvalue()
    assert "wrong" not in pod.said.getvalue()


def test_a_secret_that_is_none_of_ours_is_said(store):
    pod = Pod(store)

    async def case():
        from redis.asyncio import Redis

        async with Redis(port=store.port) as client:
            await client.set(f"{PREFIX}:secret", b"short")
        await until(lambda: pod.store.failures, "a refusal")
        assert f"{PREFIX}:secret" in pod.store.state().trouble

    run(case, pod)


def test_a_password_file_that_is_not_there_or_empty_is_refused_at_the_start(store, tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        Pod(store, limit_store_password_file=str(tmp_path / "none"))
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        Pod(store, limit_store_password_file=str(tmp_path / "empty"))


@pytest.mark.parametrize("gone", [False, True])
def test_it_ends_whenever_it_is_told_to(store, gone):
    if gone:
        store.stop()

    async def main():
        for turn in range(30):
            task = asyncio.create_task(Pod(store).store.run())
            await asyncio.sleep(turn / 1000)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=LIMIT)
            assert done

    asyncio.run(main())
