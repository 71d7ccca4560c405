"""Filters on the wire: what agents and clients see of edits, rewrites and redirects, and what they must never see."""

import pytest

from agw.snapshot.model import (
    Attachment,
    Filters,
    Header,
    HeaderEdit,
    Match,
    PathEdit,
    PathMatch,
    Redirect,
    Rewrite,
    Rule,
    WeightedBackend,
)
from tests.wire.gateway import GET, OK, entries, replies, serving, until
from tests.wire.test_tunnels import HELLO, echoing

EDIT = HeaderEdit(
    set=(Header("X-Set", "ours"), Header("X-New", "new")), add=(Header("X-Add", "two"),), remove=("x-remove",)
)
SENT = b"POST /a/b?c=d HTTP/1.1\r\nHost: Agents.example:8080\r\nX-Set: 1\r\nx-set: 2\r\nX-Add: one\r\nX-Remove: 3\r\n"
POST = SENT + b"Content-Length: 3\r\n\r\nabc"
ANSWER = b"HTTP/1.1 200 OK\r\nx-set: 1\r\nX-Add: one\r\nX-Remove: 2\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello"


def filters(**of):
    """A rule with these filters, over the whole of /."""
    return {"rule": {"filters": Filters(**of)}}


def backends(*filters):
    """A rule whose backends have these filters, in equal shares."""
    return {"backends": tuple(WeightedBackend("backend/Backend/d/b", filters=each) for each in filters)}


async def exchanged(data, answer=OK, **how):
    """Send this; give what the agent got, and what the client did."""
    async with serving(replies(answer, OK), **how) as gateway:
        client = await gateway.client(data)
        message = await client.response(head=data.startswith(b"HEAD"))
        if not data.startswith(b"HEAD"):
            await client.send(GET)  # the connection is good for another
            assert (await client.response()).status == 200
        return gateway.requests()[0], message


async def test_fields_of_a_request_are_set_added_and_removed():
    request, _ = await exchanged(POST, **filters(request_headers=EDIT))
    assert request.all("x-set") == [b"ours"]
    assert request.all("x-new") == [b"new"]
    assert request.all("x-add") == [b"one", b"two"]
    assert request.all("x-remove") == []
    assert request.start == (b"POST", b"/a/b?c=d", b"HTTP/1.1")
    assert request.body == b"abc"


async def test_fields_of_an_answer_are_set_added_and_removed():
    _, answer = await exchanged(POST, ANSWER, **filters(response_headers=EDIT))
    assert answer.all("x-set") == [b"ours"]
    assert answer.all("x-new") == [b"new"]
    assert answer.all("x-add") == [b"one", b"two"]
    assert answer.all("x-remove") == []
    assert answer.one("server") == b"x"
    assert answer.body == b"hello"


