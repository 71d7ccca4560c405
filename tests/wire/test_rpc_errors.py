"""What agw answers itself, in the protocol of who asked: errors of JSON-RPC with the real HTTP status."""

import json

import pytest

from tests.wire.gateway import GET, closed_port, entries, replies
from tests.wire.test_authorization import CANCEL, guarded
from tests.wire.test_operations import a2a, agent, post, rpc


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
