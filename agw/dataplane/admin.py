"""The HTTP server of the admin port: small, strict, and safe next to a browser.

Any web page that the user has open can send requests to loopback, and with DNS rebinding it can read the answers. So:
the Host must be a loopback name, an IP literal or one of `--admin-host`; another page's Origin, or a Sec-Fetch-Site
that says so, is refused; every POST needs `X-Agw-Admin: 1`, which a form cannot send and a script only after a
preflight that is never granted. No CORS header is ever sent.

In a pod the port is open to the kubelet and to Prometheus, and so to every other pod: whoever does not come from this
machine gets the pages of health and metrics, and nothing that shows the configuration or changes anything.

Rules: one request per connection, limits on every size and number and a deadline on everything; at the limit of
connections it is never who comes that goes (`agw.listening`), since the kubelet restarts a pod that does not answer.
What the pages say is not known here: they are functions from request to response.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

import httptools

from agw.dataplane.ports import owner_of
from agw.errors import ConfigurationError, Problem
from agw.listening import EVERYWHERE, Seat, Seats, address_of, everywhere
from agw.settings import Address

MAX_REQUEST = 16_384
"""Bytes of head and body together."""

MAX_DISCARDED = 1 << 20
"""Bytes that a client may still be sending when it has been refused."""

MAX_FIELDS = 64
FAR_PAGES = frozenset({"/livez", "/readyz", "/metrics"})
"""What clients on other machines may read."""

MAX_CONNECTIONS = 64
MAX_OF_ONE = 16
"""Connections of one address."""

REQUEST_DEADLINE = 5.0
RESPONSE_DEADLINE = 30.0
GUARD = "x-agw-admin"

_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_METHODS = frozenset({"GET", "HEAD", "POST"})
_SAME_PAGE = frozenset({"same-origin", "none"})
_FIXED = (
    "Connection: close\r\n"
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request. headers: names in lower case; a name that came more than once has all its values.

    near: from this machine.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    near: bool = True

    def one(self, name: str) -> str | None:
        """Return the value of a header that came once, else None."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. headers: besides those that every answer has."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]


def plain(status: int, text: str) -> Response:
    """Answer with a line of text."""
    return Response(status, text.encode(errors="backslashreplace") + b"\n")


def refusal(request: Request, names: frozenset[str]) -> Response | None:
    """Say why a request must not be answered; None where it may. names: lower-case, of `--admin-host`."""
    host = request.one("host")
    if host is None:
        return plain(400, "exactly one Host is needed")
    if not is_own_host(host, names):
        return plain(421, "this Host is not served here: use an address, localhost or a name given with --admin-host")
    if "origin" in request.headers and request.one("origin") != f"http://{host}":
        return plain(403, "requests from other origins are refused")
    if not set(request.headers.get("sec-fetch-site", ())) <= _SAME_PAGE:
        return plain(403, "requests from other sites are refused")
    if request.method == "POST" and request.one(GUARD) != "1":
        return plain(403, "a POST needs the header X-Agw-Admin: 1")
    return None if request.near else _refusal_of_far(request)


def _refusal_of_far(request: Request) -> Response | None:
    if request.method != "POST" and request.path in FAR_PAGES:
        return None
    return plain(403, "from another machine only /livez, /readyz and /metrics can be read")


def is_own_host(host: str, names: frozenset[str]) -> bool:
    """Tell whether a Host (`name`, `name:port`, `[ipv6]:port`) can be ours, whatever DNS says."""
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        name, port = host, ""
    if port and not (port.isascii() and port.isdigit()):
        return False
    name = name.lower()
    if name == "localhost" or name in names:
        return True
    bracketed = name.startswith("[") and name.endswith("]")
    try:
        return (ip_address(name[1:-1] if bracketed else name).version == 6) == bracketed
    except ValueError:
        return False


def is_near(peer: object) -> bool:
    """Tell whether a socket's peer name is of this machine's loopback."""
    address = address_of(peer)
    return bool(address) and ip_address(address).is_loopback


