"""Endpoints that fail, and too many requests: who is left out, what is sent again, who waits."""

import asyncio
import socket
from contextlib import ExitStack, asynccontextmanager, contextmanager

import msgspec
import pytest

from agw.snapshot.model import Match, PathMatch, WeightedBackend
from tests.wire.gateway import GET, OK, closed_port, entries, replies, serving, until

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def statuses(gateway, data, times):
    """Status of each of so many requests, each on a connection of its own, one after the other."""
    found = []
    for _ in range(times):
        client = await gateway.client(data)
        found.append((await client.response()).status)
        client.close()
    return found


@asynccontextmanager
async def another(answer, port=0, *, close=False):
    """One more agent: it answers each read with this. Gives its port and its connections."""
    came = []

    async def accepted(reader, writer):
        came.append(writer)
        while await reader.read(65536):
            writer.write(answer)
            if close:
                break
        writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        for writer in came:
            writer.close()
        await until(lambda: all(writer.is_closing() for writer in came), "the other agent done")


# --- Ejection ---


async def test_one_of_two_is_dead_no_request_fails_and_it_is_ejected():
    async with serving(replies(OK), before=(closed_port(),)) as gateway:
        assert set(await statuses(gateway, GET, 30) + await statuses(gateway, POST, 30)) == {200}
        assert gateway.count("agw_ejections_total") == 1
        assert gateway.count("agw_endpoints_ejected") == 1
        assert gateway.count("agw_upstream_connect_failures_total") == gateway.count("agw_retries_total") == 3


async def test_the_last_endpoint_is_never_ejected():
    async with serving(replies(OK)) as gateway:
        gateway.serve(closed_port())
        assert set(await statuses(gateway, GET, 20)) == {503}
        assert gateway.count("agw_ejections_total") == 0
        assert gateway.count("agw_upstream_connect_failures_total") == 40


async def test_an_endpoint_that_comes_back_is_tried_and_used_again():
    port = closed_port()
    async with serving(replies(OK), before=(port,)) as gateway:
        await statuses(gateway, GET, 20)
        assert gateway.count("agw_endpoints_ejected") == 1
        async with another(OK, port) as (_, came):
            while gateway.count("agw_endpoints_ejected"):
                assert await statuses(gateway, GET, 1) == [200]
            assert came
            assert gateway.count("agw_ejections_total") == 1


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_new_connections_without_a_valid_answer_eject(answer):
    async with another(answer, close=True) as (port, _), serving(replies(OK), before=(port,)) as gateway:
        found = await statuses(gateway, GET, 40)
        assert found.count(502) == 5
        assert gateway.count("agw_ejections_total") == 1


async def test_answers_of_500_are_the_agents_business():
    async with serving(replies(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), before=(closed_port(),)) as gateway:
        assert set(await statuses(gateway, GET, 30)) == {500}
        assert gateway.count("agw_ejections_total") == 1  # the other one


async def test_clients_that_go_away_are_no_failure():
    async def silent(peer):
        while await peer.more():
            pass

    async with serving(silent, before=(closed_port(),)) as gateway:
        for _ in range(20):
            client = await gateway.client(POST)
            await until(lambda: gateway.reactor.live()["exchanges"] == 1, "the request")
            client.close()
            await until(lambda: gateway.reactor.live()["exchanges"] == 0, "its end")
        assert gateway.count("agw_ejections_total") <= 1


def fickle(period, *, reset):
    """Answer; every so many requests of all connections cut instead, where the connection has been used before."""
    seen = 0

    async def script(peer):
        nonlocal seen
        first = True
        while await peer.request() is not None:
            seen += 1
            if not first and seen % period == 0:
                peer.cut(reset=reset)
                return
            first = False
            await peer.send(OK)

    return script


@pytest.mark.parametrize("reset", [False, True])
async def test_stale_connections_eject_nobody_lose_no_get_and_double_no_post(reset):
    async with serving(fickle(7, reset=reset)) as gateway:
        client = await gateway.client()
        lost = 0
        for turn in range(300):
            if turn % 3 == 0:
                await client.send(POST)
                lost += (await client.response()).status == 502
            else:
                await client.send(GET)
                assert (await client.response()).status == 200
        assert lost
        assert sum(message.start[0] == b"POST" for message in gateway.requests()) == 100
        assert gateway.count("agw_retries_total") > 10
        assert gateway.count("agw_ejections_total") == 0
        assert gateway.count("agw_retries_refused_total") == 0


