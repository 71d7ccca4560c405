"""What a data plane, known or not, can cost a controller at most."""

from __future__ import annotations

import asyncio
import io
import socket
from contextlib import AsyncExitStack

import pytest

from agw.controller.publish import session
from agw.controller.publish.doorman import Limits
from agw.controller.publish.identity import Identity
from agw.dataplane.logs import Log
from agw.dataplane.mirror import Mirror
from agw.dataplane.saved import save
from agw.snapshot.stream import Acknowledge, Compare, Inventory, Refuse, Update, frame
from tests.publish.raw import Raw, hello, in_force, lead
from tests.publish.stage import ACCOUNT, GATEWAY, TOKEN, data_plane, eventually, routes, stage


@pytest.fixture
def log():
    told = io.StringIO()
    yield Log("debug", stream=told)
    assert TOKEN not in told.getvalue()
    assert "unexpected" not in told.getvalue()


def unknown(front, count):
    """Publish so many routes, of which no data plane has heard of."""
    lead(front, routes(*range(count)))
    return hello(b"\1" * 32)


def test_an_inventory_is_taken_where_it_was_asked_for_alone(tmp_path, log):
    large = frame(Inventory({f"{number}": b"x" * 8 for number in range(10_000)}))

    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(*range(10_000)))
            await raw.say(hello())
            assert isinstance(await raw.next(), Update)
            [of] = front.publisher._sessions[GATEWAY]
            await raw.say(large[: 1 << 16])
            last = await raw.last()
            assert (last.reason, "where 65536 are the most" in last.message) == ("protocol", True)
            assert len(of._link.receiver._buffer) < 1 << 17
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            await raw.say(unknown(front, 1))
            assert await raw.next() == Compare()
            await raw.say(frame(Inventory({})) * 2)
            assert (await raw.last()).reason == "protocol"

    asyncio.run(run())


def test_an_inventory_that_is_much_too_large_is_not_kept_and_everything_is_sent(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            await raw.say(unknown(front, 3))
            assert await raw.next() == Compare()
            [of] = front.publisher._sessions[GATEWAY]
            large = frame(Inventory({f"{number}": b"x" * 8 for number in range(200_000)}))
            for at in range(0, len(large), 1 << 16):
                await raw.say(large[at : at + (1 << 16)])
                assert len(of._link.receiver._buffer) < 1 << 18
            mirror = Mirror()
            mirror.take(routes(*range(50)))
            whole = routes(*range(50)).keys() | routes(*range(3)).keys()
            assert mirror.apply(await raw.next()) == whole
            assert mirror.entries == routes(*range(3))
            await raw.say(frame(Acknowledge(1)))
            await eventually(lambda: in_force(front) == [1], "it goes on as usual")

    asyncio.run(run())


def test_a_data_plane_that_has_much_more_than_there_is_gets_there(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            save(tmp_path / "pod-0", GATEWAY, routes(*range(5000)))
            lead(front, routes(1, 2))
            async with data_plane(front, log) as plane:
                await eventually(lambda: in_force(front) == [1], "in force")
                assert plane.entries == routes(1, 2)
                assert front.names("connected") == ["pod-0"], "at once"

    asyncio.run(run())


def test_few_are_asked_at_a_time_and_what_one_has_is_known_of_the_others(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, AsyncExitStack() as stack:
            said = unknown(front, 3)
            raws = [await stack.enter_async_context(Raw(front)) for _ in range(5)]
            for number, raw in enumerate(raws):
                await raw.say(said)
                await eventually(lambda many=number + 1: len(front.publisher.planes(GATEWAY)) == many, "there")
            asking = lambda: sum(of._asked is not None for of in front.publisher._sessions[GATEWAY])  # noqa: E731
            await eventually(lambda: asking() == session.AT_ONCE, "some are asked")
            for raw in raws[: session.AT_ONCE]:
                assert await raw.next() == Compare()
                await raw.say(frame(Inventory({})))
            for raw in raws:
                assert isinstance(await raw.next(), Update), "and the others are not"

    asyncio.run(run())


def test_who_does_not_give_its_inventory_is_cut(tmp_path, log, monkeypatch):
    monkeypatch.setattr(session, "INVENTORY", 0.05)

    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            await raw.say(unknown(front, 3))
            assert await raw.next() == Compare()
            assert (await raw.last()).message == "no inventory within 0.05 s"

    asyncio.run(run())


def test_a_hello_that_never_ends_has_a_deadline(tmp_path, log):
    async def run():
        async with stage(tmp_path, log, Limits(hello=0.5)) as front, Raw(front) as raw:
            lead(front, routes(1))
            said = hello()
            for at in range(len(said) - 1):
                if raw._reader.at_eof():
                    break
                await raw.say(said[at : at + 1])
                await asyncio.sleep(0.02)
            assert raw._reader.at_eof(), "cut in the middle"
            assert front.reviews == 0

    asyncio.run(run())


def test_connections_of_one_account_have_a_limit(tmp_path, log):
    async def run():
        async with stage(tmp_path, log, Limits(of_one_account=2)) as front, AsyncExitStack() as stack:
            lead(front, routes(1))
            for pod in ("one", "two", "two"):
                front.tokens[TOKEN] = Identity(ACCOUNT, pod)
                raw = await stack.enter_async_context(Raw(front))
                await raw.say(hello())
                assert isinstance(await raw.next(), Update), "a pod that connects again counts once"
            await eventually(lambda: len(front.publisher.planes(GATEWAY)) == 2, "replaced")
            front.tokens[TOKEN] = Identity(ACCOUNT, "three")
            raw = await stack.enter_async_context(Raw(front))
            await raw.say(hello())
            assert (await raw.last()).reason == "busy"

    asyncio.run(run())


def test_who_reads_slowly_costs_no_copy_of_what_is_sent(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, AsyncExitStack() as stack:
            lead(front, routes(*range(10_000)))
            sizes = []
            for number in range(3):
                raw = await stack.enter_async_context(Raw(front))
                raw._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
                await raw.say(hello())
                await eventually(lambda many=number + 1: len(front.publisher.planes(GATEWAY)) == many, "there")
            await eventually(lambda: all(of._sent for of in front.publisher._sessions[GATEWAY]), "sending")
            for _ in range(50):
                await asyncio.sleep(0)
                sizes += [
                    of._link._writer.transport.get_write_buffer_size() for of in front.publisher._sessions[GATEWAY]
                ]
            assert max(sizes) < 1 << 18

    asyncio.run(run())


def test_what_is_refused_again_and_again_is_told_once(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(1))
            await raw.say(hello())
            await raw.next()
            for number in range(100):
                await raw.say(frame(Refuse(1, f"reason {number}")))
            await raw.say(frame(Acknowledge(1)))
            await eventually(lambda: in_force(front) == [1], "taken")
            await raw.say(frame(Refuse(1, "late")) + frame(Acknowledge(1)) * 3)
            front.publisher.publish(GATEWAY, routes(2))
            await raw.next()
            await raw.say(frame(Acknowledge(2)))
            await eventually(lambda: in_force(front) == [2], "taken")
            assert [kind for kind, _ in front.heard] == ["connected", "refused", "acknowledged", "acknowledged"]

    asyncio.run(run())
