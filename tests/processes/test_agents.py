"""Figures by agent in a gateway of real processes: one number whoever counted it, and none lost with a worker."""

from __future__ import annotations

import json
import os
import signal

import msgspec
import pytest

from agw.snapshot.model import Backend, Card
from tests.processes.gateway import agent, ask, entries, eventually, gateway


def a2a(served):
    """The entries, with backends that speak A2A."""
    return {
        key: msgspec.structs.replace(entry, protocol="A2A") if isinstance(entry, Backend) else entry
        for key, entry in served.items()
    }


def figures(front):
    status, text = front.admin("/agents")
    assert status == 200
    return {each["agent"]: each for each in json.loads(text)["agents"]}


def total(front):
    """What the only agent answered."""
    [(name, told)] = figures(front).items()
    assert name != "other"
    return told["outcomes"]["ok"]


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGKILL])
def test_nothing_is_lost_with_a_worker(tmp_path, number):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(a2a(entries(upstream.port)))
        for _ in range(20):
            assert ask(front.connect()).status == 200
        eventually(lambda: total(front) == 20, "all are counted")
        before = front.pids()
        if number == signal.SIGUSR2:
            front.signal(number)
        else:
            os.kill(before[0], number)
        front.wait(lambda state: state["ready"] and before[0] not in [worker[0] for worker in state["workers"]])
        assert total(front) == 20
        front.wait(lambda state: state["ready"] and all(worker[1] for worker in state["workers"]))
        for _ in range(20):
            assert ask(front.connect()).status == 200
        eventually(lambda: total(front) == 40, "the new ones count in the same row")


def test_a_stream_is_open_in_its_process_alone(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(a2a(entries(upstream.port)))
        connection = front.connect()
        connection.request("GET", "/stream")
        upstream.arrived.acquire()

        def told():
            [each] = figures(front).values()
            return each["in_flight"], each["streams"], each["streams_begun"]

        eventually(lambda: told() == (1, 1, 1), "open")
        for pid in front.pids():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: told() == (0, 0, 1), "gone with its worker")


def test_a_card_that_cannot_be_read_is_logged_once_and_counted_each_time(tmp_path):
    """Its clients may go past the gateway, and nothing else would say so."""
    with agent() as upstream, gateway(tmp_path / "log") as front:
        upstream.coding = "br"
        served = entries(upstream.port)
        key = "backend/Backend/default/b"
        front.put({**served, key: msgspec.structs.replace(served[key], protocol="A2A", card=Card())})
        connection = front.connect()
        for _ in range(3):
            assert ask(connection, "/.well-known/agent-card.json").body == b"agent"
        assert ask(connection).body == b"agent"
        eventually(lambda: figures(front)["default/b"]["cards_unread"] == 3, "counted")
        assert 'agw_agent_cards_unread_total{agent="default/b"} 3\n' in front.admin("/metrics")[1]
        [line] = [line for line in (tmp_path / "log").read_text().splitlines() if "unread" in line]
        assert "default/b" in line
        assert "content coding br" in line


def test_agents_that_come_later_are_counted_too(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        assert ask(front.connect()).status == 200
        assert figures(front) == {}
        front.put(a2a(entries(upstream.port)))
        assert ask(front.connect()).status == 200
        eventually(lambda: total(front) == 1, "counted")
