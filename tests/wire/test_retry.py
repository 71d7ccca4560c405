"""When a request is sent again, and when it must not be: rule by rule (RFC 9110 9.2.2, RFC 9112 9.3.1)."""

import asyncio
import socket

import pytest

from tests.wire.gateway import GET, OK, Peer, closed_port, entries, serving, until

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def request(method, *, size=None, chunked=False):
    """A request of this method, with a body of this size, or one in chunks."""
    start = method + b" / HTTP/1.1\r\n"
    if chunked:
        return start + CHUNKED
    if size is None:
        return start + b"Host: a\r\n\r\n"
    return start + b"Host: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


def stale(*, reset=False, begun=False):
    """The first connection answers one request, and ends on the second: when it is whole, or has only begun."""

    async def script(peer):
        first = not script.seen
        script.seen.append(peer)
        while await peer.request() is not None:
            await peer.send(OK)
            if first:
                if begun:
                    await peer.more()
                else:
                    await peer.request()
                peer.cut(reset=reset)
                return

    script.seen = []
    return script


async def sent_on_stale(data, **how):
    """Send a request over a connection that ends on it; give the status, and the requests that came of it."""
    async with serving(stale(**how)) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(data)
        message = await client.response(head=data.startswith(b"HEAD"))
        again = len(gateway.peers) > 1
        # Whatever came of it, the client's connection is good, and so is the endpoint.
        if message.one("connection") != b"close":
            await client.send(GET)
            assert (await client.response()).status == 200
        assert gateway.count("agw_ejections_total") == 0
        return message.status, again


IDEMPOTENT = [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"]
OTHERS = [b"POST", b"PATCH", b"PROPFIND", b"get"]


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("method", IDEMPOTENT)
@pytest.mark.parametrize("body", [{}, {"size": 3}, {"chunked": True}, {"size": 40_000}], ids=str)
async def test_an_idempotent_request_is_sent_again_whole(method, body, reset):
    assert await sent_on_stale(request(method, **body), reset=reset) == (200, True)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize("body", [{}, {"size": 3}, {"chunked": True}], ids=str)
async def test_any_other_is_sent_once(method, body, reset):
    assert await sent_on_stale(request(method, **body), reset=reset) == (502, False)


async def test_what_comes_while_the_connection_is_being_lost_is_sent_again_too():
    begun = asyncio.Event()

    async def script(peer):
        first = not script.seen
        script.seen.append(peer)
        while await peer.request() is not None:
            await peer.send(OK)
            if first:
                await peer.more()
                begun.set()
                return

    script.seen = []
    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(b"PUT /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await begun.wait()
        # In one turn of the loop: the gateway meets the reset when it sends, before it can read of it.
        await client.send(b"3\r\ndef\r\n0\r\n\r\n")
        script.seen[0].cut(reset=True)
        assert (await client.response()).status == 200
        assert script.seen[1].received.startswith(b"PUT /a HTTP/1.1\r\n")
        assert script.seen[1].received.endswith(b"\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")


@pytest.mark.parametrize("method", [b"PUT", b"DELETE"])
async def test_a_body_that_was_not_kept_is_not_sent_again(method):
    data = request(method, size=200_000)
    assert (await sent_on_stale(data, begun=True))[0] == 502


async def test_a_body_that_is_still_coming_goes_on_over_the_new_connection():
    async def script(peer):
        if peer is gateway.peers[0]:
            await peer.request()
            await peer.send(OK)
            while not peer.received.endswith(b"abc"):
                await peer.more()
            peer.cut()
            return
        message = await peer.request()
        assert message is not None
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(message.body), message.body))
        await peer.more()

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        await until(lambda: len(gateway.peers) == 2, "a new connection")
        await client.send(b"def")
        assert (await client.response()).body == b"abcdef"


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("data", [POST, request(b"POST", chunked=True), request(b"PATCH", size=100_000)])
async def test_a_connection_that_had_ended_before_takes_no_request_at_all(data, reset):
    """The FIN is there before the request is written: nothing of it is sent, so that any method may go elsewhere."""

    async def script(peer):
        while await peer.request() is not None:
            await peer.send(OK)
            if peer is gateway.peers[0]:
                peer.cut(reset=reset)
                return

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(data)
        assert (await client.response()).status == 200
        assert len(gateway.requests()) == 2
        assert gateway.count("agw_retries_total") == 0


