"""The retry that a rule asks for (HTTPRouteRule.retry, GEP-1731), and its timeouts."""

import asyncio

import pytest

from agw.snapshot.model import Filters, Header, HeaderEdit, PathEdit, Retry, Rewrite
from tests.wire.gateway import GET, OK, closed_port, entries, serving, until
from tests.wire.test_tunnels import HELLO, SWITCH

POST = b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
ALL = (500, 502, 503, 504)


def failing(*outcomes):
    """Deal with requests, over all connections, one by one: a status, "fin", "rst" or "silence"; then 200."""
    left = list(outcomes)

    async def script(peer):
        while (message := await peer.request()) is not None:
            outcome = left.pop(0) if left else 200
            if outcome == "silence":
                while await peer.more():
                    pass
                return
            if isinstance(outcome, str):
                peer.cut(reset=outcome == "rst")
                return
            body = message.body or b"hello"
            await peer.send(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (outcome, len(body), body))

    return script


def retry(attempts=1, codes=(), backoff_ms=0, **more):
    return {"retry": Retry(attempts, codes, backoff_ms), **more}


async def tried(data, outcomes, rule, **limits):
    """Send this; give the answer's status and body, and how many requests reached the agent."""
    async with serving(failing(*outcomes), rule=rule, **limits) as gateway:
        client = await gateway.client(data)
        answer = await client.response(head=data.startswith(b"HEAD"))
        count = gateway.received().count(b" HTTP/1.1\r\nHost: ")
        await client.send(GET)
        await client.response()
        assert gateway.count("agw_ejections_total") == 0
        return answer.status, answer.body, count


@pytest.mark.parametrize(
    ("attempts", "codes", "outcomes", "status", "count"),
    [  # the cases of the conformance suite first
        (3, (500,), (500, 500), 200, 3),
        (3, (500,), (500,) * 4, 500, 4),
        (3, (500,), (503, 503), 503, 1),
        (2, ALL, (500,), 200, 2),
        (2, ALL, (500,) * 3, 500, 3),
        (2, ALL, (502,), 200, 2),
        (2, ALL, (502,) * 3, 502, 3),
        (2, ALL, (503,), 200, 2),
        (2, ALL, (503,) * 3, 503, 3),
        (2, ALL, (504,), 200, 2),
        (2, ALL, (504,) * 3, 504, 3),
        (2, ALL, (500, 404), 404, 2),
        (2, (404, 599), (404, 599), 200, 3),
        (5, ALL, ("fin", 500, "rst", 503), 200, 5),
    ],
)
@pytest.mark.parametrize("data", [GET, POST, CHUNKED], ids=["get", "post", "chunked"])
async def test_listed_statuses_are_tried_again(data, attempts, codes, outcomes, status, count):
    answered, body, reached = await tried(data, outcomes, retry(attempts, codes))
    assert (answered, reached) == (status, count)
    assert body == {GET: b"hello", POST: b"abc", CHUNKED: b"abcde"}[data]


@pytest.mark.parametrize("cut", ["fin", "rst"])
async def test_connections_that_end_are_tried_again(cut):
    assert (await tried(GET, (cut, cut), retry(3)))[::2] == (200, 3)
    assert (await tried(GET, (cut,) * 4, retry(3)))[::2] == (503, 4)
    async with serving(failing(cut, cut), rule=retry(1)) as gateway:
        client = await gateway.client(GET)
        answer = await client.response()
        assert answer.status == 503
        assert b'"code":503' in answer.body
        assert gateway.count("agw_exchanges_total", 'reason="upstream_closed"') == 1
        assert gateway.count("agw_retries_total") == 1


@pytest.mark.parametrize(
    ("codes", "outcome", "status", "count"),
    [
        ((), "fin", 503, 1),
        ((500, 504), "rst", 503, 1),
        ((502,), "fin", 200, 2),
        ((503,), "rst", 200, 2),
        ((502, 503), "silence", 504, 1),
        ((504,), "silence", 200, 2),
    ],
)
async def test_a_post_that_may_have_been_carried_out_is_repeated_only_where_the_list_says_so(
    codes, outcome, status, count
):
    rule = retry(3, codes, backend_timeout_ms=400 if outcome == "silence" else 0)
    assert (await tried(POST, (outcome,), rule))[::2] == (status, count)


async def test_nonsense_is_tried_again_where_502_is_listed():
    async def script(peer):
        while await peer.request() is not None:
            script.seen += 1
            if script.seen % 2:
                await peer.send(b"nonsense\r\n\r\n")
                return
            await peer.send(OK)

    script.seen = 0
    async with serving(script, rule=retry(1, (502,))) as gateway:
        client = await gateway.client(POST)
        assert (await client.response()).status == 200
        script.seen = 0
        gateway.swap(entries(gateway.agent_port, **retry(1, (500,))))
        await client.send(POST)
        assert (await client.response()).status == 502


