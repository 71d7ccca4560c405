"""Mirrors: copies that are whole or are cut, that nobody waits for, and of whose answers nobody hears."""

import asyncio
import socket
from contextlib import ExitStack, asynccontextmanager

import pytest

from agw.snapshot.model import (
    Backend,
    Endpoint,
    Filters,
    Header,
    HeaderEdit,
    Mirror,
    PathEdit,
    Rewrite,
    Target,
    WeightedBackend,
)
from tests.wire.gateway import GET, OK, closed_port, playing, replies, serving, until
from tests.wire.test_tunnels import HELLO, echoing

FINE = replies(OK)
POST = b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


def mirror_entries(*ports):
    """A backend for each port, by the keys that `filters_to` names."""
    return {
        f"backend/Service/d/m:{index}": Backend(
            ref=f"d/m{index}", kind="Service", targets=(Target("t", "h", 1, endpoints=(Endpoint("127.0.0.1", port),)),)
        )
        for index, port in enumerate(ports)
    }


def filters_to(count, **more):
    """Filters with so many mirrors."""
    return Filters(mirrors=tuple(Mirror(f"backend/Service/d/m:{index}") for index in range(count)), **more)


@asynccontextmanager
async def mirroring(script, *mirrors, rule=None, agent=FINE, **limits):
    """A gateway before an agent, and mirrors that play scripts; gives (gateway, mirrors)."""
    agents = []

    @asynccontextmanager
    async def all_of(left):
        if not left:
            yield
            return
        async with playing(left[0]) as one:
            agents.append(one)
            async with all_of(left[1:]):
                yield

    scripts = (script, *mirrors)
    async with all_of(scripts):
        given = {"filters": filters_to(len(scripts)), **(rule or {})}
        more = mirror_entries(*[each.port for each in agents])
        async with serving(agent, rule=given, more=more, **limits) as gateway:
            yield gateway, agents


async def silent(peer):
    """Take everything and answer nothing."""
    while await peer.more():
        pass


