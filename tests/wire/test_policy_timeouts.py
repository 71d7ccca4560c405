"""timeouts of a TrafficPolicy: until the head of an answer, and of silence on an event stream.

That time has passed is shown by something else that has run out of it: nothing here waits for a clock.
"""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from agw.snapshot.model import AuthorizationRule, Policy, Retry
from tests.wire.gateway import GET, OK, entries, replies, serving, until
from tests.wire.test_operations import a2a, post, rpc

RULE = "rule/HTTPRoute/d/r/0"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"
END = b"0\r\n\r\n"
SHORT = Policy(request_timeout_ms=100)
IDLE = Policy(stream_idle_ms=200)
SLOW = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
QUIET = b"GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n"
TIMEOUT = 'reason="upstream_timeout"'
SILENCE = 'reason="stream_idle"'


class Acts:
    """What an agent does with each request, by its path; the rest of a connection is listened to."""

    def __init__(self):
        self.go = asyncio.Event()

    async def __call__(self, peer):
        while (request := await peer.request()) is not None:
            await getattr(self, request.start[1].strip(b"/").decode() or "answers")(peer)

    async def answers(self, peer):
        await peer.send(OK)

    async def slow(self, peer):
        """Nothing at all."""

    async def quiet(self, peer):
        """A stream on which nothing comes."""
        await peer.send(STREAM + EVENT)

    async def late(self, peer):
        await self.go.wait()
        await peer.send(OK)

    async def halves(self, peer):
        await peer.send(HEAD + b"he")
        await self.go.wait()
        await peer.send(b"llo")

    async def streams(self, peer):
        await peer.send(STREAM + EVENT)
        await self.go.wait()
        await peer.send(EVENT + END)

    async def ticks(self, peer):
        """A comment again and again, and the end when told."""
        await peer.send(STREAM + EVENT)
        while not self.go.is_set():
            await peer.send(b"3\r\n:\n\n\r\n")
            await asyncio.sleep(0.01)  # the pace of its comments, well below the silence that is allowed
        await peer.send(EVENT + END)

    async def floods(self, peer):
        """More than fits anywhere on the way, then nothing more until told."""
        await peer.send(STREAM)
        self.flooded = asyncio.create_task(peer.send(EVENT * 1_500_000))
        await self.go.wait()
        await self.flooded
        await peer.send(END)


def ask(path):
    return b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % path


@asynccontextmanager
async def timed(policy, script=None, *, rule=None, **limits):
    """A gateway with this policy on its route, and what its agent does."""
    acts = script or Acts()
    async with serving(acts, **limits) as gateway:
        put(gateway, policy, **(rule or {}))
        yield gateway, acts


def put(gateway, policy, keep_alive_ms=0, **rule):
    """Serve with this policy."""
    served = a2a(entries(gateway.agent_port))
    backend = served["backend/Backend/d/b"]
    served["backend/Backend/d/b"] = msgspec.structs.replace(backend, keep_alive_ms=keep_alive_ms)
    served[RULE] = msgspec.structs.replace(served[RULE], policy="policy/t", **rule)
    gateway.swap({**served, "policy/t": policy})


async def passed(gateway):
    """Wait until a request that began now has run out of the time for its answer."""
    client = await gateway.client(SLOW)
    assert (await client.response()).status == 504


async def silent(gateway):
    """Wait until a stream that began now has been cut for its silence."""
    client = await gateway.client(QUIET)
    assert (await client.rest()).endswith(EVENT)


async def test_an_answer_that_does_not_begin_in_time():
    async with timed(SHORT) as (gateway, _):
        client = await gateway.client(SLOW)
        response = await client.response()
        assert response.status == 504
        assert b'"reason":"UPSTREAM_TIMEOUT"' in response.body
        assert gateway.count("agw_exchanges_total", TIMEOUT) == 1
        await until(lambda: gateway.peers[0].ended, "the agent is told")
        await client.send(GET)
        assert (await client.response()).status == 200


@pytest.mark.parametrize("path", [b"halves", b"streams"])
async def test_an_answer_that_has_begun_is_not_ended_by_it(path):
    async with timed(SHORT) as (gateway, acts):
        client = await gateway.client(ask(path))
        await client.contains(b"he" if path == b"halves" else EVENT)
        await passed(gateway)
        acts.go.set()
        assert (await client.response()).body in {b"hello", b"data: 1\n\ndata: 1\n\n"}


async def test_the_rules_own_request_timeout_holds_for_all_of_the_answer():
    async with timed(SHORT, rule={"request_timeout_ms": 400}) as (gateway, acts):
        client = await gateway.client(ask(b"halves"))
        await client.contains(b"he")
        await passed(gateway)
        assert await client.rest() == client.buffer
        assert client.buffer.endswith(b"\r\n\r\nhe")
        assert gateway.count("agw_exchanges_total", TIMEOUT) == 2
        acts.go.set()


@pytest.mark.parametrize(("rule", "policy"), [(100, 600_000), (600_000, 100), (100, 100), (100, 0), (100, None)])
async def test_where_both_are_set_the_shorter_one_counts(rule, policy):
    async with timed(Policy(request_timeout_ms=policy), rule={"request_timeout_ms": rule}) as (gateway, _):
        await passed(gateway)