async def test_timeouts_of_a_try_are_tried_again():
    rule = retry(2, backend_timeout_ms=400)
    assert (await tried(GET, ("silence", "silence"), rule))[::2] == (200, 3)
    assert (await tried(GET, ("silence",) * 3, rule))[::2] == (504, 3)
    assert (await tried(GET, ("silence",), {"backend_timeout_ms": 150}))[::2] == (504, 1)


async def test_an_answer_that_comes_after_its_time_is_none():
    """Whether a deadline is kept must not depend on when deadlines are looked at."""

    async def late(peer):
        while await peer.request() is not None:
            await asyncio.sleep(0.03)
            await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    async with serving(late, rule=retry(1, backend_timeout_ms=20)) as gateway:
        client = await gateway.client(GET)
        assert (await client.response()).status == 504
        assert gateway.count("agw_retries_total") == 1


async def test_timeouts_request_covers_all_tries_and_the_time_between_them():
    rule = retry(100, (500,), 50, request_timeout_ms=300)
    async with serving(failing(*[500] * 1000), rule=rule) as gateway:
        client = await gateway.client(POST)
        assert (await client.response()).status == 504
        assert 1 <= gateway.count("agw_retries_total") < 10
    rule = retry(1, (500,), 60_000, request_timeout_ms=200)
    assert (await tried(POST, (500,), rule))[::2] == (504, 1)


async def test_a_back_off_is_waited_for():
    seen = []

    async def script(peer):
        while await peer.request() is not None:
            seen.append(asyncio.get_running_loop().time())
            await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n" if len(seen) == 1 else OK)

    async with serving(script, rule=retry(1, (500,), 120)) as gateway:
        client = await gateway.client(POST)
        assert (await client.response()).status == 200
        assert seen[1] - seen[0] >= 0.12


async def test_another_endpoint_is_taken_where_there_is_one():
    async with serving(failing(), before=(closed_port(),), rule=retry(1)) as gateway:
        for _ in range(6):
            client = await gateway.client(POST)
            assert (await client.response()).status == 200


async def test_refused_connections_are_tried_as_often_as_the_rule_says():
    async with serving(failing(), rule=retry(3)) as gateway:
        gateway.swap(entries(closed_port(), **retry(3)))
        client = await gateway.client(POST)
        assert (await client.response()).status == 503
        assert gateway.count("agw_upstream_connect_failures_total") == 4
        assert gateway.count("agw_retries_total") == 3


async def test_an_endpoint_that_comes_back_in_time_is_found():
    async with serving(failing(), rule=retry(50, (), 20)) as gateway:
        gateway.swap(entries(closed_port(), **retry(50, (), 20)))
        client = await gateway.client(POST)
        await until(lambda: gateway.count("agw_upstream_connect_failures_total"), "a failure")
        gateway.serve(gateway.agent_port)  # too late for this one: it keeps its rule, but not where that leads
        assert (await client.response()).status == 200


async def test_the_budget_holds():
    async with serving(failing(*[500] * 10_000), rule=retry(1000, (500,))) as gateway:
        client = await gateway.client(POST)
        assert (await client.response()).status == 500
        assert 90 <= gateway.count("agw_retries_total") < 1000
        assert gateway.count("agw_retries_refused_total") == 1


async def test_what_is_sent_again_is_the_same_request():
    on = Filters(
        request_headers=HeaderEdit(set=(Header("X-Set", "s"),), add=(Header("X-Add", "a"),)),
        response_headers=HeaderEdit(set=(Header("X-Answer", "y"),)),
        rewrite=Rewrite(hostname="b", path=PathEdit("/x", "/a")),
    )
    async with serving(failing(500, "fin", 500), rule=retry(3, (500, 502), filters=on)) as gateway:
        client = await gateway.client(POST.replace(b"Host: a", b"Host: a\r\nX-Set: 1\r\nX-Add: 2"))
        answer = await client.response()
        assert (answer.status, answer.all("x-answer")) == (200, [b"y"])
        first, *others = gateway.requests()
        assert len(others) == 3
        assert first.one("x-set") == b"s"
        assert first.all("x-add") == [b"2", b"a"]
        assert len(first.all("x-forwarded-for")) == 1
        for each in others:
            assert (each.start, each.fields, each.body) == (first.start, first.fields, first.body)


async def test_a_request_that_is_too_large_is_tried_once():
    body = b"x" * 70_000
    sized = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + body
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" + body + b"\r\n0\r\n\r\n"
    for data in (sized, chunked):
        assert (await tried(data, (500,), retry(3, ALL)))[::2] == (500, 1)
    fits = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n" + b"x" * 65536
    assert await tried(fits, (500, "fin"), retry(3, ALL)) == (200, b"x" * 65536, 3)