@pytest.mark.parametrize(
    "data", [GET, POST, CHUNKED, POST.replace(b"POST", b"PUT")], ids=["get", "post", "chunked", "put"]
)
async def test_every_mirror_gets_what_the_agent_gets(data):
    async with mirroring(replies(OK), replies(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as (gateway, mirrors):
        client = await gateway.client()
        for _ in range(5):
            await client.send(data)
            assert (await client.response()).body == b"hello"
        for mirror in mirrors:
            await until(lambda mirror=mirror: len(mirror.requests()) == 5, "the copies")
            assert [(each.start, each.fields, each.body) for each in mirror.requests()] == [
                (each.start, each.fields, each.body) for each in gateway.requests()
            ]
            assert len(mirror.peers) <= 2  # connections are kept
        assert gateway.count("agw_mirrored_total") == 10
        assert gateway.count("agw_requests_total") == 5
        await until(lambda: not gateway.count("agw_mirrors"), "all over")
        assert gateway.count("agw_mirrors_failed_total") == gateway.count("agw_mirrors_cut_total") == 0


async def test_a_copy_has_the_rule_s_edits_and_not_the_backend_s():
    edit = HeaderEdit(set=(Header("X-Rule", "r"),))
    own = Filters(request_headers=HeaderEdit(set=(Header("X-Own", "o"),)))
    on = filters_to(1, request_headers=edit, rewrite=Rewrite(hostname="b", path=PathEdit("/x")))
    rule = {"filters": on, "backends": (WeightedBackend("backend/Backend/d/b", filters=own),)}
    async with mirroring(replies(OK), rule=rule) as (gateway, [mirror]):
        client = await gateway.client(POST)
        await client.response()
        await until(mirror.requests, "the copy")
        [copy], [request] = mirror.requests(), gateway.requests()
        assert copy.start[1] == request.start[1] == b"/x?b"
        assert copy.one("host") == request.one("host") == b"b"
        assert copy.one("x-rule") == request.one("x-rule") == b"r"
        assert (copy.one("x-own"), request.one("x-own")) == (None, b"o")


async def test_a_share_of_the_requests_is_copied():
    on = Filters(mirrors=(Mirror("backend/Service/d/m:0", 1, 4),))
    async with mirroring(replies(OK), rule={"filters": on}) as (gateway, [mirror]):
        client = await gateway.client()
        for _ in range(400):
            await client.send(GET)
            await client.response()
        await until(lambda: len(mirror.requests()) == gateway.count("agw_mirrored_total"), "all copies")
        assert 50 < len(mirror.requests()) < 150  # 5.8 sigma


async def test_nobody_waits_for_a_mirror_that_does_not_answer_or_take():
    async def deaf(peer):
        await asyncio.Event().wait()

    for script in (silent, deaf):
        stuck = []

        async def hanging(peer, script=script, stuck=stuck):
            stuck.append(asyncio.ensure_future(script(peer)))
            await asyncio.wait(stuck[-1:])

        async with mirroring(hanging) as (gateway, _):
            client = await gateway.client()
            for _ in range(3):
                await client.send(POST)
                assert (await client.response()).status == 200
            assert gateway.reactor.live()["mirrors"] == 3
            for task in stuck:  # the mirrors end, and with them the copies
                task.cancel()
            await until(lambda: not gateway.reactor.live()["mirrors"], "no copy")
            assert gateway.count("agw_mirrors_failed_total") == 3


async def test_mirrors_that_are_not_there_are_nobody_s_fault():
    on = filters_to(3)
    async with serving(
        replies(OK), rule={"filters": on}, more=mirror_entries(closed_port()), endpoint_inflight=4
    ) as gateway:
        client = await gateway.client()
        for _ in range(20):
            await client.send(POST)
            assert (await client.response()).status == 200
        await until(lambda: not gateway.count("agw_mirrors"), "all over")
        # Two name no backend, and are none; the other one fails each time, and is never left out for it.
        assert gateway.count("agw_mirrored_total") == 20
        assert gateway.count("agw_mirrors_failed_total") == 20
        assert gateway.count("agw_ejections_total") == 0
        assert gateway.count("agw_exchanges_total", 'reason="upstream"') == 20


async def test_a_mirror_without_an_endpoint_or_a_slot_is_left_out():
    more = {"backend/Service/d/m:0": Backend(ref="d/m", kind="Service", targets=(Target("t", "h", 1),))}
    async with serving(replies(OK), rule={"filters": filters_to(1)}, more=more) as gateway:
        client = await gateway.client(GET)
        assert (await client.response()).status == 200
        assert gateway.count("agw_mirrors_failed_total") == 1
    async with mirroring(silent, endpoint_inflight=1) as (gateway, [mirror]):
        client = await gateway.client()
        for _ in range(3):
            await client.send(GET)
            assert (await client.response()).status == 200
        assert (gateway.count("agw_mirrors"), gateway.count("agw_mirrors_failed_total")) == (1, 2)
        await until(lambda: mirror.peers, "its connection")
        mirror.peers[0].cut()
        await until(lambda: not gateway.count("agw_mirrors"), "all over")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/event-stream\r\n\r\ndata: 1\n\n",
        b"\r\nuntil the end",
        b"Content-Length: 1000000\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n12000\r\n" + b"x" * 0x12000,
    ],
    ids=["stream", "until close", "long", "long in chunks"],
)
async def test_of_a_long_answer_little_is_read(head):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + head)
        while await peer.more():
            pass

    async with mirroring(script) as (gateway, [mirror]):
        client = await gateway.client(GET)
        await client.response()
        await until(lambda: mirror.peers and mirror.peers[0].ended, "the gateway hangs up")
        assert gateway.count("agw_streams_total") == 0
        assert gateway.count("agw_mirrors_failed_total") == 0


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b""])
async def test_nonsense_of_a_mirror_is_counted_and_nothing_else(answer):
    async def script(peer):
        await peer.request()
        await peer.send(answer)
        peer.cut()

    async with mirroring(script) as (gateway, _):
        client = await gateway.client(POST)
        assert (await client.response()).body == b"hello"
        await until(lambda: gateway.count("agw_mirrors_failed_total") == 1, "counted")
        assert gateway.count("agw_ejections_total") == 0


