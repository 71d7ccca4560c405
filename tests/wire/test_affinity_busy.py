"""Affinity where endpoints are busy: who needs the owner stands in its line, the others pass, and no line is for ever."""

import asyncio

from tests.wire.affinity import ABOUT_A_TASK, affine, get, pair, rpc
from tests.wire.gateway import OK, until


def holding(held, let_go):
    """Answer when the test says so."""

    async def script(peer):
        while await peer.request() is not None:
            held.release()
            await let_go.acquire()
            await peer.send(OK)

    return script


async def test_a_busy_owner_is_waited_for_while_others_go_elsewhere():
    held, let_go = asyncio.Semaphore(0), asyncio.Semaphore(0)
    async with pair(holding(held, let_go), endpoint_inflight=1) as both:
        both.owns(both.one, b"t-1")
        clients = [await both.gateway.client(ABOUT_A_TASK[0])]
        await held.acquire()
        clients += [await both.gateway.client(ABOUT_A_TASK[0]) for _ in range(2)]
        await until(lambda: both.gateway.count("agw_waiting") == 2, "two wait")
        assert await both.ask(rpc(b"message/send", b""), 20) == [200] * 20  # to the other one
        assert both.seen() == (1, 20)
        for client in clients:
            let_go.release()
            assert (await client.response()).status == 200
        assert both.seen() == (3, 20)
        assert both.gateway.count("agw_waiting") == 0


async def test_who_waits_for_an_owner_that_goes_down_goes_elsewhere():
    held, let_go = asyncio.Semaphore(0), asyncio.Semaphore(0)
    async with pair(holding(held, let_go), endpoint_inflight=1) as both:
        both.owns(both.one, b"t-1")
        first = await both.gateway.client(ABOUT_A_TASK[0])
        await held.acquire()
        second = await both.gateway.client(ABOUT_A_TASK[6])
        await until(lambda: both.gateway.count("agw_waiting") == 1, "one waits")
        both.gateway.reactor.mark_down([("127.0.0.1", both.one.port)])
        assert (await second.response()).status == 200
        assert both.seen() == (1, 1)
        let_go.release()
        assert (await first.response()).status == 200


async def test_who_waits_for_an_owner_that_is_taken_away_goes_elsewhere():
    held, let_go = asyncio.Semaphore(0), asyncio.Semaphore(0)
    async with pair(holding(held, let_go), endpoint_inflight=1) as both:
        both.owns(both.one, b"t-1")
        first = await both.gateway.client(ABOUT_A_TASK[0])
        await held.acquire()
        second = await both.gateway.client(get(b"/tasks/t-1"))
        await until(lambda: both.gateway.count("agw_waiting") == 1, "one waits")
        both.gateway.swap(affine([both.two.port]))
        assert (await second.response()).status == 200
        assert both.seen() == (1, 1)
        let_go.release()
        assert (await first.response()).status == 200


async def test_who_goes_away_leaves_the_line():
    held, let_go = asyncio.Semaphore(0), asyncio.Semaphore(0)
    async with pair(holding(held, let_go), endpoint_inflight=1) as both:
        both.owns(both.one, b"t-1")
        first = await both.gateway.client(ABOUT_A_TASK[0])
        await held.acquire()
        second = await both.gateway.client(ABOUT_A_TASK[0])
        await until(lambda: both.gateway.count("agw_waiting") == 1, "one waits")
        second.close()
        await until(lambda: both.gateway.count("agw_waiting") == 0, "nobody waits")
        let_go.release()
        assert (await first.response()).status == 200
        assert both.seen() == (1, 0)


async def test_waiting_for_an_owner_has_an_end():
    held, let_go = asyncio.Semaphore(0), asyncio.Semaphore(0)
    async with pair(holding(held, let_go), endpoint_inflight=1, queue_timeout_ms=1, queue_size=1) as both:
        both.owns(both.one, b"t-1")
        first = await both.gateway.client(ABOUT_A_TASK[0])
        await held.acquire()
        assert await both.ask(ABOUT_A_TASK[0]) == [503]
        let_go.release()
        assert (await first.response()).status == 200


async def test_those_who_wait_for_any_and_for_one_have_their_turn():
    """All are busy, and a slot comes free again and again: neither line starves the other."""
    held, let_go = asyncio.Semaphore(0), asyncio.Semaphore(0)
    script = holding(held, let_go)
    async with pair(script, script, endpoint_inflight=1) as both:
        both.owns(both.one, b"t-1")
        first = [await both.gateway.client(rpc(b"message/send", b"")) for _ in range(2)]
        await held.acquire()
        await held.acquire()
        waiting = []
        for _ in range(5):
            waiting += [
                await both.gateway.client(ABOUT_A_TASK[0]),
                await both.gateway.client(rpc(b"message/send", b"")),
            ]
        await until(lambda: both.gateway.count("agw_waiting") == 10, "all wait")
        for _ in range(12):
            let_go.release()
        for client in first + waiting:
            assert (await client.response()).status == 200
        assert sum(both.seen()) == 12
        assert both.seen()[0] >= 5
