"""Figures by agent: what each is asked and how that ends, in its own row, counted once, and back at nothing in progress."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from agw._fastpath.agents import (
    ACTIVE,
    AGENT_SLOTS,
    DURATIONS,
    FIRST_BYTE,
    OUTCOME,
    OUTCOMES,
    STREAMS,
    STREAMS_ACTIVE,
    TASK_STATE,
    VERSION,
    outcome_of,
)
from agw._fastpath.record import A2A_VERSIONS, HISTOGRAM_OVER
from agw.a2a.states import TaskState
from agw.dataplane.agents import Figures
from agw.errors import Reason
from agw.snapshot.model import Backend, WeightedBackend
from tests.wire.gateway import GET, OK, closed_port, entries, replies, serving, until
from tests.wire.test_operations import a2a, agent, post, rpc

KEY = "backend/Backend/d/b"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def figures(gateway, number=3):
    return Figures.of("d/b", gateway.row(number))


def only(outcome):
    return {word: int(word == outcome) for word in OUTCOMES}


async def numbered(gateway):
    gateway.reactor.number_agents({KEY: 3})


async def ask(gateway, request=GET):
    """Ask once; return the answer when it is accounted for."""
    client = await gateway.client(request)
    answer = await client.response()
    await until(lambda: not gateway.reactor.live()["exchanges"], "accounted")
    return answer


async def test_an_agent_has_its_own_row():
    async with agent() as gateway:
        await ask(gateway)
        await numbered(gateway)
        await ask(gateway)
        await ask(gateway)
        told = figures(gateway)

        assert told.outcomes == {**only(""), "ok": 2}
        assert (told.in_flight, told.streams, told.ended, sum(told.first_byte)) == (0, 0, 2, 2)
        assert told.first_byte_seconds <= told.seconds
        assert gateway.row()[OUTCOME] == 1, "before it had one"
        assert sum(map(sum, (gateway.row(number) for number in range(AGENT_SLOTS) if number != 3))) == 0


async def test_a_row_is_kept_over_tables_and_changes():
    async with agent() as gateway:
        await numbered(gateway)
        gateway.swap(a2a(entries(gateway.agent_port, closed_port())))
        gateway.swap(a2a(entries(gateway.agent_port)))
        await ask(gateway)

        assert figures(gateway).outcomes == only("ok")
        assert not any(gateway.row())


async def test_a_plain_backend_has_none():
    async with serving(replies(OK)) as gateway:
        await numbered(gateway)
        await ask(gateway)

        assert not any(gateway.figures)


@pytest.mark.parametrize("number", [-1, AGENT_SLOTS, 1 << 20])
async def test_no_row_is_outside_the_memory(number):
    async with agent() as gateway:
        gateway.reactor.number_agents({KEY: number, "backend/Backend/d/nobody": 1})
        await ask(gateway)

        assert gateway.row()[OUTCOME] == 1


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (b"", "0.3"),
        (b"A2A-Version: \r\n", "0.3"),
        (b"A2A-Version: 0.3\r\n", "0.3"),
        (b"A2A-Version: 0.3.0\r\n", "0.3"),
        (b"a2a-version:1.0\r\n", "1.0"),
        (b"A2A-VERSION: 1.0.2\r\n", "1.0"),
        (b"A2A-Version: 1.01\r\n", "other"),
        (b"A2A-Version: 1\r\n", "other"),
        (b"A2A-Version: 2.0\r\n", "other"),
        (b"A2A-Versions: 2.0\r\n", "0.3"),
    ],
)
async def test_the_version_is_the_header_s(said, version):
    async with agent() as gateway:
        await numbered(gateway)
        await ask(gateway, b"GET /?x=1 HTTP/1.1\r\nHost: a\r\n" + said + b"\r\n")

        assert figures(gateway).versions == {word: int(word == version) for word in A2A_VERSIONS if word}


@pytest.mark.parametrize(
    ("query", "version"),
    [
        (b"A2A-Version=1.0", "1.0"),
        (b"x=1&a2a-version=1.0&y", "1.0"),
        (b"A2A-Version=", "0.3"),
        (b"A2A-Version=7", "other"),
        (b"xA2A-Version=1.0", "0.3"),
        (b"A2A-Version", "0.3"),
        (b"&&", "0.3"),
    ],
)
async def test_without_the_header_it_is_the_parameter_s(query, version):
    async with agent() as gateway:
        await numbered(gateway)
        await ask(gateway, b"GET /?%s HTTP/1.1\r\nHost: a\r\n\r\n" % query)

        assert figures(gateway).versions[version] == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (OK, "ok"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "ok"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "agent_error"),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "agent_error"),
        (b"nonsense\r\n\r\n", "failed"),
    ],
)
async def test_how_it_ends_is_the_outcome(answer, outcome):
    async with agent(replies(answer)) as gateway:
        await numbered(gateway)
        await ask(gateway)

        assert figures(gateway).outcomes == only(outcome)


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (post(rpc(b"message/send")), "SendMessage"),
        (post(rpc(b"SendMessage")), "SendMessage"),
        (post(b"{}", b"/v1/message:stream"), "SendStreamingMessage"),
        (b"GET /tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n", "GetTask"),
        (b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: a\r\n\r\n", "GetAgentCard"),
        (post(rpc(b"tasks/nothing")), "unknown"),
        (post(b"no JSON"), "unknown"),
        (GET, "unknown"),
        (b"GET /key/tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n", "unknown"),  # refused before anybody looked
    ],
)
async def test_what_is_asked_for_is_counted_once(request_, operation):
    async with agent() as gateway:
        await numbered(gateway)
        await ask(gateway, request_)

        assert figures(gateway).operations == {operation: 1}


async def test_an_agent_that_is_not_there_has_failed():
    async with agent() as gateway:
        gateway.swap(a2a(entries(closed_port())))
        await numbered(gateway)
        assert (await ask(gateway)).status >= 500

        assert figures(gateway).outcomes == only("failed")
        assert sum(figures(gateway).first_byte) == 0


@pytest.mark.parametrize("key", [b"", b"X-API-Key: wrong\r\n"])
async def test_who_is_not_let_in_counts_for_the_agent_that_the_rule_names(key):
    async with agent() as gateway:
        await numbered(gateway)
        answer = await ask(gateway, b"GET /key HTTP/1.1\r\nHost: a\r\n" + key + b"\r\n")

        assert answer.status == 401
        assert figures(gateway).outcomes == only("refused")
        assert figures(gateway).versions["0.3"] == 1


async def test_a_refusal_counts_for_the_first_agent_of_several():
    async with agent() as gateway:
        served = a2a(entries(gateway.agent_port))
        two = (
            WeightedBackend("backend/Backend/d/empty"),
            WeightedBackend("backend/Backend/d/other"),
            WeightedBackend(KEY),
        )
        rule = msgspec.structs.replace(served["rule/HTTPRoute/d/r/1"], backends=two)
        other = Backend(ref="d/other", protocol="A2A")
        gateway.swap({**served, "rule/HTTPRoute/d/r/1": rule, "backend/Backend/d/other": other})
        gateway.reactor.number_agents({KEY: 3, "backend/Backend/d/other": 4})
        await ask(gateway, b"GET /key HTTP/1.1\r\nHost: a\r\n\r\n")

        assert figures(gateway, 4).outcomes == only("refused")
        assert not any(gateway.row(3))


async def test_what_no_rule_takes_is_no_agent_s():
    async with agent() as gateway:
        served = a2a(entries(gateway.agent_port, path="/a"))
        gateway.swap({key: each for key, each in served.items() if key != "rule/HTTPRoute/d/r/1"})
        assert (await ask(gateway, b"GET /else HTTP/1.1\r\nHost: a\r\n\r\n")).status == 404

        assert not any(gateway.figures)


async def test_a_client_that_leaves_is_counted_so():
    begun = asyncio.Event()

    async def script(peer):
        await peer.request()
        begun.set()
        await peer.more()

    async with agent(script) as gateway:
        await numbered(gateway)
        client = await gateway.client(GET)
        await begun.wait()
        assert gateway.row(3)[ACTIVE] == 1
        client.reset()
        await until(lambda: gateway.row(3)[ACTIVE] == 0, "accounted")

        assert figures(gateway).outcomes == only("client_left")


async def test_a_stream_is_open_until_it_ends_and_tells_its_state():
    going = asyncio.Event()
    event = b'data: {"jsonrpc":"2.0","id":1,"result":{"kind":"task","id":"t","contextId":"c","status":{"state":"completed"}}}\n\n'

    async def script(peer):
        await peer.request()
        await peer.send(STREAM)
        await going.wait()
        await peer.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event))

    async with agent(script) as gateway:
        await numbered(gateway)
        client = await gateway.client(post(rpc(b"message/stream")))
        await until(lambda: gateway.row(3)[STREAMS_ACTIVE] == 1, "open")
        gateway.reactor.number_agents({KEY: 4})
        going.set()
        await client.response()
        await until(lambda: gateway.row(3)[ACTIVE] == 0, "accounted")
        row = gateway.row(3)

        assert (row[STREAMS], row[STREAMS_ACTIVE], row[DURATIONS]) == (1, 0, 0)
        assert row[TASK_STATE + TaskState.COMPLETED] == 1
        assert sum(row[FIRST_BYTE : FIRST_BYTE + HISTOGRAM_OVER + 1]) == 1
        assert sum(row[VERSION : VERSION + 8]) == 1
        assert not any(gateway.row(4)), "it had begun under the other number"


async def test_memory_of_another_size_is_refused():
    from agw._fastpath.reactor import Reactor
    from agw._fastpath.record import COUNTERS_SIZE, RECORDS_SIZE

    with pytest.raises(ValueError, match="bytes"):
        Reactor(
            asyncio.get_running_loop(),
            counters=memoryview(bytearray(COUNTERS_SIZE)),
            records=memoryview(bytearray(RECORDS_SIZE)),
            agents=memoryview(bytearray(8)),
        )


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_an_outcome(reason):
    assert outcome_of(reason, 200) in OUTCOMES
    assert (outcome_of(reason, 500) == "agent_error") == (reason is Reason.UPSTREAM)
