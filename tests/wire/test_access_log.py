"""What the access log says of each kind of exchange, and that its lines and the durations in the counters agree."""

from __future__ import annotations

import json

import pytest

from agw._fastpath.access_log import AccessLog
from agw._fastpath.record import HISTOGRAM_OVER, HISTOGRAMS
from tests.wire.gateway import GET, OK, closed_port, entries, replies, serving, until
from tests.wire.test_operations import agent

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ALWAYS = {"time", "id", "peer", "port", "status", "reason", "total_ms", "bytes_in", "bytes_out"}
FLAGS = {"stream", "reused", "retried"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "access.log"


def logged(gateway, path, **options):
    made = AccessLog(str(path), -1, counters=gateway.counters, **options)
    gateway.reactor.log_access(made)
    return made


async def lines(path, count):
    await until(lambda: path.read_text().count("\n") >= count, f"{count} lines")
    return [json.loads(line) for line in path.read_text().splitlines()]


def observed(gateway, metric):
    """How many durations a histogram has."""
    first = next(index for index, name, _ in HISTOGRAMS if name == metric)
    with gateway.counters.cast("Q") as numbers:
        return sum(numbers[first : first + HISTOGRAM_OVER + 1])


async def test_an_answer_of_the_agent(log):
    async with serving(replies(OK)) as gateway:
        logged(gateway, log)
        client = await gateway.client(POST + b"3\r\n\r\nabc")
        answer = await client.response()
        [told] = await lines(log, 1)
        assert observed(gateway, "agw_request_duration_seconds") == 1
        assert observed(gateway, "agw_first_byte_seconds") == 1
        assert observed(gateway, "agw_stream_duration_seconds") == 0
    assert told.pop("first_byte_ms") <= told.pop("total_ms")
    assert told.pop("time").endswith("Z")
    assert told.pop("peer").startswith("127.0.0.1:")
    assert told.pop("id").encode() == answer.one("x-request-id")
    assert told == {
        "port": 80,
        "listener": "d/g/http",
        "route": "HTTPRoute/d/r",
        "rule": 0,
        "backend": "Backend/d/b",
        "endpoint": f"127.0.0.1:{gateway.agent_port}",
        "method": "POST",
        "path": "/",
        "status": 200,
        "reason": "upstream",
        "bytes_in": 3,
        "bytes_out": 5,
        "stream": False,
        "reused": False,
        "retried": False,
    }


@pytest.mark.parametrize(
    ("said", "version"), [(b"", "0.3"), (b"A2A-Version: 1.0\r\n", "1.0"), (b"A2A-Version: 9\r\n", "other")]
)
async def test_which_version_the_client_names(log, said, version):
    async with agent() as gateway:
        logged(gateway, log)
        for path in (b"/", b"/key"):
            client = await gateway.client(b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path, said))
            await client.response()
        told = await lines(log, 2)
    assert {(each["status"], each["a2a_version"]) for each in told} == {(200, version), (401, version)}


async def test_a_connection_that_has_served_before(log):
    async with serving(replies(OK)) as gateway:
        logged(gateway, log)
        client = await gateway.client()
        for _ in range(2):
            await client.send(GET)
            await client.response()
        assert [line["reused"] for line in await lines(log, 2)] == [False, True]


async def test_neither_query_nor_key_is_told(log):
    async with serving(replies(OK)) as gateway:
        logged(gateway, log)
        client = await gateway.client(b"GET /key?canary=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer foo\r\n\r\n")
        assert (await client.response()).status == 200
        await client.send(b"GET /key HTTP/1.1\r\nHost: a\r\nX-API-Key: canary\r\n\r\n")
        assert (await client.response()).status == 401
        known, unknown = await lines(log, 2)
    assert known["consumer"] == "consumer"
    assert known["path"] == "/key"
    assert (unknown["status"], unknown["reason"], unknown["rule"]) == (401, "unauthenticated", 1)
    assert "consumer" not in unknown
    assert "backend" not in unknown
    assert "canary" not in log.read_text()


@pytest.mark.parametrize(
    ("sent", "status", "reason", "has"),
    [
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request", set()),
        (b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not_found", {"method", "path"}),
        (b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n", 500, "invalid_backend", {"listener", "route", "rule"}),
        (b"GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", 503, "no_endpoint", {"listener", "route", "rule", "backend"}),
        (b"BREW /x HTTP/1.1\r\nHost: a\r\n\r\n", 404, "not_found", {"method", "path"}),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, "method_refused", set()),
    ],
)
async def test_what_is_answered_here(log, sent, status, reason, has):
    async with serving(replies(OK), path="/only") as gateway:
        logged(gateway, log)
        client = await gateway.client(sent)
        await client.response()
        [told] = await lines(log, 1)
        assert observed(gateway, "agw_first_byte_seconds") == 0
    assert (told["status"], told["reason"]) == (status, reason)
    if "route" in has:
        has = has | {"method", "path"}
    assert set(told) == ALWAYS | FLAGS | has
    assert gateway.received() == b""


async def test_an_agent_that_is_not_there(log):
    port = closed_port()
    async with serving(replies(OK)) as gateway:
        gateway.swap(entries(port))
        logged(gateway, log)
        client = await gateway.client(GET)
        assert (await client.response()).status == 503
        [told] = await lines(log, 1)
    assert (told["reason"], told["endpoint"]) == ("connect_failed", f"127.0.0.1:{port}")


async def test_a_stream_has_its_line_at_its_end_and_one_at_its_start_on_demand(log):
    async def script(peer):
        await peer.request()
        await peer.send(STREAM + b"6\r\ndata:\n\r\n")
        await peer.request()

    async with serving(script) as gateway:
        logged(gateway, log, starts=True)
        client = await gateway.client(GET)
        await client.contains(b"data:")
        [start] = await lines(log, 1)
        assert (start["event"], start["stream"], start["status"]) == ("start", True, 200)
        client.close()
        end = (await lines(log, 2))[1]
        assert "event" not in end
        assert (end["reason"], end["id"], end["bytes_out"]) == ("client_closed", start["id"], 6)
        assert observed(gateway, "agw_stream_duration_seconds") == 1
        assert observed(gateway, "agw_request_duration_seconds") == 0


async def test_a_client_that_went_away(log):
    async def script(peer):
        await peer.request()
        await peer.more()

    async with serving(script) as gateway:
        logged(gateway, log)
        client = await gateway.client(GET)
        await until(lambda: gateway.peers and gateway.peers[0].received, "the request")
        client.close()
        [told] = await lines(log, 1)
    assert (told["status"], told["reason"], "first_byte_ms" in told) == (499, "client_closed", False)


async def test_off_again_and_closed_under_way(log):
    async with serving(replies(OK)) as gateway:
        made = logged(gateway, log)
        client = await gateway.client(GET)
        await client.response()
        made.close()  # the reactor still has it
        await client.send(GET)
        await client.response()
        gateway.reactor.log_access(None)
        await client.send(GET)
        await client.response()
        assert log.read_text().count("\n") == 1
