"""A publisher and its data planes: what travels, and what does not."""

from __future__ import annotations

import asyncio
import io
import socket

import pytest

from agw.controller.publish import ledger, session
from agw.controller.publish.doorman import Limits
from agw.controller.publish.identity import Identity
from agw.controller.publish.publisher import listening_socket
from agw.dataplane import subscription
from agw.dataplane.logs import Log
from agw.dataplane.mirror import Mirror
from agw.snapshot import link
from agw.snapshot.codec import FORMAT
from agw.snapshot.stream import (
    PROTOCOL,
    Compare,
    Current,
    Hello,
    Inventory,
    Ping,
    Refuse,
    Update,
    frame,
)
from tests.publish.raw import Raw, hello, in_force, lead
from tests.publish.stage import ACCOUNT, GATEWAY, TOKEN, Relay, data_plane, eventually, route, routes, stage


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def log(told):
    yield Log("debug", stream=told)
    assert TOKEN not in told.getvalue()
    assert "unexpected" not in told.getvalue()


def test_a_data_plane_gets_what_is_published_and_acknowledges_it(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1, 2))
            async with data_plane(front, log) as plane:
                await eventually(lambda: plane.entries == routes(1, 2), "the first")
                await eventually(lambda: in_force(front) == [1], "it is acknowledged")
                front.publisher.publish(GATEWAY, routes(1, 3), route(2).keys() | route(3).keys())
                await eventually(lambda: plane.entries == routes(1, 3), "the second")
                await eventually(lambda: in_force(front) == [2], "it is acknowledged")
                assert plane.updates[-1].changed == route(2).keys() | route(3).keys()
                told = plane.subscription.describe()
                assert "from the controller; connected to the controller at 127.0.0.1" in told.text
                assert told.connected
                assert front.publisher.count() == 1
            await eventually(lambda: front.names("gone") == ["pod-0"], "it has gone")
            assert front.publisher.count() == 0
            assert front.names("connected") == ["pod-0"]
            assert front.publisher.planes(GATEWAY) == ()

    asyncio.run(run())


def test_no_small_message_waits_for_a_larger_one_on_either_side(tmp_path, log, monkeypatch):
    links = []
    begun = link.Link.__init__
    monkeypatch.setattr(link.Link, "__init__", lambda self, *given: links.append(self) or begun(self, *given))

    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log):
                await eventually(lambda: in_force(front) == [1], "connected")
                sockets = [each._writer.get_extra_info("socket") for each in links]
                assert [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0 for each in sockets] == [True] * 2

    asyncio.run(run())


def test_nothing_is_acknowledged_before_it_is_in_force(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log, at_once=False) as plane:
                await eventually(lambda: plane.entries == routes(1), "received")
                front.publisher.publish(GATEWAY, routes(2))
                await eventually(lambda: plane.entries == routes(2), "received")
                assert in_force(front) == [0]
                plane.accept()
                await eventually(lambda: in_force(front) == [2], "in force")
                assert [
                    version for kind, plane in front.heard for version in [plane.version] if kind == "acknowledged"
                ] == [2]

    asyncio.run(run())


