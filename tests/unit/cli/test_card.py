"""What the command line reads of a card, and how it looks for one."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agw.cli.card import CardError, Interface, agent_url, fetch, outside, plain, summarise

CARD_1_0 = {
    "name": "Hello World Agent",
    "version": "1.0.0",
    "capabilities": {"streaming": True},
    "supportedInterfaces": [
        {"url": "http://a:1/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "http://a:1/", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0.1"},
    ],
}
CARD_0_3 = {
    "name": "Old",
    "url": "http://a:1/",
    "preferredTransport": "JSONRPC",
    "protocolVersion": "0.3.0",
    "additionalInterfaces": [{"url": "http://a:1/rest", "transport": "HTTP+JSON"}],
}


@contextmanager
def server(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()
            thread.join()


def test_both_generations_are_summarised() -> None:
    new = summarise(CARD_1_0, "http://a:1", "/x")
    assert (new.name, new.streaming) == ("Hello World Agent", True)
    assert new.interfaces == (
        Interface("JSONRPC", "1.0", "http://a:1/"),
        Interface("HTTP+JSON", "1.0", "http://a:1/"),
    )
    old = summarise(CARD_0_3, "http://a:1", "/x")
    assert old.interfaces == (
        Interface("JSONRPC", "0.3", "http://a:1/"),
        Interface("HTTP+JSON", "0.3", "http://a:1/rest"),
    )


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"name": 7, "capabilities": [], "supportedInterfaces": "x", "url": 3},
        {"supportedInterfaces": [None, 1, {}], "url": "u", "additionalInterfaces": {"a": 1}},
    ],
)
def test_a_card_of_odd_types_is_still_a_card(odd: dict[str, object]) -> None:
    assert summarise(odd, "", "").name


def test_a_strangers_text_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[2Jb\r\n\u202ec") == "a[2Jbc"
    assert len(plain("x" * 1000)) == 80


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost:9999", "http://localhost:9999"),
        ("http://localhost:9999/", "http://localhost:9999"),
        ("http://localhost:9999/.well-known/agent-card.json", "http://localhost:9999"),
        ("http://localhost:9999/a/.well-known/agent.json", "http://localhost:9999/a"),
        ("https://agent.example/a/", "https://agent.example/a"),
    ],
)
def test_an_agents_url_is_read_as_it_is_meant(text: str, url: str) -> None:
    assert agent_url(text).geturl() == url


@pytest.mark.parametrize(
    "text", ["ftp://a", "http://", "http://a:99999", "http://u:p@a", "http://a/?q=1", "http://a/#f"]
)
def test_what_is_no_agents_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        agent_url(text)


def test_the_card_is_looked_for_under_the_path_then_at_the_root() -> None:
    body = json.dumps(CARD_1_0).encode()
    with server({"/.well-known/agent-card.json": (200, body), "/p/.well-known/agent.json": (200, body)}) as base:
        assert fetch(agent_url(base)).path == "/.well-known/agent-card.json"
        assert fetch(agent_url(f"{base}/p")).base == f"{base}/p"
        assert fetch(agent_url(f"{base}/q")).base == base


@pytest.mark.parametrize(
    ("status", "body", "said"), [(404, b"", "404"), (200, b"hello", "not JSON"), (200, b"[]", "not a JSON object")]
)
def test_an_agent_without_a_card_says_what_it_answered(status: int, body: bytes, said: str) -> None:
    answers = {"/.well-known/agent-card.json": (status, body)}
    with server(answers) as base, pytest.raises(CardError, match=said) as raised:
        fetch(agent_url(base))
    assert not raised.value.down


def test_an_agent_that_is_not_up_is_down() -> None:
    with server({}) as base:
        pass
    with pytest.raises(CardError, match="refused") as raised:
        fetch(agent_url(base))
    assert raised.value.down


def test_urls_that_a_route_for_the_prefix_does_not_take_are_named() -> None:
    urls = ["http://a:1/p", "http://a:1/p/x", "http://a:1/pq", "http://a:1/", "http://b:2/", "http://a:x/"]
    interfaces = [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"} for url in urls]
    found = summarise({"supportedInterfaces": interfaces}, "http://a:1/p", "")
    assert outside(found, "/p") == ("http://a:1/pq", "http://a:1/")
    assert outside(found, "") == ()


def test_an_agent_that_says_nothing_is_waited_for_shortly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = agent_url(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(CardError, match="timed out") as raised:
            fetch(url, 0.01)
    assert raised.value.down