async def test_head_interim_and_no_body_are_edited_and_framed_as_ever():
    head = b"HTTP/1.1 200 OK\r\nX-Remove: 1\r\nContent-Length: 5\r\n\r\n"
    _, answer = await exchanged(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", head, **filters(response_headers=EDIT))
    assert answer.one("content-length") == b"5"
    assert answer.one("x-set") == b"ours"
    async with serving(
        replies(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        **filters(response_headers=EDIT),
    ) as gateway:
        client = await gateway.client(GET)
        await client.contains(b" 204 ")
        early, _, final = client.buffer.partition(b"HTTP/1.1 204")
        assert b"X-Set" not in early
        assert b"X-Set: ours" in final


async def test_the_backend_s_edits_come_after_the_rule_s_on_the_way_there_and_before_them_on_the_way_back():
    rule = HeaderEdit(set=(Header("X-Set", "rule"),), add=(Header("X-Add", "rule"),))
    own = HeaderEdit(set=(Header("X-Set", "backend"),), add=(Header("X-Add", "backend"),))
    both = Filters(request_headers=own, response_headers=own)
    request, answer = await exchanged(
        POST, ANSWER, rule={"filters": Filters(request_headers=rule, response_headers=rule), **backends(both)}
    )
    assert (request.one("x-set"), request.all("x-add")) == (b"backend", [b"one", b"rule", b"backend"])
    assert (answer.one("x-set"), answer.all("x-add")) == (b"rule", [b"one", b"backend", b"rule"])


async def test_the_edits_are_those_of_the_backend_that_was_picked():
    own = [Filters(request_headers=HeaderEdit(set=(Header("X-B", each),))) for each in "xy"]
    async with serving(replies(OK), rule=backends(*own, None)) as gateway:
        client = await gateway.client()
        for _ in range(60):
            await client.send(GET)
            await client.response()
        assert {request.one("x-b") for request in gateway.requests()} == {b"x", b"y", None}


SMUGGLING = (
    *(Header("Content-Length", "0"), Header("Transfer-Encoding", "chunked"), Header("Connection", "X-Set, close")),
    *(Header("Host", "b"), Header("Upgrade", "websocket"), Header("TE", "gzip"), Header("Expect", "100-continue")),
)


@pytest.mark.parametrize("kind", ["set", "add"])
async def test_an_edit_reaches_neither_framing_nor_the_connection(kind):
    edit = HeaderEdit(**{kind: SMUGGLING})
    request, answer = await exchanged(POST, ANSWER, **filters(request_headers=edit, response_headers=edit))
    assert request.one("host") == b"Agents.example:8080"
    assert (request.one("content-length"), request.body) == (b"3", b"abc")
    assert (answer.one("content-length"), answer.body) == (b"5", b"hello")
    for message in (request, answer):
        assert not any(message.all(name) for name in ("transfer-encoding", "connection", "upgrade", "te", "expect"))
    request, _ = await exchanged(POST, **filters(request_headers=HeaderEdit(remove=("host", "content-length"))))
    assert request.one("content-length") == b"3"


async def test_an_edit_that_no_head_can_carry_closes_its_rule_and_no_other():
    rule = {"filters": Filters(request_headers=HeaderEdit(set=(Header("X-A", "b\r\nX-C: d"),)))}
    async with serving(replies(OK), path="/bad", rule=rule) as gateway:
        client = await gateway.client(b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response()).status == 500
        assert gateway.requests() == []
    bad = Filters(request_headers=HeaderEdit(add=(Header("X A", "b"),)))
    async with serving(replies(OK), rule=backends(bad)) as gateway:
        client = await gateway.client(GET)
        assert (await client.response()).status == 500


async def test_what_the_gateway_says_of_the_client_can_be_taken_out():
    edit = HeaderEdit(set=(Header("X-Forwarded-Proto", "https"),), remove=("x-forwarded-for", "via"))
    request, _ = await exchanged(POST, **filters(request_headers=edit))
    assert request.all("x-forwarded-proto") == [b"https"]
    assert request.all("x-forwarded-for") == request.all("via") == []


async def test_the_host_is_rewritten_and_the_client_s_told():
    request, _ = await exchanged(POST, **filters(rewrite=Rewrite(hostname="inner.example")))
    assert request.one("host") == b"inner.example"
    assert request.one("x-forwarded-host") == b"Agents.example:8080"
    assert request.one("x-forwarded-port") == b"8080"


@pytest.mark.parametrize(
    ("edit", "target"),
    [
        (PathEdit("/x", "/a"), b"/x/b?c=d"),
        (PathEdit("/", "/a"), b"/b?c=d"),
        (PathEdit("/full"), b"/full?c=d"),
        (PathEdit("/a b?c"), b"/a%20b%3Fc?c=d"),
    ],
    ids=repr,
)
async def test_the_path_is_rewritten_and_the_query_stays(edit, target):
    request, _ = await exchanged(POST, **filters(rewrite=Rewrite(path=edit), request_headers=EDIT))
    assert request.start[1] == target
    assert request.one("x-set") == b"ours"


async def test_the_longest_path_and_the_most_fields_fit():
    edit = HeaderEdit(add=tuple(Header(f"x-{index}", "v" * 100) for index in range(64)))
    lines = b"".join(b"F-%d: v\r\n" % index for index in range(99))
    data = b"GET /a/" + b"p" * 16000 + b" HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n"
    path = Rewrite(path=PathEdit("/" + "q" * 4000, "/a"))
    own = Filters(request_headers=edit, response_headers=edit)
    request, answer = await exchanged(
        data,
        ANSWER,
        rule={"filters": Filters(request_headers=edit, response_headers=edit, rewrite=path), **backends(own)},
    )
    assert len(request.start[1]) == 4001 + 1 + 16000
    assert len([name for name, _ in request.fields if name.startswith(b"x-")]) == 128
    assert len([name for name, _ in request.fields if name.startswith(b"F-")]) == 99
    assert len([name for name, _ in answer.fields if name.startswith(b"x-")]) >= 128


async def test_a_redirect_answers_any_method_and_forwards_nothing():
    redirect = Redirect(status=301, scheme="https", path=PathEdit("/x", "/a"))
    async with serving(
        replies(OK),
        **filters(redirect=redirect, response_headers=HeaderEdit(set=(Header("Cache-Control", "no-store"),))),
    ) as gateway:
        client = await gateway.client()
        for method in (b"GET", b"POST", b"PUT", b"DELETE", b"PROPFIND"):
            await client.send(POST.replace(b"POST", method, 1))
            answer = await client.response()
            assert answer.status == 301
            assert answer.one("location") == b"https://Agents.example/x/b?c=d"
            assert answer.one("content-length") == b"0"
            assert answer.one("cache-control") == b"no-store"
            assert answer.one("x-request-id")
        await client.send(POST.replace(b"POST", b"HEAD", 1))
        assert (await client.response(head=True)).one("location")
        assert gateway.requests() == []
        assert gateway.count("agw_exchanges_total", 'reason="local"') == 6
        assert gateway.count("agw_responses_total", 'class="3xx"') == 6


async def test_the_body_of_a_redirected_request_is_read_or_its_connection_ends():
    async with serving(replies(OK), **filters(redirect=Redirect(path=PathEdit("/x")))) as gateway:
        client = await gateway.client(SENT + b"Content-Length: 40000\r\n\r\n")
        assert (await client.response()).status == 302
        await client.send(b"x" * 40000 + GET)  # and what is behind it is the next request
        assert (await client.response()).status == 302
        client = await gateway.client(SENT + b"Content-Length: 4000000\r\n\r\nabc")
        answer = await client.response()
        assert (answer.status, answer.one("connection")) == (302, b"close")
        client = await gateway.client(SENT + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await client.response()).status == 302


async def test_a_redirect_asks_for_the_key_first():
    rule = {"filters": Filters(redirect=Redirect(hostname="b.example")), "policy": "policy/x"}
    async with serving(replies(OK), rule=rule) as gateway:
        client = await gateway.client(GET)
        assert (await client.response()).status == 401
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: foo\r\n\r\n")
        assert (await client.response()).one("location") == b"http://b.example/"


async def test_pipelined_requests_each_get_what_their_rule_does():
    one = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    two = b"GET /y HTTP/1.1\r\nHost: a\r\n\r\n"
    rule = {"filters": Filters(response_headers=HeaderEdit(set=(Header("X-Rule", "x"),)))}
    plain = Rule(
        route="d/r",
        index=9,
        attachments=(Attachment("listener/d/g/http"),),
        matches=(Match(path=PathMatch(value="/y")),),
        backends=(WeightedBackend("backend/Backend/d/b"),),
    )
    more = {"rule/HTTPRoute/d/r/9": plain}
    async with serving(replies(OK), path="/x", rule=rule, more=more) as gateway:
        client = await gateway.client((one + two) * 20)
        seen = [(await client.response()).one("x-rule") for _ in range(40)]
        assert seen == [b"x", None] * 20


async def test_local_answers_are_not_edited():
    rule = {"filters": Filters(response_headers=EDIT), "policy": "policy/x"}
    async with serving(replies(OK), rule=rule) as gateway:
        client = await gateway.client(GET)
        answer = await client.response()
        assert (answer.status, answer.one("x-set")) == (401, None)


async def test_a_websocket_handshake_is_edited_and_rewritten():
    on = Filters(request_headers=EDIT, response_headers=EDIT, rewrite=Rewrite(hostname="b", path=PathEdit("/ws")))
    async with serving(echoing(), rule={"filters": on}) as gateway:
        client = await gateway.client(HELLO)
        await client.contains(b"\r\n\r\n")
        head, _, client.buffer = client.buffer.partition(b"\r\n\r\n")
        assert b" 101 " in head
        assert b"\r\nX-Set: ours" in head
        sent = gateway.received()
        assert sent.startswith(b"GET /ws HTTP/1.1\r\nHost: b\r\n")
        assert b"\r\nX-Set: ours" in sent
        await client.send(b"\x81\x05hello" * 1000)
        await client.contains(b"hello" + b"\x81\x05hello" * 900)


async def test_a_request_that_had_to_wait_is_edited_as_any_other():
    released = []

    async def script(peer):
        while await peer.request() is not None:
            await until(lambda: released)
            await peer.send(ANSWER)

    on = Filters(request_headers=EDIT, response_headers=EDIT, rewrite=Rewrite(hostname="b", path=PathEdit("/x", "/a")))
    own = Filters(request_headers=HeaderEdit(set=(Header("X-Own", "1"),)))
    async with serving(script, rule={"filters": on, **backends(own)}, endpoint_inflight=1) as gateway:
        clients = [await gateway.client(POST) for _ in range(3)]
        await until(lambda: gateway.count("agw_waiting") == 2, "two wait")
        released.append(True)
        for client in clients:
            assert (await client.response()).one("x-set") == b"ours"
        for request in gateway.requests():
            assert request.start[1] == b"/x/b?c=d"
            assert (request.one("host"), request.one("x-forwarded-host")) == (b"b", b"Agents.example:8080")
            assert (request.all("x-set"), request.one("x-own"), request.body) == ([b"ours"], b"1", b"abc")
            assert len(request.all("x-forwarded-for")) == 1


async def test_an_exchange_keeps_the_filters_that_it_began_with():
    waiting, released = [], []

    async def script(peer):
        while await peer.request() is not None:
            waiting.append(peer)
            await until(lambda: released)
            await peer.send(OK)

    one = Filters(response_headers=HeaderEdit(set=(Header("X-Rule", "one"),)))
    two = Filters(response_headers=HeaderEdit(set=(Header("X-Rule", "two"),)))
    async with serving(script, rule={"filters": one}) as gateway:
        client = await gateway.client(GET)
        await until(lambda: waiting, "the request")
        gateway.swap(entries(gateway.agent_port, filters=two))
        released.append(True)
        assert (await client.response()).one("x-rule") == b"one"
        await client.send(GET)
        assert (await client.response()).one("x-rule") == b"two"


async def test_a_stream_is_edited_and_streams_on():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def script(peer):
        await peer.request()
        await peer.send(head + b"8\r\ndata: 1\n\r\n")
        await peer.more()

    async with serving(script, **filters(response_headers=EDIT)) as gateway:
        client = await gateway.client(GET)
        await client.contains(b"data: 1\n")
        assert b"X-Set: ours" in client.buffer
        assert gateway.count("agw_streams") == 1
        client.close()
        await until(lambda: gateway.peers[0].ended, "the agent hears of it")