async def test_localhost_with_two_addresses_and_an_agent_on_one():
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))  # nobody listens there
        async with serving(replies(OK)) as gateway:
            gateway.serve(("::1", other.getsockname()[1]), gateway.agent_port)
            assert set(await statuses(gateway, POST, 30)) == {200}
            assert gateway.count("agw_ejections_total") == 1


async def test_what_checks_found_down_gets_nothing_unless_all_are():
    async with serving(replies(OK)) as gateway, another(OK) as (port, came):
        gateway.serve(port, gateway.agent_port)
        gateway.reactor.mark_down([("127.0.0.1", port)])
        assert set(await statuses(gateway, GET, 20)) == {200}
        assert not came
        gateway.reactor.mark_down([("127.0.0.1", port), ("127.0.0.1", gateway.agent_port)])
        while not came:
            assert await statuses(gateway, GET, 1) == [200]


async def test_an_endpoint_that_leaves_ends_what_it_had_begun_and_gets_nothing_new():
    agent = Held()
    async with serving(agent) as gateway, another(OK) as (port, _):
        begun = await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        gateway.serve(port)
        assert set(await statuses(gateway, GET, 10)) == {200}
        agent.go.put_nowait(OK)
        assert (await begun.response()).status == 200
        assert len(gateway.requests()) == 1


# --- Retries ---