@pytest.mark.parametrize(
    "begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
)
async def test_nothing_is_sent_again_behind_the_first_byte_of_an_answer(begun):
    async def script(peer):
        await peer.request()
        await peer.send(OK)
        if await peer.request() is not None:
            await peer.send(begun)
            peer.cut()

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(GET)
        message = await client.response()
        if message.status == 103:
            message = await client.response()
        assert message.status == 502
        assert len(gateway.requests()) == 2


@pytest.mark.parametrize("data", [GET, POST])
async def test_a_new_connection_that_ends_is_the_agents_answer(data):
    async def script(peer):
        await peer.request()
        peer.cut()

    async with serving(script) as gateway:
        client = await gateway.client(data)
        assert (await client.response()).status == 502
        assert len(gateway.peers) == 1


async def test_it_is_sent_again_once_and_no_more():
    async def script(peer):
        if peer is gateway.peers[0]:
            await peer.request()
            await peer.send(OK)
        await peer.request()

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(GET)
        assert (await client.response()).status == 502
        assert len(gateway.peers) == 2


@pytest.mark.parametrize("limits", [{"response_header_timeout_ms": 100}, {"rule": {"backend_timeout_ms": 100}}])
async def test_never_after_a_timeout(limits):
    async def script(peer):
        await peer.request()
        await peer.send(OK)
        while await peer.more():
            pass

    async with serving(script, **limits) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(GET)
        assert (await client.response()).status == 504
        assert len(gateway.peers) == 1


# --- other endpoints ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [GET, POST, request(b"POST", chunked=True), request(b"PUT", size=300_000)])
async def test_a_refused_connect_goes_to_the_other_endpoint_whatever_the_method(data):
    async def script(peer):
        while await peer.request() is not None:
            await peer.send(OK)

    async with serving(script, before=(closed_port(),)) as gateway:
        for _ in range(4):
            client = await gateway.client(data)
            assert (await client.response()).status == 200
        assert len(gateway.requests()) == 4


async def test_a_stale_connection_to_one_endpoint_leads_to_the_other():
    """Sent again, a request goes to another endpoint where there is one."""
    served = []

    async def other(reader, writer):
        peer = Peer(reader, writer)
        while await peer.request() is not None:
            served.append(peer)
            await peer.send(OK)
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    try:
        async with serving(stale()) as gateway:
            client = await gateway.client(GET)
            await client.response()
            # The first connection is kept; now there are two endpoints, and only the first of them is stale.
            gateway.swap(entries(gateway.agent_port, server.sockets[0].getsockname()[1]))
            for _ in range(40):
                await client.send(GET)
                assert (await client.response()).status == 200
                if gateway.count("agw_retries_total"):
                    break
            assert gateway.count("agw_retries_total") == 1
            assert len(gateway.peers) == 1, "the same endpoint was asked again"
            assert served
    finally:
        server.close()


async def test_where_both_refuse_it_is_503_and_no_third():
    async with serving(stale()) as gateway:
        gateway.swap(entries(closed_port(), closed_port()))
        client = await gateway.client(GET)
        assert (await client.response()).status == 503
        await client.send(POST)
        assert (await client.response()).status == 503
        assert gateway.peers == []


async def test_a_client_that_has_gone_is_no_reason_to_try_again():
    async def script(peer):
        await peer.request()
        await peer.send(OK)
        await peer.request()
        gone.set()
        await peer.more()

    gone = asyncio.Event()
    async with serving(script) as gateway:
        client = await gateway.client(GET)
        await client.response()
        await client.send(GET)
        await gone.wait()
        client.sock.shutdown(socket.SHUT_RDWR)
        client.close()
        await until(lambda: gateway.reactor.live()["exchanges"] == 0, "over")
        assert len(gateway.peers) == 1