def test_a_refusal_comes_with_its_reason_and_is_told_again_after_a_reconnect(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            relay = Relay(front.port)
            where = front.where(await relay.start())
            lead(front, routes(1))
            async with data_plane(front, log, where=where, at_once=False) as plane:
                await eventually(lambda: plane.entries == routes(1), "received")
                plane.accept()
                await eventually(lambda: in_force(front) == [1], "in force")
                front.publisher.publish(GATEWAY, routes(1, 2))
                await eventually(lambda: plane.entries == routes(1, 2), "received")
                plane.refuse("a rule\nis too large")
                await eventually(lambda: front.names("refused") == ["pod-0"], "refused")
                [seen] = front.publisher.planes(GATEWAY)
                assert (seen.version, seen.refused, seen.reason) == (1, 2, r"a rule\nis too large")
                relay.cut()
                await eventually(lambda: front.names("refused") == ["pod-0", "pod-0"], "refused again")
                front.publisher.publish(GATEWAY, routes(1, 3))
                await eventually(lambda: plane.entries == routes(1, 3), "mended")
                plane.accept()
                await eventually(lambda: in_force(front) == [3], "in force")
                [seen] = front.publisher.planes(GATEWAY)
                assert (seen.refused, seen.reason) == (0, "")
            await relay.close()

    asyncio.run(run())


def test_a_route_in_five_thousand_costs_little_and_a_restart_too(tmp_path, log):
    async def run():
        entries = routes(*range(5000))
        async with stage(tmp_path, log) as front:
            relay = Relay(front.port)
            lead(front, entries)
            async with data_plane(front, log, where=front.where(await relay.start())) as plane:
                await eventually(lambda: in_force(front) == [1], "everything")
                assert relay.down > 1_000_000
                down, up = relay.down, relay.up
                changed = {**entries, **route(7, "/changed")}
                front.publisher.publish(GATEWAY, changed, route(7))
                await eventually(lambda: in_force(front) == [2], "the change")
                assert relay.down - down < 1000
                assert relay.up - up < 200
                async with stage(tmp_path, log, keeper=front.keeper) as second:
                    lead(second, changed)
                    relay.target = second.port
                    down, up = relay.down, relay.up
                    front.publisher.retire()
                    await eventually(lambda: in_force(second) == [1], "the second knows it")
                    assert relay.down - down < 4000
                    assert relay.up - up < 3000
                    assert len(plane.updates) == 2
            await relay.close()

    asyncio.run(run())


def test_a_new_leader_sends_only_what_differs(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, stage(tmp_path, log, keeper=front.keeper) as second:
            relay = Relay(front.port)
            where = front.where(await relay.start())
            lead(front, routes(*range(1000)))
            async with data_plane(front, log, where=where) as plane, data_plane(front, log, where=where, pod="pod-1"):
                await eventually(lambda: in_force(front) == [1, 1], "everything")
                lead(second, routes(*range(1, 1001)))
                relay.target = second.port
                down = relay.down
                front.publisher.retire()
                await eventually(lambda: in_force(second) == [1, 1], "the second's")
                assert plane.entries == routes(*range(1, 1001))
                assert plane.updates[-1].changed == route(0).keys() | route(1000).keys()
                assert relay.down - down < 10_000
            await relay.close()

    asyncio.run(run())


def test_the_leader_is_found_among_all_addresses_at_once(tmp_path, log, monkeypatch):
    async def run():
        async with stage(tmp_path, log) as standby, stage(tmp_path, log, keeper=standby.keeper) as front:
            lead(front, routes(1))
            places = [("127.0.0.1", 1), ("127.0.0.1", standby.port), ("127.0.0.1", front.port)]

            async def found(_):
                return places

            monkeypatch.setattr(subscription, "addresses", found)
            waits = []
            monkeypatch.setattr(subscription, "backoff", lambda attempt, _: waits.append(attempt) or 0.0)
            async with data_plane(standby, log) as plane:
                await eventually(lambda: in_force(front) == [1], "the leader's")
                assert waits == [0]
                assert standby.reviews == 0
                lead(standby, routes(1, 2))
                front.publisher.retire()
                await eventually(lambda: in_force(standby) == [1], "the other's")
                assert plane.entries == routes(1, 2)

    asyncio.run(run())


def test_nobody_leads_for_a_while(tmp_path, log, told):
    async def run():
        async with stage(tmp_path, log) as front, data_plane(front, log) as plane:
            await eventually(
                lambda: "this replica is not the leader" in plane.subscription.describe().text, "it is told"
            )
            await eventually(
                lambda: plane.subscription.describe().text.startswith("Gateway default/gw: none yet"), "none"
            )
            lead(front, routes(1))
            await eventually(lambda: in_force(front) == [1], "the leader's")

    asyncio.run(run())
    assert told.getvalue().count("this replica is not the leader") == 1


@pytest.mark.parametrize(
    ("identity", "gateway", "reason"),
    [
        (None, GATEWAY, "the token is not known"),
        (
            Identity("default/other"),
            GATEWAY,
            "the token is of ServiceAccount default/other, and Gateway default/gw is for",
        ),
        (Identity("other/made"), GATEWAY, "the token is of ServiceAccount other/made"),
        (
            Identity(ACCOUNT),
            "other/gw",
            "the token is of ServiceAccount default/made, and Gateway other/gw is for other/",
        ),
        (Identity(ACCOUNT), "default/unknown", "Gateway default/unknown is not published here"),
        (Identity(ACCOUNT), "default", "a Gateway is named as namespace/name"),
        (Identity(ACCOUNT), "default/a/b", "a Gateway is named as namespace/name"),
        (OSError("the API server is away"), GATEWAY, "the token cannot be looked at now"),
    ],
)
def test_who_may_not_have_it_is_told_why(tmp_path, log, identity, gateway, reason):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            front.tokens.clear()
            if identity is not None:
                front.tokens[TOKEN] = identity
            async with data_plane(front, log, gateway=gateway) as plane:
                await eventually(lambda: reason in plane.subscription.describe().text, "it is told")
                assert front.heard == []
                front.tokens[TOKEN] = Identity(f"{gateway.partition('/')[0]}/made")
                if gateway == GATEWAY:
                    await eventually(lambda: in_force(front) == [1], "in the end it may")

    asyncio.run(run())


def test_who_is_refused_again_and_again_costs_no_more_reviews(tmp_path, log, monkeypatch):
    async def run():
        monkeypatch.setattr(subscription, "backoff", lambda *_: 0.01)
        async with stage(tmp_path, log, Limits(refusals=3)) as front:
            lead(front, routes(1))
            front.tokens.clear()
            async with data_plane(front, log) as plane:
                await eventually(
                    lambda: "too many refused connections" in plane.subscription.describe().text, "it waits"
                )
                assert front.reviews == 3

    asyncio.run(run())


def test_a_fresh_token_is_asked_for_and_an_old_one_is_not_enough(tmp_path, log, monkeypatch):
    async def run():
        monkeypatch.setattr(session, "RENEW", 0.05)
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log) as plane:
                await eventually(lambda: front.reviews >= 3, "it is looked at again")
                front.tokens["rotated"] = front.tokens[TOKEN]
                (tmp_path / "token").write_text("rotated\n")
                await eventually(lambda: in_force(front) == [1], "connected")
                front.tokens[TOKEN] = OSError("the API server is away")
                front.tokens["rotated"] = OSError("the API server is away")
                reviews = front.reviews
                await eventually(lambda: front.reviews >= reviews + 3, "it is looked at in vain")
                assert front.names("gone") == []
                front.tokens.clear()
                await eventually(lambda: front.names("gone") == ["pod-0"], "it is sent away")
                await eventually(lambda: "the token is not known" in plane.subscription.describe().text, "and told why")
                assert plane.entries == routes(1)

    asyncio.run(run())


def test_fifty_data_planes_of_two_gateways(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(*range(200)))
            front.publisher.publish("default/other", routes(7))
            contexts = [
                data_plane(front, log, pod=f"pod-{number:02}", gateway=GATEWAY if number % 5 else "default/other")
                for number in range(50)
            ]
            planes = [await context.__aenter__() for context in contexts]
            await eventually(lambda: in_force(front) == [1] * 40, "all of one")
            await eventually(lambda: in_force(front, "default/other") == [1] * 10, "all of the other")
            for number in range(20):
                front.publisher.publish(GATEWAY, routes(*range(number, 200)))
                await asyncio.sleep(0)
            await eventually(lambda: in_force(front) == [20] * 40, "all of one")
            assert in_force(front, "default/other") == [1] * 10
            wanted = [routes(7), *([routes(*range(19, 200))] * 4)] * 10
            assert [plane.entries for plane in planes] == wanted
            for context in contexts:
                await context.__aexit__(None, None, None)

    asyncio.run(run())


def test_a_removed_gateway_takes_nothing_away(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log) as plane:
                await eventually(lambda: in_force(front) == [1], "connected")
                front.publisher.remove(GATEWAY)
                await eventually(lambda: "is not published here" in plane.subscription.describe().text, "told")
                assert plane.entries == routes(1)
                assert len(plane.updates) == 1
                front.publisher.publish(GATEWAY, routes(1))
                await eventually(lambda: in_force(front) == [1], "back, and nothing was sent")
                assert len(plane.updates) == 1

    asyncio.run(run())


def test_two_sides_that_differ_begin_anew_and_nothing_is_lost(tmp_path, log, told):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1, 2))
            async with data_plane(front, log) as plane:
                await eventually(lambda: in_force(front) == [1], "connected")
                plane.subscription._mirror._hashes.popitem()
                plane.subscription._mirror._total = 5
                front.publisher.publish(GATEWAY, routes(2, 3))
                await eventually(lambda: plane.entries == routes(2, 3), "everything anew")
                await eventually(lambda: in_force(front) == [2], "in force")
                assert [set(update.entries) for update in plane.updates] == [set(routes(1, 2)), set(routes(2, 3))]

    asyncio.run(run())
    assert "does not fit what this data plane has" in told.getvalue()