@contextmanager
def unanswered():
    """A port where connects are neither taken nor refused: its queue of connections is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_connect_that_takes_too_long_is_not_tried_again_but_held_against_the_endpoint():
    with unanswered() as port:
        async with serving(replies(OK), before=(port,), connect_timeout_ms=1) as gateway:
            found = await statuses(gateway, GET, 40)
            assert found.count(504) == 3
            assert set(found) == {200, 504}
            assert gateway.count("agw_ejections_total") == 1
            assert gateway.count("agw_retries_total") == 0


async def test_a_refused_connect_with_a_large_body_is_sent_whole_elsewhere():
    body = bytes(range(256)) * 1024
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with serving(replies(OK), before=(closed_port(),)) as gateway:
        assert set(await statuses(gateway, post, 8)) == {200}
        assert [message.body == body for message in gateway.requests()] == [True] * 8


async def test_no_more_is_sent_twice_than_the_budget_allows():
    async with serving(replies(OK)) as gateway:
        gateway.serve(closed_port(), closed_port())
        assert set(await statuses(gateway, GET, 200)) == {503}
        assert 100 <= gateway.count("agw_retries_total") < 200
        assert gateway.count("agw_retries_refused_total") > 0
        assert gateway.count("agw_retries_total") + gateway.count("agw_retries_refused_total") == 200


async def test_nothing_is_sent_again_after_a_timeout():
    async def silent(peer):
        while await peer.more():
            pass

    async with serving(silent, rule={"backend_timeout_ms": 1}) as gateway:
        assert await statuses(gateway, GET, 1) == [504]
        assert gateway.count("agw_retries_total") == 0
        assert len(gateway.requests()) == 1


# --- Slots, and waiting for one ---


class Held:
    """An agent that answers when told to, one request after the other."""

    def __init__(self):
        self.arrived = []
        self.go = asyncio.Queue()

    async def __call__(self, peer):
        while (message := await peer.request()) is not None:
            self.arrived.append(message.start[1])
            await peer.send(await self.go.get())


def get(path):
    return b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % path


async def test_who_finds_all_busy_waits_and_is_served_in_order():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        clients = []
        for n in range(5):
            clients.append(await gateway.client(get(b"%d" % n)))
            await until(lambda n=n: gateway.count("agw_exchanges") == n + 1, "the request")
        assert gateway.count("agw_waiting") == 4
        for n, client in enumerate(clients):
            await until(lambda n=n: len(agent.arrived) == n + 1, "the next one")
            agent.go.put_nowait(OK)
            assert (await client.response()).status == 200
        assert agent.arrived == [b"/%d" % n for n in range(5)]
        assert gateway.count("agw_waiting") == 0
        assert gateway.count("agw_waited_total") == 4
        assert len(gateway.peers) == 1


async def test_backends_that_share_a_busy_endpoint_take_turns():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        shared = entries(gateway.agent_port)
        rule = shared["rule/HTTPRoute/d/r/3"]
        other = msgspec.structs.replace(
            rule, matches=(Match(path=PathMatch(value="/c")),), backends=(WeightedBackend("backend/Backend/d/c"),)
        )
        gateway.swap(shared | {"rule/HTTPRoute/d/r/3": other, "backend/Backend/d/c": shared["backend/Backend/d/b"]})
        clients = []
        for n, path in enumerate((b"b0", b"b1", b"b2", b"b3", b"c/1", b"c/2", b"c/3")):
            clients.append(await gateway.client(get(path)))
            await until(lambda n=n: gateway.count("agw_exchanges") == n + 1, "the request")
        for n in range(len(clients)):
            await until(lambda n=n: len(agent.arrived) == n + 1, "the next one")
            agent.go.put_nowait(OK)
        assert [(await client.response()).status for client in clients] == [200] * len(clients)
        assert agent.arrived == [b"/b0", b"/b1", b"/c/1", b"/b2", b"/c/2", b"/b3", b"/c/3"]


async def test_a_request_that_waited_arrives_whole():
    agent = Held()
    post = (
        b"POST /a%20b?c=d HTTP/1.1\r\nHost: Example:81\r\nX-One: 1\r\nX-Empty:\r\nx-two: 2\r\n"
        b"Content-Length: 3\r\n\r\nabc"
    )
    chunked = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(agent, endpoint_inflight=1) as gateway:
        first = await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        waits = await gateway.client(post)
        pieces = await gateway.client(chunked + b"2\r\nab\r\n")
        empty = await gateway.client(chunked + b"0\r\n\r\n")
        await until(lambda: gateway.count("agw_waiting") == 3, "three that wait")
        await pieces.send(b"1\r\nc\r\n0\r\n\r\n")
        for client in (first, waits, pieces, empty):
            agent.go.put_nowait(OK)
            assert (await client.response()).status == 200
        _, second, third, fourth = gateway.requests()
        assert second.start == (b"POST", b"/a%20b?c=d", b"HTTP/1.1")
        assert [second.one(name) for name in ("host", "x-one", "x-empty", "x-two")] == [b"Example:81", b"1", b"", b"2"]
        assert second.one("x-forwarded-for") == b"127.0.0.1"
        assert (second.body, third.body, fourth.body) == (b"abc", b"abc", b"")


async def test_a_credential_is_taken_out_of_a_request_that_waits():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        first = await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        waits = await gateway.client(b"GET /key HTTP/1.1\r\nHost: a\r\nX-API-Key: foo\r\nX-Last: 1\r\n\r\n")
        await until(lambda: gateway.count("agw_waiting") == 1, "one that waits")
        for client in (first, waits):
            agent.go.put_nowait(OK)
            assert (await client.response()).status == 200
        assert b"foo" not in gateway.received()
        assert gateway.requests()[1].one("x-last") == b"1"


async def test_expect_is_answered_only_when_there_is_a_slot():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        first = await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        waits = await gateway.client(POST.replace(b"\r\n\r\nabc", b"\r\nExpect: 100-continue\r\n\r\n"))
        await until(lambda: gateway.count("agw_waiting") == 1, "one that waits")
        agent.go.put_nowait(OK)
        await first.response()
        await waits.contains(b"100 Continue\r\n\r\n")
        waits.buffer = b""
        await waits.send(b"abc")
        agent.go.put_nowait(OK)
        assert (await waits.response()).status == 200
        assert gateway.requests()[1].body == b"abc"


async def test_too_many_that_wait_are_refused_with_a_reason():
    agent = Held()
    async with serving(agent, endpoint_inflight=1, queue_size=1) as gateway:
        busy = [await gateway.client(GET)]
        await until(lambda: agent.arrived, "the first")
        busy.append(await gateway.client(GET))
        await until(lambda: gateway.count("agw_waiting") == 1, "one that waits")
        client = await gateway.client(POST + GET)
        refused = await client.response()
        assert (refused.status, refused.one("retry-after")) == (503, b"1")
        assert b"OVERLOADED" in refused.body
        assert (await client.response()).status == 503
        for other in busy:
            agent.go.put_nowait(OK)
            assert (await other.response()).status == 200
        assert gateway.requests()[-1].start[0] == b"GET"


async def test_who_waits_too_long_is_refused():
    agent = Held()
    async with serving(agent, endpoint_inflight=1, queue_timeout_ms=1) as gateway:
        await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        client = await gateway.client(POST)
        assert (await client.response()).status == 503
        assert gateway.count("agw_waiting") == 0
        agent.go.put_nowait(OK)


async def test_the_routes_timeout_counts_while_waiting():
    agent = Held()
    async with serving(agent, endpoint_inflight=1, rule={"request_timeout_ms": 1}) as gateway:
        clients = [await gateway.client(GET) for _ in range(2)]
        assert [(await client.response()).status for client in clients] == [504, 504]
        assert gateway.count("agw_waiting") == 0
        agent.go.put_nowait(OK)


async def test_who_goes_away_while_waiting_leaves_the_line():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        first = await gateway.client(get(b"0"))
        await until(lambda: agent.arrived, "the first")
        waiting = []
        for n in range(1, 4):
            waiting.append(await gateway.client(get(b"%d" % n)))
            await until(lambda n=n: gateway.count("agw_waiting") == n, "one more")
        waiting[1].close()
        await until(lambda: gateway.count("agw_waiting") == 2, "one less")
        for client in (first, waiting[0], waiting[2]):
            agent.go.put_nowait(OK)
            assert (await client.response()).status == 200
        assert agent.arrived == [b"/0", b"/1", b"/3"]


async def test_a_stream_gives_its_slot_back_when_it_begins():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        streams = [await gateway.client(GET) for _ in range(3)]
        for _ in streams:
            agent.go.put_nowait(SSE)
        for stream in streams:
            await stream.contains(b"event-stream")
        assert gateway.count("agw_streams") == 3
        other = await gateway.client(GET)
        agent.go.put_nowait(OK)
        assert (await other.response()).status == 200


async def test_pipelined_requests_of_one_that_waits_follow_it():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        first = await gateway.client(get(b"0"))
        await until(lambda: agent.arrived, "the first")
        waits = await gateway.client(get(b"1") + get(b"2") + get(b"3"))
        await until(lambda: gateway.count("agw_waiting") == 1, "one that waits")
        for _ in range(4):
            agent.go.put_nowait(OK)
        await first.response()
        for _ in range(3):
            assert (await waits.response()).status == 200
        assert agent.arrived == [b"/0", b"/1", b"/2", b"/3"]


async def test_who_waits_for_a_backend_that_goes_is_answered():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        client = await gateway.client(GET)
        await until(lambda: gateway.count("agw_waiting") == 1, "one that waits")
        gateway.swap({})
        assert (await client.response()).status == 503
        agent.go.put_nowait(OK)


async def test_who_waits_goes_to_an_endpoint_that_comes():
    agent = Held()
    async with serving(agent, endpoint_inflight=1) as gateway:
        first = await gateway.client(GET)
        await until(lambda: agent.arrived, "the first")
        client = await gateway.client(GET)
        await until(lambda: gateway.count("agw_waiting") == 1, "one that waits")

        async with another(OK) as (port, _):
            gateway.serve(port, gateway.agent_port)
            assert (await client.response()).status == 200
            agent.go.put_nowait(OK)
            await first.response()


async def test_many_more_than_slots_are_all_served():
    async with serving(replies(OK), endpoint_inflight=3) as gateway:
        clients = [await gateway.client(POST) for _ in range(100)]
        assert [(await client.response()).status for client in clients] == [200] * 100
        assert len(gateway.peers) <= 3
