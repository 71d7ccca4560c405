"""A rolling restart: fresh processes in every place, and no request, connection attempt or stream notices."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected

from prometheus_client.parser import text_string_to_metric_families

from tests.processes.gateway import PATIENCE, agent, ask, entries, eventually, gateway, is_gone


def metric(text, name):
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and not sample.labels
    )


class Traffic(threading.Thread):
    """A client that keeps its connection for as long as the server does, as every client should."""

    def __init__(self, front):
        super().__init__(daemon=True)
        self.front = front
        self.done = threading.Event()
        self.answered = 0
        self.failed = []
        self.start()

    def run(self):
        connection = None
        while not self.done.is_set():
            try:
                if connection is None:
                    connection = HTTPConnection("127.0.0.1", self.front.port(), timeout=PATIENCE)
                connection.request("GET", f"/{self.answered}")
                answer = connection.getresponse()
                assert answer.read() == b"agent"
                assert answer.status == 200
                self.answered += 1
                if answer.headers["Connection"] == "close":
                    connection.close()
                    connection = None
            except (OSError, RemoteDisconnected, AssertionError) as error:
                self.failed.append(repr(error))
                connection = None
        if connection is not None:
            connection.close()


def stream(front):
    """Ask for something whose answer is held back; return its socket."""
    sock = socket.create_connection(("127.0.0.1", front.port()), PATIENCE)
    sock.sendall(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
    return sock


def restarted(front, before):
    """Wait until no process of these is in charge, and all places are filled."""
    front.wait(
        lambda state: (
            not {pid for pid, *_ in state["workers"]} & set(before)
            and all(version for _, version, *_ in state["workers"])
        )
    )


def test_no_request_fails_and_what_is_in_progress_ends_well(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        before = front.pids()
        held = [stream(front) for _ in range(6)]
        for _ in held:
            assert upstream.arrived.acquire(timeout=PATIENCE)
        traffic = [Traffic(front) for _ in range(4)]
        eventually(lambda: all(one.answered for one in traffic), "traffic runs")
        counted = metric(front.admin("/metrics")[1], "agw_requests_total")
        assert front.admin("/restart", "POST") == (202, "restarting\n")
        restarted(front, before)
        after = [one.answered for one in traffic]
        eventually(lambda: all(one.answered > then + 5 for one, then in zip(traffic, after, strict=True)), "it goes on")
        assert any(not is_gone(pid) for pid in before)  # they have the held ones still
        assert front.admin("/restart", "POST") == (409, "a restart is in progress\n")

        upstream.let_go.set()
        for sock in held:
            with closing(sock):
                text = b""
                while data := sock.recv(4096):
                    text += data
                    if text.endswith(b"agent"):
                        break
                assert text.startswith(b"HTTP/1.1 200 ")
        eventually(lambda: all(is_gone(pid) for pid in before), "the old ones end")
        for one in traffic:
            one.done.set()
            one.join(PATIENCE)
        assert [one.failed for one in traffic] == [[]] * 4
        everything = sum(one.answered for one in traffic) + len(held)
        assert everything >= counted + len(held)
        # A client has its answer a moment before the exchange is counted.
        eventually(lambda: metric(front.admin("/metrics")[1], "agw_requests_total") == everything, "all are counted")
        text = front.admin("/metrics")[1]
        assert metric(text, "agw_worker_replacements_total") == 2
        assert metric(text, "agw_exchanges") == 0
        assert "worker died" not in front.log.read_text()


def test_counters_never_go_back(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        for _ in range(10):
            assert ask(front.connect()).status == 200
        before = front.pids()
        seen = [metric(front.admin("/metrics")[1], "agw_requests_total")]
        front.signal(signal.SIGUSR2)
        while not all(is_gone(pid) for pid in before):
            seen.append(metric(front.admin("/metrics")[1], "agw_requests_total"))
        seen.append(metric(front.admin("/metrics")[1], "agw_requests_total"))
        assert seen == sorted(seen)
        assert seen[-1] == 10


def test_a_configuration_that_comes_meanwhile_is_in_force_afterwards(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        before = front.pids()
        assert front.admin("/restart", "POST")[0] == 202
        front.put(entries(upstream.port, 80, 81, path="/x"))
        restarted(front, before)
        front.wait(lambda state: state["ready"] and state["generation"] == 2)
        for port in (80, 81):
            assert {ask(front.connect(port), "/x").status for _ in range(8)} == {200}
            assert {ask(front.connect(port), "/").status for _ in range(8)} == {404}


def test_a_worker_that_dies_during_a_restart_is_replaced_all_the_same(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        before = front.pids()
        assert front.admin("/restart", "POST")[0] == 202
        os.kill(before[1], signal.SIGKILL)
        restarted(front, before)
        assert {ask(front.connect()).status for _ in range(16)} == {200}
        eventually(lambda: all(is_gone(pid) for pid in before), "the old ones end")
        eventually(lambda: front.admin("/restart", "POST")[0] == 202, "and another one may begin")


def test_the_deadline_ends_what_does_not_end(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"drain_timeout": "100ms"}) as front:
        front.put(entries(upstream.port))
        before = front.pids()
        with closing(stream(front)) as held:
            assert upstream.arrived.acquire(timeout=PATIENCE)
            front.signal(signal.SIGUSR2)
            eventually(lambda: all(is_gone(pid) for pid in before), "the old ones end")
            assert not held.recv(4096).startswith(b"HTTP/1.1 200")
        assert "drain ends with exchanges in progress" in front.log.read_text()


def test_it_ends_in_the_middle_of_a_restart(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        with closing(stream(front)):
            assert upstream.arrived.acquire(timeout=PATIENCE)
            pids = front.pids()
            assert front.admin("/restart", "POST")[0] == 202
            front.signal(signal.SIGTERM)
            front.wait(lambda state: state["draining"])
            assert front.admin("/restart", "POST")[0] == 409
            upstream.let_go.set()
            assert front.process.wait(PATIENCE) == 0
        assert all(is_gone(pid) for pid in pids)
