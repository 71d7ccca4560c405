"""What a good conversation looks like on both sides of the gateway."""

import pytest

from tests.wire.gateway import GET, OK, replies, serving


async def test_connections_are_kept_on_both_sides():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client()
        for _ in range(3):
            await client.send(GET)
            assert (await client.response()).body == b"hello"
        assert len(gateway.peers) == 1
        assert len(gateway.requests()) == 3


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_pipelined_requests_are_answered_in_order(step):
    async def script(peer):
        while (request := await peer.request()) is not None:
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + request.start[1][1:]
            for at in range(0, len(answer), step):
                await peer.send(answer[at : at + step])

    async with serving(script) as gateway:
        client = await gateway.client(b"".join(b"GET /%02d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(20)))
        assert [(await client.response()).body for _ in range(20)] == [b"%02d" % n for n in range(20)]


@pytest.mark.parametrize(
    ("framing", "body", "seen"),
    [
        (b"Content-Length: 5", b"abcde", b"abcde"),
        (b"Content-Length: 0", b"", b""),
        (b"Transfer-Encoding: chunked", b"3;x=y\r\nabc\r\n02\r\nde\r\n0\r\nT: v\r\n\r\n", b"abcde"),
        (b"Transfer-Encoding: Chunked", b"0\r\n\r\n", b""),
        (b"Content-Length: 300000", b"x" * 300_000, b"x" * 300_000),
    ],
)
async def test_request_bodies(framing, body, seen):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + body)
        assert (await client.response()).status == 200
        [request] = gateway.requests()
        assert request.body == seen
        assert request.framing == ("chunked" if b"hunked" in framing else "length")


async def test_response_framings():
    head = b"HTTP/1.1 200 OK\r\n"
    answers = (
        head + b"Content-Length: 3\r\n\r\nabc",
        head + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;e\r\nbc\r\n0\r\nT: v\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    )
    async with serving(replies(*answers)) as gateway:
        client = await gateway.client(GET * 4)
        found = [await client.response() for _ in answers]
        assert [(message.status, message.body) for message in found] == [
            (200, b"abc"),
            (200, b"abc"),
            (204, b""),
            (304, b""),
        ]
        assert len(gateway.peers) == 1


async def test_an_answer_until_close_is_chunked():
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nabc")

    async with serving(script) as gateway:
        client = await gateway.client(GET)
        message = await client.response()
        assert (message.body, message.framing) == (b"abc", "chunked")


async def test_head_keeps_the_length_and_has_no_body():
    async def script(peer):
        while (request := await peer.request()) is not None:
            await peer.send(OK.removesuffix(b"hello") if request.start[0] == b"HEAD" else OK)

    async with serving(script) as gateway:
        client = await gateway.client(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        assert (await client.response(head=True)).one("content-length") == b"5"
        assert (await client.response()).body == b"hello"


async def test_100_continue_before_the_body():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        assert (await client.response()).status == 100
        await client.send(b"abc")
        assert (await client.response()).status == 200
        [request] = gateway.requests()
        assert request.body == b"abc"
        assert request.one("expect") is None


async def test_early_hints_pass():
    async with serving(replies(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)) as gateway:
        client = await gateway.client(GET)
        hints = await client.response()
        assert (hints.status, hints.one("link")) == (103, b"</a>")
        assert (await client.response()).status == 200


async def test_only_the_used_credential_is_removed():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(
            b"GET /key HTTP/1.1\r\nHost: a\r\nX-API-Key: foo\r\nCookie: c=d\r\nX-Other-Key: bar\r\n\r\n"
        )
        assert (await client.response()).status == 200
        [request] = gateway.requests()
        assert request.one("x-api-key") is None
        assert request.one("cookie") == b"c=d"
        assert request.one("x-other-key") == b"bar"


async def test_a_credential_where_none_is_asked_for_passes():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer other\r\n\r\n")
        assert (await client.response()).status == 200
        assert gateway.requests()[0].one("authorization") == b"Bearer other"


async def test_forwarding_fields_are_ours():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(
            b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n"
            b"X-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nProxy: x\r\n\r\n"
        )
        answer = await client.response()
        [request] = gateway.requests()
        assert request.one("x-forwarded-for") == b"127.0.0.1"
        assert request.one("x-forwarded-proto") == b"http"
        assert request.one("x-forwarded-host") == b"a.example"
        assert request.one("via") == b"1.1 agw"
        assert request.one("x-request-id")
        assert answer.one("x-request-id") == request.one("x-request-id")
        for name in ("forwarded", "x-real-ip", "proxy"):
            assert request.one(name) is None


async def test_hop_by_hop_fields_stay_on_their_hop():
    answer = b"HTTP/1.1 200 OK\r\nConnection: X-Up\r\nX-Up: 1\r\nKeep-Alive: timeout=5\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n"
    async with serving(replies(answer)) as gateway:
        client = await gateway.client(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Down, Host, X-Forwarded-For\r\nX-Down: 1\r\nKeep-Alive: 5\r\n"
            b"Proxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-End: 1\r\nX_Under: 1\r\n\r\n"
        )
        message = await client.response()
        [request] = gateway.requests()
        for name in ("x-down", "keep-alive", "proxy-connection", "te", "upgrade", "http2-settings", "x_under"):
            assert request.one(name) is None, name
        assert request.one("x-end") == message.one("x-end") == b"1"
        assert request.one("host") == b"a"
        assert request.one("x-forwarded-for") == b"127.0.0.1"
        assert message.one("x-up") is None
        assert message.one("keep-alive") is None


@pytest.mark.parametrize(("target", "status"), [(b"/key", 401), (b"/other", 404), (b"/broken", 500), (b"/empty", 503)])
async def test_what_the_gateway_answers_itself(target, status):
    async with serving(replies(OK), path="/only") as gateway:
        client = await gateway.client(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        message = await client.response()
        assert message.status == status
        assert message.body
        assert bool(message.one("www-authenticate")) == (status == 401)
        assert gateway.received() == b""
