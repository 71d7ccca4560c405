"""TrafficPolicy `streams`: so many event streams are open and no more, and a seat is free as soon as its stream is over."""

import json
from contextlib import asynccontextmanager

import msgspec
import pytest

from agw.snapshot.model import Policy, StreamLimit
from tests.wire.gateway import GET, entries, serving, until
from tests.wire.test_streams import CHUNKED, END, Streaming, chunk, opened, post

REFUSED = 'reason="too_many_streams"'


@asynccontextmanager
async def limited(most, protocol="A2A"):
    """A gateway before an agent that streams, with a policy that allows so many."""
    agent = Streaming()
    async with serving(agent) as gateway:
        served = entries(gateway.agent_port, policy="policy/s")
        backend = msgspec.structs.replace(served["backend/Backend/d/b"], protocol=protocol)

        def allow(most):
            policy = Policy(streams=StreamLimit(most, "d/p"))
            gateway.swap({**served, "backend/Backend/d/b": backend, "policy/s": policy})

        allow(most)
        try:
            yield gateway, agent, allow
        finally:
            agent.ends.set()


async def refused(gateway, request=None):
    """The answer to a request that is not let in."""
    client = await gateway.client(request or post())
    answer = await client.response()
    assert answer.status == 429
    return json.loads(answer.body)


async def test_one_too_many_is_refused_in_its_callers_protocol():
    async with limited(2) as (gateway, agent, _):
        for _ in range(2):
            await opened(gateway, agent)
        error = (await refused(gateway))["error"]
        assert error["code"] == -32603
        assert error["message"].startswith("429 ")
        assert error["data"][0]["reason"] == "TOO_MANY_STREAMS"
        error = (await refused(gateway, post(b"/v1/message:stream")))["error"]
        assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
        assert len(agent.peers) == 2  # which is all that the agent has heard of
        assert gateway.count("agw_exchanges_total", REFUSED) == 2


async def test_the_id_of_the_request_comes_back():
    async with limited(1) as (gateway, agent, _):
        await opened(gateway, agent)
        assert (await refused(gateway))["id"] == 1


@pytest.mark.parametrize("request_", [post(method=b"message/send"), post(b"/v1/message:send"), GET])
async def test_what_asks_for_no_stream_is_let_in(request_):
    async with limited(1) as (gateway, agent, _):
        await opened(gateway, agent)
        client = await gateway.client(request_)
        peer = await agent.peer(2)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await client.response()).status == 200


@pytest.mark.parametrize("end", ["the agent", "a cut", "the client", "another answer", "no answer"])
async def test_a_seat_is_free_when_its_stream_is_over(end):
    async with limited(1) as (gateway, agent, _):
        if end in ("another answer", "no answer"):
            client = await gateway.client(post())
            peer = await agent.peer()
            if end == "another answer":
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                assert (await client.response()).status == 200
            else:
                peer.cut()
                assert (await client.response()).status == 502
        else:
            client, peer = await opened(gateway, agent)
            await refused(gateway)
            if end == "the agent":
                await peer.send(chunk(b"data: a\n\n") + END)
                await client.response()
            elif end == "a cut":
                peer.cut()
                await client.rest()
            else:
                client.close()
        peer.cut()  # a connection that is used again would be the next stream's
        await until(
            lambda: not {gateway.reactor.live()[each] for each in ("exchanges", "upstreams")} - {0}, "it is over"
        )
        await opened(gateway, agent)
        await refused(gateway)


async def test_another_answer_leaves_its_seat_while_it_goes_on():
    async with limited(1) as (gateway, agent, _):
        await opened(gateway, agent, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
        await opened(gateway, agent)


@pytest.mark.parametrize("protocol", ["A2A", "HTTP"])
async def test_what_turns_out_to_be_a_stream_too_many_is_refused_as_well(protocol):
    async with limited(2, protocol) as (gateway, agent, _):
        for _ in range(2):
            await opened(gateway, agent, request=GET)
        client = await gateway.client(GET)
        peer = await agent.peer(3)
        await peer.send(CHUNKED)
        assert (await client.response()).status == 429
        assert await peer.more() is False
        assert gateway.count("agw_streams") == 2


async def test_a_limit_that_is_changed_goes_on_counting():
    async with limited(2) as (gateway, agent, allow):
        for _ in range(2):
            await opened(gateway, agent)
        allow(3)
        await opened(gateway, agent)
        await refused(gateway)
        allow(1)
        await refused(gateway)


async def test_the_end_of_the_gateway_leaves_no_seat_taken():
    async with limited(1) as (gateway, agent, _):
        client, _ = await opened(gateway, agent)
        gateway.reactor.cut()
        await client.rest()
        await opened(gateway, agent)
