"""What agw answers itself, in the protocol of who asked: errors of JSON-RPC with the real HTTP status.

`ROWS` has every reason of an answer of agw's own, each asked for in JSON-RPC and in HTTP+JSON.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from agw._fastpath.answers import largest_error
from agw.errors import EXPLANATIONS, Reason
from agw.snapshot.model import ApiKeyAuth, AuthorizationRule, Limit, Policy, Retry, StreamLimit, WeightedBackend
from tests.wire.gateway import GET, OK, closed_port, entries, replies, serving, until
from tests.wire.test_authorization import CANCEL, guarded
from tests.wire.test_operations import a2a, agent, post, rpc

RULE = "rule/HTTPRoute/d/r/0"
# Answered before it is known which route, and so which protocol: in the shape that says most to most.
BEFORE_THE_ROUTE = {
    Reason.NOT_FOUND,
    Reason.HEAD_TOO_LARGE,
    Reason.METHOD_REFUSED,
    Reason.NOT_IMPLEMENTED,
    Reason.VERSION_REFUSED,
    Reason.EXPECTATION_FAILED,
    Reason.LOOP,
}
SEND = rpc(b"message/send")
REST = b'{"message":{}}'


async def silent(peer):
    """Take everything, and say nothing."""
    while await peer.more():
        pass


async def closes(peer):
    await peer.request()


def with_policy(policy):
    """Put the policy on the route."""

    def change(served):
        rule = msgspec.structs.replace(served[RULE], policy="policy/e")
        return {**served, "policy/e": policy, RULE: rule}

    return change


def with_rule(**fields):
    def change(served):
        return {**served, RULE: msgspec.structs.replace(served[RULE], **fields)}

    return change


def without_endpoints(served):
    backend = served["backend/Backend/d/b"]
    return {**served, "backend/Backend/d/b": msgspec.structs.replace(backend, targets=())}


def nowhere(_):
    return a2a(entries(closed_port()))


async def one(gateway, request):
    """Ask, and give the answer."""
    client = await gateway.client(request)
    return await client.response()


async def last(gateway, request):
    """Ask once more than is let through."""
    assert (await one(gateway, request)).status == 200
    return await one(gateway, request)


async def beside_another(gateway, request):
    """Ask while all that there is is taken."""
    await gateway.client(request)
    await until(gateway.received, "the agent is busy")
    return await one(gateway, request)


async def beside_a_stream(gateway, request):
    """Ask while as many streams are open as may be."""
    client = await gateway.client(request)
    await client.contains(b"\r\n\r\n")
    return await one(gateway, request)


async def at_the_end(gateway, request):
    """Ask, and let the worker end."""
    client = await gateway.client(request)
    await until(lambda: gateway.received().endswith(request[-10:]), "the agent has it")
    gateway.reactor.cut()
    return await client.response()


def by_length(body, path):
    return post(body, path)


def in_bad_chunks(body, path):
    """All of the body, and then what is no chunk."""
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    return head + b"%x\r\n%s\r\nnonsense\r\n" % (len(body), body)


def unfinished(body, path):
    """All of the body, but not all of the request."""
    return in_bad_chunks(body, path)[: -len(b"nonsense\r\n")]


@dataclass(frozen=True)
class Row:
    """An answer. identity: whether the request's id is known by then. fields: of the answer, beside its shape."""

    reason: Reason
    status: int
    identity: bool = False
    script: object = field(default_factory=lambda: replies(OK))
    change: Callable = lambda served: served
    limits: dict = field(default_factory=dict)
    request: Callable = by_length
    path: bytes = b""
    ask: Callable = one
    fields: dict = field(default_factory=dict)


def row(reason, status, **more):
    return pytest.param(Row(reason, status, **more), id=f"{reason.word}-{status}-{len(more)}")


