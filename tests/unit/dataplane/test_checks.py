"""Active checks: who is asked, what counts as an answer, and when a verdict changes."""

import asyncio
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from agw.dataplane.checks import Checks, Spec, Verdict, judge, open_backends, probe, specs, status_trouble
from agw.dataplane.logs import Log
from agw.snapshot.model import Backend, Endpoint, HealthCheck, Target

CHECK = HealthCheck("/healthz", 10_000, 2_000, 2, 3)
A, B = ("127.0.0.1", 8001), ("::1", 8002)


def backend(*places, check=CHECK, host="agent", ref="n/b"):
    target = Target("t", host, 80, endpoints=tuple(Endpoint(*place) for place in places))
    return Backend(ref, protocol="A2A", targets=(target,), health=check)


def spec(where=A, **fields):
    return Spec(**({"where": where, "host": "agent:80", "path": "/healthz", "interval": 0, "timeout": 2} | fields))


def verdicts(results, start=None, good=2, bad=3):
    verdict, seen = start or Verdict(), ""
    for result in results:
        verdict = judge(verdict, spec(good=good, bad=bad), good=result == "+")
        seen += "d" if verdict.down else "u"
    return seen


def test_enough_bad_checks_in_a_row_bring_it_down_and_enough_good_ones_up():
    assert verdicts("--+---+-++--+") == "uuuuudddduuuu"
    assert verdicts("-+-+-+--") == "uuuuuuuu"
    assert verdicts("+-+-+-++", Verdict(down=True)) == "dddddddu"


def test_one_is_enough_where_that_is_configured():
    assert verdicts("-+-", good=1, bad=1) == "dud"


def test_only_backends_that_ask_are_checked():
    assert specs({"a": backend(A), "b": backend(B, check=None)}) == {A: Spec(A, "agent:80", "/healthz", 10, 2, 2, 3)}


def test_one_check_per_endpoint_the_shortest_interval_decides():
    fast = msgspec.structs.replace(CHECK, path="/fast", interval_ms=5_000)
    other = msgspec.structs.replace(CHECK, path="/other")
    found = specs({"c": backend(A, check=other), "b": backend(A, B, check=CHECK), "a": backend(A, check=fast)})
    assert {where: made.path for where, made in found.items()} == {A: "/fast", B: "/healthz"}
    found = specs({"c": backend(A, check=other), "b": backend(A)})
    assert found[A].path == "/healthz"


def test_the_host_is_what_the_user_wrote():
    assert specs({"a": backend(B, host="::1")})[B].host == "[::1]:80"


def test_a_backend_fails_open_when_all_of_its_endpoints_are_down():
    entries = {"a": backend(A, B, ref="n/a"), "b": backend(A, ref="n/b"), "c": backend(ref="n/c")}
    assert open_backends(entries, frozenset({A})) == {"n/b"}
    assert open_backends(entries, frozenset({A, B})) == {"n/a", "n/b"}
    assert open_backends(entries, frozenset()) == frozenset()


@pytest.mark.parametrize(
    ("head", "trouble"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 204\r\n\r\n", ""),
        (b"HTTP/1.1 399 \r\n\r\n", ""),
        (b"HTTP/1.1 400 Bad\r\n\r\n", "status 400"),
        (b"HTTP/1.1 503 No\r\n\r\n", "status 503"),
        (b"HTTP/1.1 199 ?\r\n\r\n", "status 199"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "no answer of HTTP/1"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "no answer of HTTP/1"),
        (b"HTTP/1.1  200 OK\r\n\r\n", "no answer of HTTP/1"),
        (b"HTTP/1.1 20\r\n\r\n", "no answer of HTTP/1"),
        (b"\r\n\r\n", "no answer of HTTP/1"),
        (b"SSH-2.0-x\r\n\r\n", "no answer of HTTP/1"),
    ],
)
def test_an_answer_is_a_status_line_of_http_1(head, trouble):
    assert status_trouble(head) == trouble


@asynccontextmanager
async def agent(answer, *, close=True):
    """An agent that answers with these bytes; gives its address and what it was asked."""
    asked, tasks = [], []
    done = asyncio.Event()

    async def accepted(reader, writer):
        tasks.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if not close:
            await done.wait()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname(), asked
    finally:
        done.set()
        await asyncio.gather(*tasks)
        server.close()


