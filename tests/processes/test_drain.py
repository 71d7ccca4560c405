"""SIGTERM: not ready, what is live ends, what comes is still answered; a deadline, and a second signal."""

from __future__ import annotations

import signal
import threading
from http.client import HTTPResponse, IncompleteRead

import pytest

from tests.processes.gateway import PATIENCE, Gateway, agent, ask, entries, eventually, gateway


class Held(threading.Thread):
    """A request whose answer the agent holds back."""

    def __init__(self, front: Gateway) -> None:
        super().__init__(daemon=True)
        self.connection = front.connect()
        self.answer = None
        self.start()

    def run(self):
        try:
            self.answer = ask(self.connection, "/held")
        except OSError as error:
            self.answer = error


def is_told(front: Gateway, text: str) -> bool:
    return text in front.log.read_text()


def test_live_exchanges_end_and_new_ones_are_served_meanwhile(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        idle = front.connect()
        assert ask(idle).status == 200
        held = Held(front)
        assert upstream.arrived.acquire(timeout=PATIENCE)

        front.signal(signal.SIGTERM)
        front.wait(lambda state: state["draining"])
        assert front.admin("/readyz") == (503, "not ready: draining\n")
        assert front.admin("/livez") == (200, "ok\n")
        eventually(lambda: not idle.sock or not idle.sock.recv(1), "the idle connection is closed")
        late = ask(front.connect())
        assert late.status == 200
        assert late.headers["Connection"] == "close"

        upstream.let_go.set()
        held.join(PATIENCE)
        assert held.answer.status == 200
        assert front.process.wait(PATIENCE) == 0


def test_the_deadline_ends_what_does_not_end(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"drain_timeout": "100ms"}) as front:
        front.put(entries(upstream.port))
        held = Held(front)
        assert upstream.arrived.acquire(timeout=PATIENCE)
        front.signal(signal.SIGTERM)
        assert front.process.wait(PATIENCE) == 0
        held.join(PATIENCE)
        assert held.answer.status == 503
        assert is_told(front, "drain ends with exchanges in progress")


def streaming(front: Gateway) -> HTTPResponse:
    """A stream of which the first event has come."""
    connection = front.connect()
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert [answer.readline(), answer.readline()] == [b"data: 1\n", b"\n"]
    return answer


def test_a_stream_goes_on_until_its_agent_ends_it(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"drain_timeout": "1h"}) as front:
        front.put(entries(upstream.port))
        answer = streaming(front)
        front.signal(signal.SIGTERM)
        front.wait(lambda state: state["draining"])
        upstream.let_go.set()
        assert answer.read() == b"data: 2\n\n"
        assert front.process.wait(PATIENCE) == 0
        assert not is_told(front, "drain ends with exchanges in progress")


def test_a_stream_that_does_not_end_is_cut_and_seen_to_be(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"drain_timeout": "100ms"}) as front:
        front.put(entries(upstream.port))
        answer = streaming(front)
        front.signal(signal.SIGTERM)
        with pytest.raises(IncompleteRead):
            answer.read()
        assert front.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_at_once(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"drain_timeout": "1h"}) as front:
        front.put(entries(upstream.port))
        Held(front)
        assert upstream.arrived.acquire(timeout=PATIENCE)
        front.signal(signal.SIGINT)
        front.wait(lambda state: state["draining"])
        front.signal(signal.SIGINT)
        assert front.process.wait(PATIENCE) == 0


def test_post_drain_drains_and_stays(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        assert front.admin("/drain", "POST")[0] == 202
        front.wait(lambda state: state["draining"])
        eventually(lambda: ask(front.connect()).headers["Connection"] == "close", "workers drain")
        assert front.process.poll() is None
        front.signal(signal.SIGTERM)
        assert front.process.wait(PATIENCE) == 0


def test_it_ends_before_the_first_configuration_too(tmp_path):
    with gateway(tmp_path / "log") as front:
        eventually(lambda: is_told(front, "admin port open"), "it has started")
        front.signal(signal.SIGTERM)
        assert front.process.wait(PATIENCE) == 0