@pytest.mark.parametrize("policy", [600_000, 0])
async def test_it_stands_in_place_of_the_gateways_own(policy):
    async with timed(Policy(request_timeout_ms=policy), response_header_timeout_ms=100) as (gateway, acts):
        client = await gateway.client(ask(b"late"))
        await until(gateway.received, "the agent has it")
        put(gateway, Policy())
        await passed(gateway)
        acts.go.set()
        assert (await client.response()).status == 200


async def test_it_covers_all_tries_and_what_lies_between_them():
    unavailable = replies(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    rule = {"retry": Retry(attempts=100, codes=(503,), backoff_ms=50)}
    async with timed(Policy(request_timeout_ms=300), unavailable, rule=rule) as (gateway, _):
        client = await gateway.client(GET)
        assert (await client.response()).status == 504
        assert gateway.count("agw_retries_total")


async def test_it_covers_the_wait_for_a_slot():
    async with timed(SHORT, endpoint_inflight=1) as (gateway, acts):
        put(gateway, Policy())
        first = await gateway.client(ask(b"late"))
        await until(gateway.received, "the slot is taken")
        put(gateway, SHORT)
        second = await gateway.client(GET)
        assert (await second.response()).status == 504
        acts.go.set()
        assert (await first.response()).status == 200


async def test_it_covers_a_request_that_is_kept_back():
    policy = Policy(authorization=(AuthorizationRule("Allow", operations=("GetTask",)),), request_timeout_ms=100)
    async with timed(policy) as (gateway, _):
        client = await gateway.client(post(rpc(b"tasks/get"))[:-60])
        assert (await client.response()).status == 504
        assert gateway.received() == b""


async def test_a_stream_whose_agent_is_silent_is_cut_and_not_ended():
    async with timed(IDLE) as (gateway, _):
        client = await gateway.client(QUIET)
        received = await client.rest()
        assert received.endswith(EVENT)
        await until(lambda: gateway.count("agw_exchanges_total", SILENCE) == 1, "counted")
        assert gateway.count("agw_stream_ends_total", 'by="timeout"') == 1
        await until(lambda: gateway.peers[0].ended, "the agent is told")


async def test_a_stream_without_a_single_event():
    async with timed(IDLE, replies(STREAM)) as (gateway, _):
        client = await gateway.client(GET)
        assert (await client.rest()).endswith(b"\r\n\r\n")
        await until(lambda: gateway.count("agw_exchanges_total", SILENCE) == 1, "counted")


async def test_whatever_an_agent_sends_breaks_the_silence():
    async with timed(IDLE) as (gateway, acts):
        client = await gateway.client(ask(b"ticks"))
        await client.contains(EVENT)
        reading = asyncio.create_task(client.response())
        await silent(gateway)
        await silent(gateway)
        acts.go.set()
        assert (await reading).body.endswith(b":\n\ndata: 1\n\n")


async def test_what_the_gateway_says_itself_does_not_break_it():
    async with timed(IDLE) as (gateway, _):
        put(gateway, IDLE, keep_alive_ms=10)
        client = await gateway.client(QUIET)
        received = await client.rest()
        assert b":" in received.partition(EVENT)[2]
        assert not received.endswith(END)
        await until(lambda: gateway.count("agw_exchanges_total", SILENCE) == 1, "counted")


async def test_the_silence_of_an_agent_that_nobody_listens_to_is_not_its_own():
    async with timed(IDLE) as (gateway, acts):
        client = await gateway.client(ask(b"floods"))
        await until(gateway.received, "the agent has it")
        await silent(gateway)
        await silent(gateway)
        acts.go.set()
        tail = b""
        while not tail.endswith(END):
            client.buffer = b""
            assert await client.more(1 << 20)
            tail = tail[-len(END) :] + client.buffer
        assert gateway.count("agw_exchanges_total", SILENCE) == 2


@pytest.mark.parametrize("path", [b"late", b"halves"])
async def test_it_is_of_event_streams_alone(path):
    async with timed(IDLE) as (gateway, acts):
        client = await gateway.client(ask(path))
        await until(gateway.received, "the agent has it")
        await silent(gateway)
        await silent(gateway)
        acts.go.set()
        assert (await client.response()).body == b"hello"


async def test_a_stream_keeps_the_policy_that_it_began_with():
    async with timed(IDLE) as (gateway, acts):
        cut = await gateway.client(QUIET)
        await cut.contains(EVENT)
        put(gateway, Policy())
        kept = await gateway.client(ask(b"streams"))
        await kept.contains(EVENT)
        put(gateway, IDLE)
        await cut.rest()
        await silent(gateway)
        await silent(gateway)
        acts.go.set()
        assert (await kept.response()).body == b"data: 1\n\ndata: 1\n\n"


async def test_a_connection_that_served_a_stream_serves_what_may_be_silent():
    async with timed(IDLE) as (gateway, acts):
        acts.go.set()
        client = await gateway.client(ask(b"streams"))
        await client.response()
        acts.go.clear()
        await client.send(ask(b"late"))
        await until(lambda: len(gateway.requests()) == 2, "the agent has it")
        await silent(gateway)
        acts.go.set()
        assert (await client.response()).status == 200