def check(answer, *, close=True, timeout=5):
    async def run():
        async with agent(answer, close=close) as (where, asked):
            return await probe(spec(where, good=1, bad=1, timeout=timeout)), asked

    return asyncio.run(run())


def test_what_is_asked():
    trouble, [asked] = check(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert trouble == ""
    lines = asked.split(b"\r\n")
    assert lines[:2] == [b"GET /healthz HTTP/1.1", b"Host: agent:80"]
    assert b"Connection: close" in lines


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 100 Go on\r\n\r\n" * 40, "status 100"),
        (b"HTTP/1.1 500 No\r\n\r\n", "status 500"),
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\n", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "the head of the answer is too large"),
    ],
)
def test_what_is_wrong_is_said(answer, trouble):
    assert check(answer)[0] == trouble


def test_no_answer_in_time():
    assert check(b"HTTP/1.1 ", close=False, timeout=0.01)[0] == "no answer within 0.01 s"


def test_nobody_listens():
    async def run():
        async with agent(b"") as (where, _):
            pass
        return await probe(spec(where, good=1, bad=1))

    assert asyncio.run(run())


def test_a_host_that_cannot_be_sent():
    async def run():
        async with agent(b"") as (where, _):
            return await probe(spec(where, host="bücher", good=1, bad=1))

    assert "ASCII" in asyncio.run(run())


class Endpoints:
    """Checks whose results a test decides."""

    def __init__(self):
        self.bad = set()
        self.asked = asyncio.Event()
        self.told = []
        self.checks = Checks(Log("error"), self.told.append, self.check)

    async def check(self, spec):
        self.asked.set()
        return "bad" if spec.where in self.bad else ""

    async def until(self, down):
        """Wait until this has been told."""
        async with asyncio.timeout(10):
            while not self.told or self.told[-1] != tuple(sorted(down)):
                await asyncio.sleep(0.001)


QUICK = HealthCheck("/", 1, 1, 1, 1)


def test_changes_are_told_and_forgotten_with_the_configuration():
    async def run():
        endpoints = Endpoints()
        checks = endpoints.checks
        checks.follow({"a": backend(A, B, check=QUICK)})
        endpoints.bad = {A}
        await endpoints.until({A})
        assert (checks.down, checks.failing_open) == ((A,), 0)
        endpoints.bad = {A, B}
        await endpoints.until({A, B})
        assert checks.failing_open == 1
        checks.follow({"a": backend(B, check=QUICK)})
        await endpoints.until({B})
        checks.follow({"a": backend(B, check=None)})
        await endpoints.until(set())
        assert (checks.down, checks.failing_open) == ((), 0)
        await checks.close()
        assert checks.results["bad"] >= 2

    asyncio.run(run())


def test_an_endpoint_that_stays_keeps_its_verdict_whatever_else_changes():
    async def run():
        endpoints = Endpoints()
        endpoints.bad = {A}
        endpoints.checks.follow({"a": backend(A, check=QUICK)})
        await endpoints.until({A})
        slow = msgspec.structs.replace(QUICK, interval_ms=3_600_000)
        endpoints.checks.follow({"a": backend(A, B, check=slow)})
        assert endpoints.checks.down == (A,)
        await endpoints.checks.close()

    asyncio.run(run())


def test_changes_that_concern_no_check_leave_all_as_it_is():
    async def run():
        endpoints = Endpoints()
        endpoints.bad = {A}
        checks = endpoints.checks
        checks.follow({"a": backend(A, check=QUICK)})
        await endpoints.until({A})
        assert checks.failing_open == 1
        tasks = dict(checks._tasks)
        other = backend(A, B, check=None)
        checks.follow({"a": backend(A, check=QUICK), "b": other}, frozenset({"b"}))
        assert checks._tasks == tasks
        checks.follow({"b": other}, frozenset({"a"}))
        assert checks.down == ()
        checks.follow({"b": backend(B, check=QUICK)}, frozenset({"b"}))
        assert checks._tasks.keys() == {B}
        await checks.close()

    asyncio.run(run())


def test_it_comes_up_again():
    async def run():
        endpoints = Endpoints()
        endpoints.bad = {A}
        endpoints.checks.follow({"a": backend(A, check=QUICK)})
        await endpoints.until({A})
        endpoints.bad = set()
        await endpoints.until(set())
        await endpoints.checks.close()

    asyncio.run(run())