async def test_a_body_that_is_still_coming_goes_on_with_the_next_try():
    async def script(peer):
        if len(gateway.peers) == 1:
            while not peer.received.endswith(b"ab"):
                await peer.more()
            await peer.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
            return
        message = await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(message.body), message.body))
        await peer.more()

    for backoff in (0, 30):
        async with serving(script, rule=retry(1, (503,), backoff)) as gateway:
            client = await gateway.client(POST[:-1])
            await until(lambda: gateway.count("agw_retries_total") == 1, "the next try")
            await client.send(POST[-1:])
            assert (await client.response()).body == b"abc"


async def test_a_client_that_expects_100_hears_it_once():
    data = POST.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue")
    async with serving(failing(500, 500), rule=retry(3, (500,))) as gateway:
        client = await gateway.client(data[:-3])
        await client.contains(b"100 Continue\r\n\r\n")
        client.buffer = b""
        await client.send(data[-3:])
        answer = await client.response()
        assert (answer.status, answer.body) == (200, b"abc")


@pytest.mark.parametrize("backoff", [0, 60_000])
async def test_a_client_that_leaves_between_tries_ends_it(backoff):
    outcome = "silence" if backoff == 0 else 200
    async with serving(failing(500, outcome), rule=retry(3, (500,), backoff)) as gateway:
        client = await gateway.client(POST)
        await until(lambda: gateway.count("agw_retries_total") == 1, "the next try")
        client.reset()
        await until(lambda: gateway.count("agw_requests_total") == 1, "over")
        assert gateway.count("agw_exchanges_total", 'reason="client_closed"') == 1


async def test_pipelined_requests_wait_for_the_tries_of_the_first():
    async with serving(failing(500, 500, 200, 500), rule=retry(2, (500,), 10)) as gateway:
        client = await gateway.client(POST + GET + POST)
        assert [(await client.response()).body for _ in range(3)] == [b"abc", b"hello", b"abc"]
        assert gateway.count("agw_retries_total") == 3


async def test_a_retry_stands_in_line_like_any_other():
    released = []

    async def script(peer):
        while await peer.request() is not None:
            script.seen += 1
            if script.seen == 1:
                await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
                continue
            await until(lambda: released)
            await peer.send(OK)

    script.seen = 0
    rule = retry(2, (500,), 30)
    async with serving(script, rule=rule, endpoint_inflight=1) as gateway:
        first = await gateway.client(POST)
        await until(lambda: gateway.count("agw_retries_total") == 1, "the first has failed")
        others = [await gateway.client(POST) for _ in range(2)]
        await until(lambda: gateway.count("agw_waiting") == 2, "all slots are taken")
        released.append(True)
        for client in (first, *others):
            assert (await client.response()).status == 200
        assert gateway.count("agw_retries_total") == 1


async def test_a_reload_in_between_changes_nothing_for_this_request():
    async with serving(failing(500), rule=retry(1, (500,), 50)) as gateway:
        client = await gateway.client(POST)
        await until(lambda: gateway.count("agw_retries_total") == 1, "between two tries")
        gateway.serve(gateway.agent_port)
        assert (await client.response()).status == 200


async def test_trailers_interim_answers_and_head_pass_through_a_retry():
    async def script(peer):
        while await peer.request() is not None:
            script.seen += 1
            if script.seen < 3:
                await peer.send(
                    b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 500 X\r\nContent-Length: 1\r\n\r\nx"
                )
            else:
                await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")

    script.seen = 0
    async with serving(script, rule=retry(2, (500,))) as gateway:
        data = POST.replace(b"Host: a", b"Host: a\r\nTE: trailers\r\nConnection: TE")
        client = await gateway.client(data)
        await client.contains(b"X-T: 1")
        assert client.buffer.count(b" 103 ") == 2
        assert client.buffer.count(b"HTTP/1.1 200") == 1
        assert b" 500 " not in client.buffer
    assert (await tried(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", (500, 500), retry(2, (500,))))[2] == 3


async def test_a_handshake_is_tried_again():
    async def script(peer):
        while await peer.request() is not None:
            script.seen += 1
            if script.seen < 3:
                await peer.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
                continue
            await peer.send(SWITCH)
            while await peer.more():
                await peer.send(peer.received[-5:])

    script.seen = 0
    async with serving(script, rule=retry(2, (503,))) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b" 101 ")
        await client.send(b"hello")
        await client.contains(b"hello")


async def test_once_the_answer_has_begun_it_is_not_tried_again():
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    async with serving(script, rule=retry(3, ALL)) as gateway:
        client = await gateway.client(GET)
        await client.rest()
        assert gateway.count("agw_retries_total") == 0