async def test_a_body_that_is_too_large_is_not_copied_to_its_end():
    whole = b"x" * 1_100_000
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10c8e0\r\n" + whole + b"\r\n0\r\n\r\n"
    for data in (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1100000\r\n\r\n" + whole, chunked):
        async with mirroring(silent) as (gateway, [mirror]):
            client = await gateway.client(data)
            assert (await client.response()).status == 200
            assert len(gateway.requests()[0].body) == 1_100_000
            assert gateway.count("agw_mirrors_cut_total") == 1
            assert gateway.count("agw_mirrors") == 0
            await until(lambda mirror=mirror: all(peer.ended for peer in mirror.peers), "cut")


async def test_a_mirror_that_does_not_keep_up_is_cut_and_the_agent_is_not_held_up():
    size = 1_000_000  # which is not too much, were it taken
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as held:
        for _ in range(4):  # nobody accepts, so that connecting takes for ever
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        more = mirror_entries(full.getsockname()[1])
        async with serving(FINE, rule={"filters": filters_to(1)}, more=more) as gateway:
            client = await gateway.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            await client.send(b"x" * size)
            assert (await client.response()).status == 200
            assert len(gateway.requests()[0].body) == size
            assert gateway.count("agw_mirrors_cut_total") == 1
            assert gateway.count("agw_mirrors") == 0


async def test_a_client_that_leaves_in_the_middle_takes_its_copies_with_it():
    async with mirroring(silent, silent) as (gateway, mirrors):
        client = await gateway.client(POST[:-1])
        await until(
            lambda: all(each.peers and each.peers[0].received.endswith(b"ab") for each in mirrors), "two thirds"
        )
        client.reset()
        await until(lambda: all(each.peers[0].ended for each in mirrors), "the copies end")
        assert gateway.count("agw_mirrors") == gateway.count("agw_mirrors_failed_total") == 0


async def test_a_copy_that_is_whole_outlives_its_client():
    released = []

    async def script(peer):
        while await peer.request() is not None:
            await until(lambda: released)
            await peer.send(OK)

    async with mirroring(script, agent=silent) as (gateway, [mirror]):
        client = await gateway.client(POST)
        await until(mirror.requests, "the copy")
        client.reset()
        await until(lambda: gateway.count("agw_requests_total") == 1, "the client is gone")
        assert gateway.count("agw_mirrors") == 1
        released.append(True)
        await until(lambda: not gateway.count("agw_mirrors"), "answered")
        assert gateway.count("agw_mirrors_failed_total") == 0


async def test_an_early_answer_ends_the_copies_with_the_upload():
    async def early(peer):
        while await peer.more():
            if peer.received.endswith(b"ab"):
                await peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with mirroring(silent, agent=early) as (gateway, [mirror]):
        client = await gateway.client(POST[:-1])
        assert (await client.response()).status == 413
        await until(lambda: mirror.peers and mirror.peers[0].ended, "the copy ends")


async def test_a_request_that_had_to_wait_is_copied_whole_when_its_turn_comes():
    released = []

    async def script(peer):
        while await peer.request() is not None:
            await until(lambda: released)
            await peer.send(OK)

    async with mirroring(replies(OK), agent=script, endpoint_inflight=1) as (gateway, [mirror]):
        clients = [await gateway.client(data) for data in (POST, POST, CHUNKED, CHUNKED[:-7])]
        await until(lambda: gateway.count("agw_waiting") == 3, "three wait")
        assert len(mirror.requests()) == 1
        released.append(True)
        await clients[-1].send(CHUNKED[-7:])
        for client in clients:
            assert (await client.response()).status == 200
        await until(lambda: len(mirror.requests()) == 4, "the copies")
        assert sorted(each.body for each in mirror.requests()) == [b"abc", b"abc", b"abcde", b"abcde"]


async def test_a_handshake_is_copied_as_a_plain_request():
    async with mirroring(replies(OK), agent=echoing()) as (gateway, [mirror]):
        client = await gateway.client(HELLO)
        await client.contains(b" 101 ")
        await client.send(b"\x81\x05hello")
        await client.contains(b"\x81\x05hello")
        await until(mirror.requests, "the copy")
        [copy] = mirror.requests()
        assert not copy.all("upgrade")
        assert b"hello" not in mirror.peers[0].received


async def test_a_reload_lets_copies_go_on():
    released = []

    async def script(peer):
        while await peer.request() is not None:
            await until(lambda: released)
            await peer.send(OK)

    async with mirroring(script) as (gateway, [mirror]):
        client = await gateway.client(POST)
        await client.response()
        await until(mirror.requests, "the copy")
        gateway.serve(gateway.agent_port)  # without a mirror
        released.append(True)
        await until(lambda: not gateway.count("agw_mirrors"), "answered")
        await client.send(POST)
        await client.response()
        assert len(mirror.requests()) == 1


async def test_timeouts_request_ends_a_copy():
    rule = {"filters": filters_to(1), "request_timeout_ms": 200}
    async with mirroring(silent, rule=rule) as (gateway, [mirror]):
        client = await gateway.client(GET)
        assert (await client.response()).status == 200
        await until(lambda: mirror.peers and mirror.peers[0].ended, "the copy ends")
        assert gateway.count("agw_mirrors_failed_total") == 1
