"""The controller's health port: /livez, /readyz and /metrics, for the kubelet and for Prometheus.

Rules: GET and HEAD of these pages, one request a connection, heads of at most 8 KiB within 5 s, a bounded number of
connections. Nothing here changes anything, and no page shows a user's data, so it asks for no credentials.

Must not: know what is healthy; the pages are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

_MOST = 64
_HEAD = 8192
_SECONDS = 5.0
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
    """Listen; host "" is every address. The caller closes it. Raises OSError."""
    free = asyncio.Semaphore(_MOST)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if free.locked():
            writer.close()
            return
        async with free:
            try:
                async with asyncio.timeout(_SECONDS):
                    writer.write(answer(await reader.readuntil(b"\r\n\r\n"), pages))
                    await writer.drain()
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                pass  # whoever asked has gone, or speaks no HTTP
            finally:
                writer.close()

    return await asyncio.start_server(connected, host or None, port, limit=_HEAD)


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