BY_CONSUMER = Policy(authorization=(AuthorizationRule("Allow", consumers=("alice",)),))
BY_OPERATION = Policy(authorization=(AuthorizationRule("Allow", operations=("GetTask",)),))
LIMITED = Policy(limits=(Limit(1, 3600, 1, "Route"),))
LIMITED_BY_OPERATION = Policy(limits=(Limit(1, 3600, 1, "Route", ("SendMessage",)),))
LIMITED_STREAMS = Policy(streams=StreamLimit(1))
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
RETRY_AFTER = {"retry-after": b"3600"}
ROWS = [
    row(Reason.BAD_REQUEST, 400, script=silent, request=in_bad_chunks),
    row(Reason.UNAUTHENTICATED, 401, path=b"/key", fields={"www-authenticate": b'Bearer realm="agw"'}),
    row(Reason.INVALID_BACKEND, 500, change=with_rule(error="a filter that is not served")),
    row(
        Reason.INVALID_BACKEND,
        500,
        change=with_rule(backends=(WeightedBackend("backend/Backend/d/b", 0), WeightedBackend(error="gone"))),
        limits={},
    ),
    row(Reason.NO_ENDPOINT, 503, identity=True, change=without_endpoints),
    row(Reason.CONNECT_FAILED, 503, identity=True, change=nowhere),
    row(Reason.UPSTREAM_INVALID, 502, identity=True, script=replies(b"nonsense\r\n\r\n")),
    row(Reason.UPSTREAM_CLOSED, 502, identity=True, script=closes),
    row(Reason.UPSTREAM_CLOSED, 503, identity=True, script=closes, change=with_rule(retry=Retry(codes=(500,)))),
    row(Reason.UPSTREAM_TIMEOUT, 504, identity=True, script=silent, limits={"response_header_timeout_ms": 100}),
    row(Reason.UPSTREAM_TIMEOUT, 504, identity=True, script=silent, change=with_policy(Policy(request_timeout_ms=100))),
    row(Reason.REQUEST_TIMEOUT, 408, identity=True, script=silent, limits={"body_idle_ms": 100}, request=unfinished),
    row(Reason.TOO_LARGE, 413, limits={"max_body": 5}),
    row(Reason.TOO_LARGE, 413, limits={"max_body": 5}, request=unfinished),
    row(Reason.DRAINED, 503, identity=True, script=silent, ask=at_the_end),
    row(Reason.POLICY_INVALID, 500, change=with_policy(Policy(deny="x"))),
    row(
        Reason.OVERLOADED,
        503,
        identity=True,
        script=silent,
        limits={"endpoint_inflight": 1, "queue_size": 0},
        ask=beside_another,
        fields={"retry-after": b"1"},
    ),
    row(Reason.FORBIDDEN, 403, change=with_policy(BY_CONSUMER)),
    row(Reason.FORBIDDEN, 403, identity=True, change=with_policy(BY_OPERATION)),
    row(Reason.RATE_LIMITED, 429, identity=True, change=with_policy(LIMITED), ask=last, fields=RETRY_AFTER),
    row(
        Reason.RATE_LIMITED,
        429,
        identity=True,
        change=with_policy(LIMITED_BY_OPERATION),
        ask=last,
        fields=RETRY_AFTER,
    ),
    row(
        Reason.TOO_MANY_STREAMS,
        429,
        identity=True,
        script=replies(STREAM),
        change=with_policy(LIMITED_STREAMS),
        ask=beside_a_stream,
    ),
]


async def answer_to(row, body, path):
    """Play a row; the answer, which is the last on its connection or leaves it as it was."""
    async with serving(row.script, **row.limits) as gateway:
        gateway.swap(row.change(a2a(entries(gateway.agent_port))))
        response = await row.ask(gateway, row.request(body, row.path + path))
        assert gateway.count("agw_exchanges_total", f'reason="{row.reason.word}"') == 1
        return response


def check_fields(row, response):
    assert response.status == row.status
    for name in ("www-authenticate", "retry-after"):
        assert response.one(name) == row.fields.get(name)


@pytest.mark.parametrize("row", ROWS)
async def test_every_reason_in_json_rpc(row):
    response = await answer_to(row, SEND, b"/")
    check_fields(row, response)
    assert error(response, 1 if row.identity else None) == row.reason.name


@pytest.mark.parametrize("row", ROWS)
async def test_every_reason_in_http_and_json(row):
    response = await answer_to(row, REST, b"/v1/message:send")
    check_fields(row, response)
    assert response.one("content-type") == b"application/json; charset=utf-8"
    told = json.loads(response.body)["error"]
    [info] = told["details"]
    assert (told["code"], info["reason"]) == (row.status, row.reason.name)
    assert info["domain"] == "agentgateway.alibabacloud.com"
    assert told["status"] == EXPLANATIONS[row.reason].code


def test_no_reason_is_left_out():
    elsewhere = {Reason.INTERNAL, Reason.CARD_REFUSED}  # of answers to card requests, below and in test_cards
    told = {reason for reason in Reason if EXPLANATIONS[reason].code}
    assert {each.values[0].reason for each in ROWS} == told - BEFORE_THE_ROUTE - elsewhere


def test_every_error_has_room():
    size, room = largest_error()
    assert size <= room


@pytest.mark.parametrize("extended", [True, False])
async def test_a_fault_of_our_own(extended, caplog):
    def broken(*_):
        raise RuntimeError

    call = post(rpc(b"GetExtendedAgentCard")) if extended else b"GET /v1/card HTTP/1.1\r\nHost: a\r\n\r\n"
    async with serving(replies(OK), rewrite_card=broken) as gateway:
        gateway.swap(a2a(entries(gateway.agent_port)))
        response = await one(gateway, call)
        assert response.status == 500
        if extended:
            assert error(response, 1) == "INTERNAL"
        else:
            assert json.loads(response.body)["error"]["details"][0]["reason"] == "INTERNAL"