class AdminServer:
    """Listens, and answers with what the handler returns."""

    def __init__(self, handler: Handler, names: tuple[str, ...], on_error: Callable[[BaseException], None]) -> None:
        """Answer with `handler`; on_error gets what it raises, the client a 500."""
        self._handler = handler
        self._names = frozenset(names)
        self._on_error = on_error
        self._server: asyncio.Server | None = None
        self._seats = Seats(MAX_CONNECTIONS, MAX_OF_ONE)

    async def start(self, address: Address) -> Address:
        """Listen; return the address with the port that the kernel chose. ConfigurationError where that fails."""
        loop = asyncio.get_running_loop()
        try:
            if address.host in EVERYWHERE:  # asyncio would take IPv6 alone
                self._server = await loop.create_server(self._connection, sock=everywhere(address.port))
            else:
                self._server = await loop.create_server(self._connection, address.host, address.port)
        except OSError as error:
            raise ConfigurationError((_cannot_listen(address, error),)) from error
        return Address(address.host, self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop what is open."""
        if self._server is not None:
            self._server.close()
            self._seats.clear()
            await self._server.wait_closed()

    def _connection(self) -> asyncio.Protocol:
        return _Connection(self._respond, self._seats)

    def _respond(self, request: Request) -> Response:
        if request.method not in _METHODS:
            return plain(405, "GET, HEAD and POST only")
        refused = refusal(request, self._names)
        if refused is not None:
            return refused
        try:
            return self._handler(request)
        except Exception as error:  # noqa: BLE001 - a fault in a page must not take the supervisor with it
            self._on_error(error)
            return plain(500, "internal error, see the log")


class _Connection(asyncio.Protocol):
    """One request, one answer. The parser calls the on_* methods while it is fed."""

    def __init__(self, respond: Handler, seats: Seats) -> None:
        self._respond = respond
        self._seats = seats
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, tuple[str, ...]] = {}
        self._fields = 0
        self._received = 0
        self._near = False
        self._answered = False
        self._transport: asyncio.Transport
        self._seat: Seat
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; another gives way where there are too many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server promises
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._near = is_near(peer)
        self._seat = self._seats.take(address_of(peer), transport.abort)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(REQUEST_DEADLINE, self._answer, plain(408, "the request did not arrive in time"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        del exc
        self._seats.give_back(self._seat)
        if self._timer is not None:
            self._timer.cancel()

    def eof_received(self) -> bool:
        """Close when the client has closed its side."""
        return False

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within limits."""
        self._received += len(data)
        if self._answered:
            if self._received > MAX_DISCARDED:
                self._transport.abort()
            return
        if self._received > MAX_REQUEST:
            self._answer(plain(413, "the request is too large"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._answered:
                self._answer(plain(400, "not a request that is understood here"))

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in pieces."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a field."""
        if self._answered:
            return
        self._fields += 1
        if self._fields > MAX_FIELDS:
            self._answer(plain(431, "too many header fields"))
            return
        key = name.decode("latin-1").lower()
        self._headers[key] = (*self._headers.get(key, ()), value.decode("latin-1"))

    def on_message_complete(self) -> None:
        """Answer."""
        if self._answered:
            return
        target = self._target.decode("latin-1")
        if not target.startswith("/"):
            self._answer(plain(400, "the target must be a path"))
            return
        path, _, query = target.partition("?")
        method = self._parser.get_method().decode("latin-1")
        response = self._respond(Request(method, path, query, self._headers, self._near))
        self._answer(response, with_body=method != "HEAD")

    def _answer(self, response: Response, *, with_body: bool = True) -> None:
        self._answered = self._seat.busy = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(RESPONSE_DEADLINE, self._transport.abort)
        head = f"HTTP/1.1 {response.status} {_REASONS[response.status]}\r\n{_FIXED}"
        head += f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        self._transport.write(head.encode("latin-1") + b"\r\n" + (response.body if with_body else b""))
        # Closing with bytes unread resets the connection, and the answer with it (RFC 9112 section 9.6): close our side
        # only, and let the client close the other.
        self._transport.write_eof()


def _cannot_listen(address: Address, error: OSError) -> Problem:
    if error.errno != errno.EADDRINUSE:
        return Problem("AGW3005", f"the admin port {address} cannot be opened: {error.strerror or error}")
    owner = owner_of(address.port)
    by = f"process {owner}" if owner else "another process"
    return Problem(
        code="AGW3005",
        message=f"the admin port {address} is in use by {by}",
        hint="another gateway? choose another address with --admin HOST:PORT; port 0 takes a free one",
    )
