"""Rows 126, 129, 130 and 131: connections on which an agent speaks, ends or is silent at the wrong time.

What runs through all of them: an answer reaches the client that asked for it or nobody, and a connection whose position
is in doubt is never used again (RFC 9112 9.2, 9.3, 9.5).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from tests.wire.gateway import GET, OK, Peer, Session, serving, until
from tests.wire.table.model import Row, named
from tests.wire.table.talk import Conversation

EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def saying(text: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


async def echo(peer: Peer) -> None:
    """Answer each request with its target."""
    while (message := await peer.request()) is not None:
        await peer.send(saying(message.start[1]))


async def quiet(session: Session, upstreams: int) -> None:
    """No exchange, and so many connections to the agent."""
    await until(
        lambda: session.reactor.live()["exchanges"] == 0 and session.reactor.live()["upstreams"] == upstreams,
        f"{upstreams} connections, but {session.reactor.live()}",
    )


def get(target: bytes) -> bytes:
    return GET.replace(b" / ", b" " + target + b" ")


# --- 126 ----------------------------------------------------------------------------------------------------------


async def unsolicited(data: bytes, *, reset: bool = False, wait: bool = True) -> int:
    """The agent says something, or ends the connection, while nobody has asked; then there are two more requests."""
    async with serving(echo) as session:
        client = await session.client(get(b"/1"))
        assert (await client.response()).body == b"/1"
        first = session.peers[0]
        await quiet(session, 1)
        if data:
            await first.send(data)
        else:
            first.cut(reset=reset)
        if wait:
            await quiet(session, 0)
        other = await session.client(get(b"/2"))
        await client.send(get(b"/3"))
        assert (await other.response()).body == b"/2"
        assert (await client.response()).body == b"/3"
        assert not client.buffer
        assert not other.buffer
        await until(lambda: first.ended, "the first connection closed")
        assert first.received.count(b"HTTP/1.1") == 1
    return 1


UNSOLICITED = Row(
    126,
    "an agent that speaks, or ends, while its connection is idle",
    (
        *(Conversation(f"{named(data)}, {'seen before' if wait else 'at the same time as'} the next request",
                     partial(unsolicited, data, wait=wait))
        for data in (
            EVIL, EVIL * 3, b"x", b"\r\n", b"\0", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\x15\x03\x03\x00\x02\x01\x00", b"x" * 100_000,
        )
        for wait in (True, False)),
        Conversation("FIN", partial(unsolicited, b"")),
        Conversation("RST", partial(unsolicited, b"", reset=True)),
    ),
)  # fmt: skip


# --- 129 ----------------------------------------------------------------------------------------------------------

Ending = Callable[[Peer], Awaitable[None]]


async def stays(peer: Peer) -> None:
    while await peer.more():
        pass


async def closes(peer: Peer) -> None:
    peer.cut()


async def early(answer: bytes, ending: Ending, head: bytes, begun: bytes, rest: bytes, *, kept: bool) -> int:
    """The agent answers when it has seen the beginning of a body, and never reads the rest."""

    async def script(peer: Peer) -> None:
        if peer is not session.peers[0]:
            return await echo(peer)
        while b"\r\n\r\n" not in peer.received:
            assert await peer.more()
        await peer.send(answer)
        return await ending(peer)

    async with serving(script) as session:
        client = await session.client(head + begun)
        message = await client.response()
        assert (message.status, message.body) == (403, b"no")
        assert (message.one("connection") == b"close") is not kept
        await quiet(session, 0)
        await client.send(rest + get(b"/next"))
        if kept:
            assert (await client.response()).body == b"/next"
            assert session.peers[1].received.startswith(b"GET /next ")
        else:
            assert await client.rest() == b""
            assert len(session.peers) == 1
    return 1


async def both_at_once() -> int:
    """An answer that begins before the request has ended, and goes on while it does: both directions flow."""

    async def script(peer: Peer) -> None:
        while not peer.received.endswith(b"one\r\n"):
            assert await peer.more()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n")
        while not peer.received.endswith(b"two\r\n"):
            assert await peer.more()
        await peer.send(b"3\r\nTWO\r\n")
        assert (await peer.request() or saying(b"")).body == b"onetwo"
        await peer.send(b"0\r\n\r\n")
        await echo(peer)

    async with serving(script) as session:
        client = await session.client(CHUNKED + b"3\r\none\r\n")
        await client.contains(b"3\r\nONE\r\n")
        await client.send(b"3\r\ntwo\r\n")
        await client.contains(b"3\r\nTWO\r\n")
        await client.send(b"0\r\n\r\n")
        assert (await client.response()).body == b"ONETWO"
        await client.send(get(b"/next"))
        assert (await client.response()).body == b"/next"
        assert len(session.peers) == 1
    return 1


NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
NO_CHUNKED = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
NO_UNTIL_CLOSE = b"HTTP/1.1 403 Forbidden\r\n\r\nno"
UPLOADS = {
    "a length": (POST + b"10\r\n\r\n", b"abc", b"defghij", True),
    "chunks": (CHUNKED, b"3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n", True),
    "a body that has not begun": (POST + b"10\r\n\r\n", b"", b"abcdefghij", True),
    "too much to read on": (POST + b"1000000\r\n\r\n", b"abc", b"x" * 40_000, False),
    "the last request": (
        POST.replace(b"Host", b"Connection: close\r\nHost") + b"10\r\n\r\n",
        b"abc",
        b"defghij",
        False,
    ),
}

EARLY = Row(
    129,
    "a final answer before the request has ended",
    (
        *(
            Conversation(f"{name}: {named(answer)}, then {ending.__name__}",
                         partial(early, answer, ending, head, begun, rest, kept=kept))
            for name, (head, begun, rest, kept) in UPLOADS.items()
            for answer, ending in (
                (NO, stays), (NO, closes), (NO_CHUNKED, stays), (NO_CHUNKED, closes), (NO_UNTIL_CLOSE, closes),
                (b"HTTP/1.1 100 Continue\r\n\r\n" + NO, stays), (NO + EVIL, stays),
                (NO.replace(b"HTTP/1.1", b"HTTP/1.0"), closes), (NO.replace(b"Length", b"Length: 2\r\nConnection: close\r\nX"), stays),
            )
        ),
        Conversation("both directions at once", both_at_once),
    ),
)  # fmt: skip


# --- 130 ----------------------------------------------------------------------------------------------------------


async def unanswered(request: bytes, *, reset: bool, after: bytes = b"", fresh: bool = True) -> int:
    """A connection that ends instead of an answer, on its first request or (not fresh) its second."""

    async def script(peer: Peer) -> None:
        message = await peer.request()
        if not fresh and peer is session.peers[0]:
            await peer.send(OK)
            message = await peer.request()
        if message is not None:
            if after:
                await peer.send(after)
            peer.cut(reset=reset)

    async with serving(script) as session:
        client = await session.client(GET if not fresh else request)
        if not fresh:
            await client.response()
            await client.send(request)
        assert (await client.response()).status == 502
        asked = sum(message.start[0] == request.split(b" ")[0] for message in session.requests())
        again = not fresh and not after and request.startswith(b"GET")
        assert asked == (1 if fresh or not request.startswith(b"GET") else 3 if again else 2), asked
        # The client's connection is none the worse for it.
        await client.send(request)
        assert (await client.response()).status == 502
    return 1


NO_ANSWER = Row(
    130,
    "a connection that ends without an answer",
    tuple(
        Conversation(
            f"{request.split(b' ')[0].decode()}, {'RST' if reset else 'FIN'} behind {after!r}, {'first' if fresh else 'second'} request",
            partial(unanswered, request, reset=reset, after=after, fresh=fresh),
        )
        for request in (GET, POST + b"3\r\n\r\nabc", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")
        for reset in (False, True)
        for after in (b"", b"H", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n")
        for fresh in (True, False)
    ),
)


# --- 131 ----------------------------------------------------------------------------------------------------------


async def silent(request: bytes, begun: bytes, **limits: object) -> int:
    """An agent that does not answer, or not to the end of its head."""

    async def script(peer: Peer) -> None:
        if peer is not session.peers[0]:
            return await echo(peer)
        if await peer.request() is not None and begun:
            await peer.send(begun)
        return await stays(peer)

    async with serving(script, **limits) as session:
        client = await session.client(request)
        message = await client.response()
        while message.status < 200:
            message = await client.response()
        assert message.status == 504
        await until(lambda: session.peers[0].ended, "the agent is told")
        # Never again after a timeout: the agent may be at work.
        assert len(session.requests()) == 1
        await client.send(get(b"/next"))
        assert (await client.response()).body == b"/next"
    return 1


SILENT = Row(
    131,
    "an agent that never answers",
    tuple(
        Conversation(f"{request.split(b' ')[0].decode()}, {named(begun)}, by {next(iter(limits))}", partial(silent, request, begun, **limits))
        for request in (GET, POST + b"3\r\n\r\nabc")
        for begun in (b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: y", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 102 x\r\n\r\n")
        for limits in (
            {"response_header_timeout_ms": 100}, {"rule": {"backend_timeout_ms": 100}}, {"rule": {"request_timeout_ms": 100}},
        )
    ),
)  # fmt: skip

ROWS = (UNSOLICITED, EARLY, NO_ANSWER, SILENT)