def test_an_update_that_cannot_be_read_is_refused_with_the_reason(tmp_path, log, monkeypatch):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log) as plane:
                await eventually(lambda: in_force(front) == [1], "connected")
                with monkeypatch.context() as later:
                    later.setattr(ledger, "encode", lambda _: bytes((FORMAT + 1,)))
                    front.publisher.publish(GATEWAY, routes(1, 2))
                    await eventually(lambda: front.names("refused") != [], "it is refused")
                    [reason] = {seen.reason for kind, seen in front.heard if kind == "refused"}
                    assert f"snapshot format {FORMAT + 1}" in reason
                front.publisher.publish(GATEWAY, routes(1, 3))
                await eventually(lambda: in_force(front) == [3], "mended")
                assert plane.entries == routes(1, 3)

    asyncio.run(run())


def test_a_token_that_takes_too_long_to_look_at_is_no_refusal(tmp_path, log):
    async def run():
        async with stage(tmp_path, log, Limits(review=0.05)) as front:
            lead(front, routes(1))
            never = asyncio.Event()

            async def hang(_):
                await never.wait()

            known, front.publisher._authenticate = front.publisher._authenticate, hang
            async with data_plane(front, log) as plane:
                await eventually(lambda: "cannot be looked at now" in plane.subscription.describe().text, "told")
                front.publisher._authenticate = known
                await eventually(lambda: in_force(front) == [1], "in the end")

    asyncio.run(run())


