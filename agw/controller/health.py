"""The controller's health port: /livez, /readyz and /metrics, for the kubelet and for Prometheus.

Rules: GET and HEAD of these pages, one request a connection, heads of at most 8 KiB within 5 s, a bounded number of
connections, of which never the one goes that comes (`agw.listening`): the kubelet restarts what does not answer. Nothing
here changes anything, and no page shows a user's data, so it asks for no credentials.

Must not: know what is healthy; the pages are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agw.listening import EVERYWHERE, Seats, address_of, everywhere

_MOST = 64
_OF_ONE = 16  # connections of one address
_HEAD = 8192
_SECONDS = 5.0  # for a head, and for taking the answer
_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
TEXT = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    status: int
    text: str
    content_type: str = TEXT


Pages: TypeAlias = Mapping[str, Callable[[], Page]]
"""By path."""


async def serve(host: str, port: int, pages: Pages) -> asyncio.Server:
    """Listen; host "" or "::" is every address. The caller closes it. Raises OSError."""
    seats = Seats(_MOST, _OF_ONE)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        transport.set_write_buffer_limits(0)  # drain() is over when all is with the kernel
        seat = seats.take(address_of(transport.get_extra_info("peername")), transport.abort)
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            seat.busy = True
            async with asyncio.timeout(_SECONDS):
                writer.write(answer(head, pages))
                await writer.drain()
            writer.close()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, does not listen, or speaks no HTTP
        finally:
            seats.give_back(seat)
            if not transport.is_closing():
                transport.abort()

    if host in EVERYWHERE:
        return await asyncio.start_server(connected, sock=everywhere(port), limit=_HEAD)
    return await asyncio.start_server(connected, host, port, limit=_HEAD)


def answer(head: bytes, pages: Pages) -> bytes:
    """Return the whole answer to a request's head."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return _response(Page(400, "not HTTP/1\n"), body=True)
    method, target = words[0].decode("latin-1"), words[1].decode("latin-1").partition("?")[0]
    page = pages.get(target)
    if page is None:
        return _response(Page(404, f"there are {', '.join(pages)}\n"), body=method != "HEAD")
    if method not in {"GET", "HEAD"}:
        return _response(Page(405, "GET and HEAD only\n"), body=True)
    return _response(page(), body=method != "HEAD")


def _response(page: Page, *, body: bool) -> bytes:
    content = page.text.encode()
    head = (
        f"HTTP/1.1 {page.status} {_PHRASES[page.status]}\r\nContent-Type: {page.content_type}\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n"
    )
    return head.encode() + (content if body else b"")
