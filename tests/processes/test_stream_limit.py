"""The limit of event streams over several worker processes, and what a worker's death leaves of it."""

from __future__ import annotations

import os
import signal
from http.client import HTTPConnection

import msgspec

from agw.snapshot.model import Policy, StreamLimit
from tests.processes.gateway import Gateway, agent, entries, eventually, gateway, server_of
from tests.processes.test_restart import restarted

MOST = 3


def put(front: Gateway, port: int) -> None:
    served = entries(port)
    rule = served["rule/HTTPRoute/default/r/0"]
    front.put(
        {
            **served,
            "rule/HTTPRoute/default/r/0": msgspec.structs.replace(rule, policy="policy/s"),
            "policy/s": Policy(streams=StreamLimit(MOST, "default/p")),
        }
    )


def asked(front: Gateway) -> tuple[HTTPConnection, int]:
    """A stream, or what is said instead."""
    connection = front.connect()
    connection.request("GET", "/stream")
    return connection, connection.getresponse().status


def opened(front: Gateway, count: int) -> list[HTTPConnection]:
    """The streams that are let in of so many that are asked for; whose others are 429."""
    answers = [asked(front) for _ in range(count)]
    assert {status for _, status in answers} <= {200, 429}
    return [connection for connection, status in answers if status == 200]


def test_exact_over_workers_and_those_of_a_dead_one_count_no_more(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"drain_timeout": "100ms"}) as front:
        put(front, upstream.port)
        streams = opened(front, 24)
        assert len(streams) == MOST
        owners = [server_of(connection, front.pids()) for connection in streams]
        told = len(front.states)

        os.kill(owners[0], signal.SIGKILL)
        front.wait(lambda state: state["ready"] and owners[0] not in [pid for pid, *_ in state["workers"]], since=told)
        left = sum(owner != owners[0] for owner in owners)
        again: list[HTTPConnection] = []
        eventually(lambda: again.extend(opened(front, 1)) or len(again) == MOST - left, "seats are free again")
        assert opened(front, 24) == []


def test_seats_are_kept_over_a_restart_and_free_when_streams_end(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        put(front, upstream.port)
        assert len(opened(front, MOST)) == MOST
        before = front.pids()
        assert front.admin("/restart", "POST")[0] == 202
        restarted(front, before)
        assert opened(front, 12) == []
        upstream.let_go.set()
        eventually(lambda: opened(front, 1), "seats are free again")