def test_refusals_without_end_are_not_kept(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            lead(front, routes(0))
            async with data_plane(front, log, at_once=False) as plane:
                await eventually(lambda: len(plane.updates) == 1, "received")
                plane.accept()
                for number in range(1, 20):
                    wanted = routes(number)
                    front.publisher.publish(GATEWAY, wanted)
                    await eventually(lambda wanted=wanted: plane.entries == wanted, "received")
                    plane.refuse("no", in_force=1)
                    await eventually(lambda number=number: len(front.names("refused")) == number, "refused")
                assert len(plane.subscription._handed) <= 4
                assert len(plane.subscription._versions) <= 4

    asyncio.run(run())


def test_who_gives_no_sign_of_life_is_gone(tmp_path, log, monkeypatch):
    async def run():
        monkeypatch.setattr(link, "SILENCE", 0.3)
        monkeypatch.setattr(link, "HEARTBEAT", 0.05)
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log), Raw(front) as raw:
                await raw.say(hello())
                await eventually(lambda: len(in_force(front)) == 2, "both are there")
                await eventually(lambda: front.names("gone") == ["raw"], "the silent one is gone")
                assert in_force(front) == [1]

    asyncio.run(run())


def test_a_controller_that_gives_no_sign_of_life_is_left(tmp_path, log, monkeypatch):
    async def run():
        monkeypatch.setattr(link, "SILENCE", 0.2)
        async with stage(tmp_path, log) as front:
            lead(front, routes(1))
            async with data_plane(front, log) as plane:
                await eventually(lambda: "no sign of life" in plane.subscription.describe().text, "it is left")
                assert plane.entries == routes(1)

    asyncio.run(run())