@pytest.mark.parametrize(
    ("line", "more", "reason"),
    [
        (b"POST /other HTTP/1.1", b"", "NOT_FOUND"),
        (b"POST / HTTP/1.1", b"X: %s\r\n" % (b"x" * 70_000), "HEAD_TOO_LARGE"),
        (b"TRACE / HTTP/1.1", b"", "METHOD_REFUSED"),
        (b"POST / HTTP/1.1", b"Expect: the unexpected\r\n", "EXPECTATION_FAILED"),
        (b"POST / HTTP/2.0", b"", "VERSION_REFUSED"),
    ],
)
async def test_what_is_answered_before_the_route_is_known_is_in_the_shape_of_rest(line, more, reason):
    async with serving(replies(OK), path="/a") as gateway:
        gateway.swap(a2a(entries(gateway.agent_port, path="/a")))
        request = post(SEND, more=more).replace(b"POST / HTTP/1.1", line)
        response = await one(gateway, request)
        assert EXPLANATIONS[Reason[reason]].statuses[0] == response.status
        assert json.loads(response.body)["error"]["details"][0]["reason"] == reason


@pytest.mark.parametrize("policy", [Policy(api_key=ApiKeyAuth(credentials="credentials/d/s"))])
async def test_an_error_has_none_of_the_codes_that_mean_something_to_a2a(policy):
    async with serving(replies(OK)) as gateway:
        gateway.swap(with_policy(policy)(a2a(entries(gateway.agent_port))))
        told = json.loads((await one(gateway, post(SEND))).body)
        assert not -32009 <= told["error"]["code"] <= -32001


def error(response, identity):
    """The reason in an error of JSON-RPC."""
    assert response.one("content-type") == b"application/json; charset=utf-8"
    told = json.loads(response.body)
    assert (told["jsonrpc"], told["id"]) == ("2.0", identity)
    [info] = told["error"]["data"]
    assert info["metadata"] == {"httpStatus": str(response.status)}
    assert told["error"]["code"] == -32603
    assert told["error"]["message"].startswith(f"{response.status} ")
    return info["reason"]


@pytest.mark.parametrize("sent", [b"1", b'"a\\"b"', b"-1.5e3", '"\u00e9"'.encode()])
async def test_an_error_bears_the_id_of_its_request(sent):
    async with guarded() as gateway:
        client = await gateway.client(post(CANCEL.replace(b'"id":1', b'"id":' + sent)))
        response = await client.response()
        assert response.status == 403
        assert error(response, json.loads(sent)) == "FORBIDDEN"


@pytest.mark.parametrize("sent", [b"null", b"true", b"{}", b'"%s"' % (b"x" * 200)])
async def test_an_id_of_no_use_is_null(sent):
    async with guarded() as gateway:
        client = await gateway.client(post(CANCEL.replace(b'"id":1', b'"id":' + sent)))
        assert error(await client.response(), None) == "FORBIDDEN"


@pytest.mark.parametrize("sent", [b'"abc', b'"abc\x01"', b'"\xff"', b'"a\\q"', b"-x", b"1.", b"01", b'1,"id":2'])
async def test_an_id_that_is_not_whole_is_null(sent):
    async with agent() as gateway:
        gateway.swap(a2a(entries(closed_port())))
        client = await gateway.client(post(b'{"jsonrpc":"2.0","id":' + sent))
        assert error(await client.response(), None) == "CONNECT_FAILED"


async def test_a_refusal_before_the_body_has_no_id():
    async with agent() as gateway:
        client = await gateway.client(post(rpc(b"message/send"), b"/key"))
        response = await client.response()
        assert response.status == 401
        assert response.one("www-authenticate") == b'Bearer realm="agw"'
        assert error(response, None) == "UNAUTHENTICATED"


async def test_an_agent_that_cannot_be_reached():
    async with agent() as gateway:
        served = a2a(entries(closed_port()))
        gateway.swap(served)
        client = await gateway.client(post(rpc(b"message/send")))
        response = await client.response()
        assert response.status == 503
        assert error(response, 1) == "CONNECT_FAILED"


async def test_an_agent_that_closes_without_an_answer():
    async def closes(peer):
        await peer.request()

    async with agent(closes) as gateway:
        client = await gateway.client(post(rpc(b"message/send")))
        response = await client.response()
        assert response.status == 502
        assert error(response, 1) == "UPSTREAM_CLOSED"


@pytest.mark.parametrize(
    "request_", [post(b"{}", b"/key/message:send"), GET.replace(b"/", b"/key", 1), post(b"x", b"/key", b"text/plain")]
)
async def test_others_get_what_rest_clients_read(request_):
    async with agent() as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.status == 401
        assert json.loads(response.body)["error"]["details"][0]["reason"] == "UNAUTHENTICATED"


async def test_other_backends_speak_no_rpc():
    async with guarded(protocol="HTTP", script=replies(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as gateway:
        client = await gateway.client(post(rpc(b"message/send"), b"/key"))
        assert b"jsonrpc" not in (await client.response()).body
