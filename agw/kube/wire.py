"""HTTP/1.1 to one API server, for requests: connections that are kept, and no more work for an exchange than it takes.

Why not the library that streams and proxied clusters are read with: a controller's day is thousands of small writes, and
of each the library's own work (URLs, header maps, cookies, hooks, pools within pools) was nine tenths. Parsing is
llhttp's; what is left is one write, one read and the bytes of the answer.

Rules: a connection carries one exchange at a time and is used again, the warmest first, until it has rested for `_REST`
(API servers close after 90 s). One whose exchange did not end as it should, cancelled ones too, is closed. What goes
wrong on the way is an OSError. Credentials come from `auth`, as the library has it: a flow that gives headers, is told of
the answer, and may try once more.

Must not: repeat a request by itself, follow a redirect (what is asked carries credentials), or know Kubernetes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import quote, urlencode, urlsplit

import httptools

CONNECT_SECONDS = 10.0
_REST = 60.0  # seconds
_PORTS = {"http": 80, "https": 443}
_PATH = "/%:@!$&'()*+,;=~"  # of RFC 3986, what a path may have; "%": it is quoted already
_NO_BODY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. retry_after: the header's text, "" without one."""

    status_code: int
    body: bytes
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        """Whether it is 2xx."""
        return 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. body: JSON, None for none."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = ""

    def __str__(self) -> str:
        """Method and path, for people."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class _Headers:
    """What an authentication flow sees of a request."""

    headers: dict[str, str] = field(default_factory=dict)


class _Flow(Protocol):
    """An authentication of one request: asked for headers, then told of the answer."""

    async def __anext__(self) -> object: ...

    async def asend(self, value: object, /) -> object: ...

    async def aclose(self) -> None: ...


class Authentication(Protocol):
    """How requests authenticate; httpx2.Auth is one."""

    def async_auth_flow(self, request: object, /) -> _Flow:
        """Begin with a request; its headers are set."""


class _Connection(asyncio.Protocol):
    """One connection: `exchange` sends, and gives the answer that comes next. ended: set when nothing is left of it."""

    def __init__(self) -> None:
        self.usable = True
        self.ended = asyncio.Event()
        self.since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._body: list[bytes] = []
        self._retry_after = ""
        self._headed = self._framed = False

    async def exchange(self, data: bytes) -> Answer:
        """Send a request and wait for its answer; ConnectionError where none comes."""
        if not self.usable or self._transport is None:
            raise ConnectionResetError("the connection was closed")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._waiter

    def close(self) -> None:
        """End it, in whatever state it is: neither side has anything to say any more that the other waits for."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # which uvloop's is in all but its bases

    def data_received(self, data: bytes) -> None:
        if self._asked is None:
            self._break("bytes that nobody has asked for")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._break(f"no HTTP answer: {error}")
        except httptools.HttpParserUpgrade:
            self._break("another protocol than was asked for")

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self.ended.set()
        if self._asked is None:
            return
        if error is None and self._headed and not self._framed:
            self.on_message_complete()  # an answer that the connection's end completes (RFC 9112 6.3)
            return
        self._break(str(error) if error is not None else "the connection ended in the middle of an exchange")

    @property
    def _asked(self) -> asyncio.Future[Answer] | None:
        """Who waits for an answer."""
        return self._waiter if self._waiter is not None and not self._waiter.done() else None

    def _break(self, why: str) -> None:
        if (asked := self._asked) is not None:
            asked.set_exception(ConnectionResetError(why))
        self.close()

    # What the parser says

    def on_message_begin(self) -> None:
        if self._asked is None:
            self.usable = False  # a second answer to one request
        self._body.clear()
        self._retry_after = ""
        self._headed = self._framed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"retry-after":
            self._retry_after = value.decode("latin-1")
        elif lower in {b"content-length", b"transfer-encoding"}:
            self._framed = True

    def on_headers_complete(self) -> None:
        self._headed = True
        self._framed = self._framed or self._parser.get_status_code() in _NO_BODY

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or (asked := self._asked) is None:
            return  # 1xx: the answer is still to come (RFC 9110 15.2)
        self.usable = self.usable and self._framed and self._parser.should_keep_alive()
        asked.set_result(Answer(status, b"".join(self._body), self._retry_after))
        self._body.clear()