def test_a_slow_data_plane_gets_the_latest_and_nothing_queues(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(*range(2000)))
            await raw.say(hello())
            await eventually(lambda: len(in_force(front)) == 1, "it is there")
            [of] = front.publisher._sessions[GATEWAY]
            changed = [routes(*range(2000), port=port) for port in (1, 2)]
            for number in range(50):
                front.publisher.publish(GATEWAY, changed[number % 2], changed[0])
                await asyncio.sleep(0)
                assert of._link._writer.transport.get_write_buffer_size() < 2_000_000
            updates = 0
            mirror = Mirror()
            while mirror.entries != changed[1]:
                message = await raw.next()
                if isinstance(message, Update):
                    mirror.apply(message)
                    updates += 1
                elif isinstance(message, Compare):
                    await raw.say(frame(Inventory(mirror.inventory())))
            assert updates < 20

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([b"\x7f\xff\xff\xff"], "a frame of"),
        ([frame(Ping())], "a connection begins with one Hello"),
        ([b"GET / HTTP/1.1\r\n\r\n"], "a frame of"),
        ([b"\0\0\0\1\xc1"], "no message"),
    ],
)
def test_who_does_not_keep_to_the_protocol_is_told_and_cut(tmp_path, log, said, reason):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(1))
            for data in said:
                await raw.say(data)
            last = await raw.last()
            assert last.reason == "protocol"
            assert reason in last.message

    asyncio.run(run())


@pytest.mark.parametrize(
    "said", [frame(Inventory({})), frame(Refuse(9, "x")), frame(Current(1)), frame(Hello(1, 1, "a/b", "t"))]
)
def test_what_has_no_place_ends_it(tmp_path, log, said):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(1))
            await raw.say(hello())
            await raw.next()
            await raw.say(said)
            assert (await raw.last()).reason == "protocol"
            await eventually(lambda: front.names("gone") == ["raw"], "gone")

    asyncio.run(run())


def test_another_release_is_refused_with_both_named(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(1))
            await raw.say(frame(Hello(PROTOCOL, FORMAT + 1, GATEWAY, TOKEN, release="9.9")))
            last = await raw.last()
            assert last.reason == "release"
            assert "the data plane ('9.9')" in last.message
            assert front.reviews == 0

    asyncio.run(run())


def test_what_somebody_else_published_is_compared(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as raw:
            lead(front, routes(1))
            await raw.say(hello(b"\1" * 32))
            assert await raw.next() == Compare()
            await raw.say(frame(Inventory({"a": b"x"})))
            assert isinstance(await raw.next(), Update)

    asyncio.run(run())


def test_a_pod_that_connects_again_is_there_once(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front, Raw(front) as dead:
            front.tokens[TOKEN] = Identity(ACCOUNT, "pod-7")
            lead(front, routes(1))
            await dead.say(hello())
            await eventually(lambda: len(in_force(front)) == 1, "it is there")
            async with data_plane(front, log, pod="what it says of itself"):
                assert (await dead.last()).reason == "replaced"
                await eventually(lambda: in_force(front) == [1], "once")
                assert [plane.pod for plane in front.publisher.planes(GATEWAY)] == ["pod-7"]

    asyncio.run(run())


def test_strangers_have_a_deadline_and_a_limit(tmp_path, log):
    async def run():
        async with stage(tmp_path, log, Limits(hello=0.5, strangers_of_one=3)) as front:
            lead(front, routes(1))
            silent = [await asyncio.open_connection("127.0.0.1", front.port) for _ in range(5)]
            ends = await asyncio.gather(*(reader.read() for reader, _ in silent))
            assert ends == [b""] * 5
            for _, writer in silent:
                writer.close()
            async with data_plane(front, log):
                await eventually(lambda: in_force(front) == [1], "others are let in again")

    asyncio.run(run())


@pytest.mark.parametrize("host", ["", "::", "0.0.0.0", "127.0.0.1"])
def test_every_address_is_of_both_families(host):
    with listening_socket(host, 0) as listening:
        port = listening.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
        if socket.has_dualstack_ipv6() and host in {"", "::"}:
            socket.create_connection(("::1", port), timeout=30).close()
