"""A store that answers what it must not: the pod counts for itself, says why, and serves on."""

import asyncio
import io
import time
from contextlib import asynccontextmanager

import pytest

from agw._fastpath.limits import SHARED_LIMITS_SIZE, Buckets, own_memory
from agw.dataplane.limit_store import LimitStore
from agw.dataplane.logs import Log
from agw.settings import Settings
from agw.snapshot.model import Limit

pytest.importorskip("redis", reason="no client of the store here (pip install 'agw-gateway[store]')")

LIMIT = 20
ENTRY = Limit(1, 3600, 10, "Consumer", scope="d/p", shared=True)
HOUR = 3600 * 1_000_000_000
HELLO = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"
ANSWERS = {b"HELLO": HELLO, b"GET": b"$32\r\n%s\r\n" % (b"x" * 32), b"PING": b"+PONG\r\n"}
BROKEN = {
    "a word": b"*1\r\n$3\r\nabc\r\n",
    "a list": b"*1\r\n*0\r\n",
    "no number": b"*1\r\n_\r\n",
    "too few": b"*0\r\n",
    "too many": b"*2\r\n:1\r\n:1\r\n",
    "no list": b":5\r\n",
    "nothing": b"_\r\n",
    "too long to be read": b"*1\r\n$5000\r\n%s\r\n" % (b"9" * 5000),
    "nested without end": b"*1\r\n" * 3000,
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a length that is none": b"*x\r\n",
}


@asynccontextmanager
async def store(answer):
    """One that answers the script with this."""

    async def serve(reader, writer):
        try:
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                writer.write(answer if words[0] == b"EVALSHA" else ANSWERS.get(words[0].upper(), b"+OK\r\n"))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def pod(url):
    memory, said = own_memory(SHARED_LIMITS_SIZE), io.StringIO()
    settings = Settings.load({}, {"limit_store": url, "limit_sync": "10ms"})
    own = LimitStore(settings, memoryview(memory), Log("info", stream=said))
    task = asyncio.create_task(own.run())
    try:
        yield own, Buckets(memory, shared=True), said, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition, task):
    end = time.monotonic() + LIMIT
    while not condition():
        assert not task.done(), task.exception()
        assert time.monotonic() < end
        await asyncio.sleep(0.002)  # between two looks


@pytest.mark.parametrize("answer", BROKEN)
async def test_whatever_it_answers_the_pod_counts_for_itself(answer):
    async with store(BROKEN[answer]) as port, pod(f"valkey://127.0.0.1:{port}") as (own, buckets, said, task):
        await until(lambda: own.rounds, task)
        assert buckets.try_take(ENTRY, "alice", time.monotonic_ns()) == HOUR
        await until(lambda: own.failures, task)
        assert not own.state().reached
        assert own.state().trouble
        assert "cannot be reached" in said.getvalue()
        await until(lambda: own.state().reached, task)  # it is asked again
        assert buckets.try_take(ENTRY, "alice", time.monotonic_ns()) > HOUR


@pytest.mark.parametrize(("ahead", "granted"), [(b"9" * 30, False), (b"9" * 17, False), (b"-" + b"9" * 17, True)])
async def test_a_number_out_of_all_bounds_is_one_at_the_bound(ahead, granted):
    answer = b"*1\r\n$%d\r\n%s\r\n" % (len(ahead), ahead)
    async with store(answer) as port, pod(f"valkey://127.0.0.1:{port}") as (own, buckets, _, task):
        await until(lambda: own.rounds, task)
        buckets.try_take(ENTRY, "alice", time.monotonic_ns())
        rounds = own.rounds
        await until(lambda: own.rounds > rounds + 2, task)
        taken = buckets.try_take(ENTRY, "alice", time.monotonic_ns())
        assert taken == HOUR if granted else taken < 0
        assert own.state().reached


async def test_an_option_that_the_client_does_not_know_is_told():
    async with pod("valkey://127.0.0.1:1?nonsense=1") as (own, _, said, task):
        await until(lambda: own.failures, task)
        assert "nonsense" in own.state().trouble
        assert "cannot be reached" in said.getvalue()


@pytest.mark.parametrize(("scheme", "checked"), [("valkeys", True), ("rediss", True), ("valkey", None)])
async def test_over_tls_the_name_of_the_store_is_checked_whatever_the_client_would_do(scheme, checked):
    settings = Settings.load({}, {"limit_store": f"{scheme}://store.test:6379/0"})
    own = LimitStore(settings, memoryview(own_memory(SHARED_LIMITS_SIZE)), Log("info", stream=io.StringIO()))
    async with own._client() as client:
        options = client.connection_pool.connection_kwargs
        assert options.get("ssl_check_hostname") is checked
        client.connection_pool.make_connection()  # which takes all of them