class Pool:
    """Connections to one server. As many are made as are used at once; whoever uses it bounds that.

    server: its URL; paths go below it. context: for https. options: of sockets.
    """

    def __init__(
        self,
        server: str,
        context: ssl.SSLContext,
        auth: Authentication | None,
        headers: Mapping[str, str],
        options: Iterable[tuple[int, int, int]] = (),
    ) -> None:
        """Connect to nothing yet. Raises ValueError for a URL that is none of HTTP."""
        url = urlsplit(server)
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError(f"{server!r} is no URL of http or https")
        self._host = url.hostname
        self._port = url.port or _PORTS[url.scheme]
        self._context = context if url.scheme == "https" else None
        self._prefix = url.path.rstrip("/")
        self._auth = auth
        self._options = tuple(options)
        all_headers = {"Host": url.netloc.rpartition("@")[2], **headers}
        self._constant = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        self._resting: list[_Connection] = []
        self._open: set[_Connection] = set()  # and some that have ended since

    async def send(self, ask: Ask) -> Answer:
        """Exchange one request. Raises ConnectionError; and what the authentication raises."""
        if self._auth is None:
            return await self._exchange(self._bytes(ask, {}))
        asked = _Headers()
        flow = self._auth.async_auth_flow(asked)
        try:
            await flow.__anext__()
            while True:
                answer = await self._exchange(self._bytes(ask, asked.headers))
                try:
                    await flow.asend(answer)
                except StopAsyncIteration:
                    return answer
        finally:
            await flow.aclose()

    async def close(self) -> None:
        """End all connections; exchanges under way fail."""
        self._resting.clear()
        for connection in self._open:
            connection.close()
        await asyncio.gather(*(connection.ended.wait() for connection in self._open))
        self._open.clear()

    def _bytes(self, ask: Ask, headers: Mapping[str, str]) -> bytes:
        target = f"{self._prefix}{quote(ask.path, safe=_PATH)}"
        if ask.query:
            target = f"{target}?{urlencode(ask.query)}"
        more = "".join(f"{name}: {_value(value)}\r\n" for name, value in headers.items())
        body = ask.body or b""
        if ask.body is not None:
            more = f"{more}Content-Type: {ask.content_type}\r\nContent-Length: {len(body)}\r\n"
        return f"{ask.method} {target} HTTP/1.1\r\n{self._constant}{more}\r\n".encode("latin-1") + body

    async def _exchange(self, data: bytes) -> Answer:
        connection = self._rested() or await self._connect()
        try:
            answer = await connection.exchange(data)
        except BaseException:
            connection.close()
            raise
        if connection.usable:
            connection.since = asyncio.get_running_loop().time()
            self._resting.append(connection)
        else:
            connection.close()
        return answer

    def _rested(self) -> _Connection | None:
        """Take the connection that was used last, and close those that have rested for too long."""
        oldest = asyncio.get_running_loop().time() - _REST
        while self._resting and (self._resting[0].since < oldest or not self._resting[0].usable):
            self._resting.pop(0).close()
        while self._resting:
            connection = self._resting.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> _Connection:
        name = self._host if self._context is not None else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                transport, connection = await asyncio.get_running_loop().create_connection(
                    _Connection, self._host, self._port, ssl=self._context, server_hostname=name
                )
        except TimeoutError:
            raise ConnectionError(f"no connection within {CONNECT_SECONDS:g} s") from None
        except OSError as error:  # a name that does not resolve, a certificate that is not to be believed
            raise ConnectionError(str(error)) from error
        self._open = {each for each in self._open if not each.ended.is_set()} | {connection}
        found: socket.socket = transport.get_extra_info("socket")
        for option in self._options:
            found.setsockopt(*option)
        return connection


def _value(text: str) -> str:
    """Refuse a header's value that would be another header: a token's file may hold anything."""
    if "\r" in text or "\n" in text or "\0" in text:
        raise ValueError("a credential has a line break in it")
    return text
