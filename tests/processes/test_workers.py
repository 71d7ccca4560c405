"""Workers die, are replaced, and nobody but their own connections notices."""

from __future__ import annotations

import os
import signal
from http.client import HTTPException
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.processes.gateway import (
    agent,
    ask,
    entries,
    eventually,
    gateway,
    is_gone,
    no_descriptor_left,
    server_of,
)

MIB = 1 << 20


def metric(text: str, name: str, **labels: str) -> float:
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_worker_costs_only_its_own_connections(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        connections = [front.connect() for _ in range(24)]
        assert {ask(connection).status for connection in connections} == {200}
        victim, other = front.pids()
        owners = [server_of(connection, front.pids()) for connection in connections]
        assert set(owners) == {victim, other}
        before = metric(front.admin("/metrics")[1], "agw_requests_total")
        told = len(front.states)

        os.kill(victim, signal.SIGKILL)
        # None is refused: the dead worker's share waits in its sockets, for its neighbour or for the next process.
        later = [front.connect() for _ in range(24)]

        for connection, owner in zip(connections, owners, strict=True):
            if owner == other:
                assert ask(connection).status == 200
            else:
                with pytest.raises((HTTPException, ConnectionError)):
                    ask(connection)
        assert {ask(connection).status for connection in later} == {200}
        front.wait(
            lambda state: state["ready"] and state["workers"][0][2] == 1 and state["workers"][0][1] > 0, since=told
        )
        assert victim not in front.pids()
        assert other in front.pids()
        served = before + 24 + owners.count(other)
        # A request is counted after its answer has gone.
        eventually(lambda: metric(front.admin("/metrics")[1], "agw_requests_total") >= served, "all are counted")
        text = front.admin("/metrics")[1]
        assert metric(text, "agw_worker_exits_total", cause="SIGKILL") == 1
        [died] = [line for line in front.log.read_text().splitlines() if "worker died" in line]
        assert "GET / 200" in died
        assert metric(text, "agw_workers_serving") == 2
        assert "cause=SIGKILL" in front.log.read_text()


def test_a_neighbour_serves_for_a_worker_that_is_still_starting(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        victim, neighbour = front.pids()
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: set(children(front.process.pid)) - {victim, neighbour}, "a new process")
        (successor,) = set(children(front.process.pid)) - {victim, neighbour}
        os.kill(successor, signal.SIGSTOP)
        connections = [front.connect() for _ in range(16)]
        assert {ask(connection).status for connection in connections} == {200}
        assert {server_of(connection, [neighbour]) for connection in connections} == {neighbour}
        os.kill(successor, signal.SIGCONT)
        front.wait(lambda state: state["ready"] and state["workers"][0][0] == successor)
        later = [front.connect() for _ in range(24)]
        assert {ask(connection).status for connection in later} == {200}
        assert {server_of(connection, front.pids()) for connection in later} == {successor, neighbour}


def test_a_worker_that_keeps_dying_is_started_later_and_its_neighbour_serves_for_it(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        neighbour = front.pids()[1]
        os.kill(front.pids()[0], signal.SIGKILL)
        front.wait(lambda state: state["workers"][0][2] == 1 and state["workers"][0][1] > 0)
        os.kill(front.pids()[0], signal.SIGKILL)
        front.wait(lambda state: state["workers"][0][2] == 2)
        # There is no process in its place for a second; the kernel gives its socket half of these.
        connections = [front.connect() for _ in range(16)]
        assert {ask(connection).status for connection in connections} == {200}
        assert {server_of(connection, [neighbour]) for connection in connections} == {neighbour}
        front.wait(lambda state: state["workers"][0][2] == 2 and state["workers"][0][1] > 0)
        front.put(entries(upstream.port, 80, 81))
        later = [front.connect(port) for port in (80, 81) for _ in range(24)]
        assert {ask(connection).status for connection in (*connections, *later)} == {200}
        assert {server_of(connection, front.pids()) for connection in later} == set(front.pids())
        log = front.log.read_text()
        assert "next_in=0s" in log
        assert "next_in=1s" in log


def test_a_worker_that_cannot_be_started_is_started_when_it_can(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        victim, neighbour = front.pids()
        opened = len(list(Path(f"/proc/{front.process.pid}/fd").iterdir()))
        with no_descriptor_left(front.process.pid):
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: "worker cannot be started" in front.log.read_text(), "it says so")
            connections = [front.connect() for _ in range(16)]
            assert {ask(connection).status for connection in connections} == {200}
            assert {server_of(connection, [neighbour]) for connection in connections} == {neighbour}
        front.wait(lambda state: state["ready"] and state["workers"][0][0] not in (0, victim))
        assert {ask(front.connect()).status for _ in range(16)} == {200}
        assert front.pids()[1] == neighbour
        assert len(list(Path(f"/proc/{front.process.pid}/fd").iterdir())) == opened


def test_a_restart_for_which_there_is_no_room_is_given_up(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        pids = front.pids()
        with no_descriptor_left(front.process.pid):
            front.signal(signal.SIGUSR2)
            eventually(lambda: "restart given up" in front.log.read_text(), "it says so")
        assert {ask(front.connect()).status for _ in range(16)} == {200}
        assert front.pids() == pids


def test_workers_end_with_their_supervisor(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        pids = front.pids()
        front.process.kill()
        eventually(lambda: all(is_gone(pid) for pid in pids), "the workers end")


def test_signals_to_the_whole_group_are_the_supervisors_affair(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        pids = front.pids()
        for pid in pids:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
                os.kill(pid, number)
        assert {ask(front.connect()).status for _ in range(8)} == {200}
        assert front.pids() == pids


def test_a_worker_is_small(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        ask(front.connect())
        for pid in front.pids():
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert int(status["VmRSS"].split()[0]) * 1024 < 40 * MIB
            loaded = Path(f"/proc/{pid}/maps").read_text()
            assert not any(name in loaded for name in ("_yaml", "httptools"))


def test_a_worker_that_hangs_is_replaced(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"worker_silence": "500ms"}) as front:
        front.put(entries(upstream.port))
        hanging = front.pids()[1]
        os.kill(hanging, signal.SIGSTOP)
        front.wait(lambda state: state["workers"][1][2] == 1 and state["workers"][1][1] > 0)
        assert hanging not in front.pids()
        assert {ask(front.connect()).status for _ in range(8)} == {200}
        assert "worker does not answer and is replaced" in front.log.read_text()


def test_a_worker_says_where_it_is_when_it_is_asked(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        os.kill(front.pids()[0], signal.SIGUSR1)
        eventually(lambda: "worker.py" in front.log.read_text(), "a stack in the log")
        assert not is_gone(front.pids()[0])
