"""What a request head costs to parse, beside llhttp (through httptools) and h11 on the same bytes.

Every timed call parses LOOP heads: a figure in ms is us per head. agw's loop is compiled, so that calling it from Python is
no part of it. The oracles are called once per head, as a program that uses them would; httptools spends most of its
time on the Python objects that it hands out, which is why agw has a parser of its own.
"""

from __future__ import annotations

import h11
import httptools
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agw._fastpath.http1_head import bench_parse
from bench.scenario import post

LOOP = 1000
WHOLE = 0  # parse_request_head's answer to a complete, valid head
A2A = post(key="key-value-foo").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
BROWSER = (
    b"GET /agents/demo/tasks?tenant=a&historyLength=10&cursor=eyJpZCI6MTIzNDU2Nzg5MH0 HTTP/1.1\r\n"
    b"Host: agents.example.com\r\n"
    b"Connection: keep-alive\r\n"
    b'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"\r\n'
    b"sec-ch-ua-mobile: ?0\r\n"
    b'sec-ch-ua-platform: "Linux"\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Sec-Fetch-Site: none\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\n"
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    b"\r\n"
)
HEADS = pytest.mark.parametrize("head", [A2A, BROWSER], ids=["a2a", "browser"])


class _Fields:
    """What httptools calls: the least that a user of it does."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


@HEADS
def test_agw(benchmark: BenchmarkFixture, head: bytes) -> None:
    """Spans into the bytes, no Python object."""
    benchmark.group = f"parse {len(head)} bytes"
    assert benchmark(bench_parse, head, LOOP) == WHOLE


@HEADS
def test_httptools(benchmark: BenchmarkFixture, head: bytes) -> None:
    """llhttp, with a Python object per field."""
    benchmark.group = f"parse {len(head)} bytes"

    def parse() -> _Fields:
        seen = _Fields()
        for _ in range(LOOP):
            seen = _Fields()
            httptools.HttpRequestParser(seen).feed_data(head)
        return seen

    assert benchmark(parse).fields[0] == (b"Host", b"agents.example.com")


@HEADS
def test_h11(benchmark: BenchmarkFixture, head: bytes) -> None:
    """Pure Python, and the strictest of the three."""
    benchmark.group = f"parse {len(head)} bytes"

    def parse() -> object:
        event: object = None
        for _ in range(LOOP):
            connection = h11.Connection(h11.SERVER)
            connection.receive_data(head)
            event = connection.next_event()
        return event

    assert isinstance(benchmark(parse), h11.Request)
