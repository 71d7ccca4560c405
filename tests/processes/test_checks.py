"""Active checks, from the supervisor to what workers do."""

from __future__ import annotations

import os
import signal

import msgspec

from agw.snapshot.model import Endpoint, HealthCheck
from tests.processes.gateway import agent, ask, entries, eventually, gateway
from tests.processes.test_workers import metric

BACKEND = "backend/Backend/default/b"


def checked(*ports):
    """A backend with these endpoints, checked every 50 ms."""
    made = entries(ports[0])
    backend = made[BACKEND]
    target = msgspec.structs.replace(backend.targets[0], endpoints=tuple(Endpoint("127.0.0.1", port) for port in ports))
    check = HealthCheck("/health", 50, 10_000, 1, 2)
    return made | {BACKEND: msgspec.structs.replace(backend, targets=(target,), health=check)}


def test_an_endpoint_that_fails_its_checks_is_left_out_until_it_passes_them(tmp_path):
    with agent() as one, agent() as two, gateway(tmp_path / "log") as front:

        def down():
            return metric(front.admin("/metrics")[1], "agw_endpoints_down")

        def asked(times=20):
            """How many of so many requests reached the second agent."""
            before = two.requests
            assert {ask(front.connect()).status for _ in range(times)} == {200}
            return two.requests - before

        front.put(checked(one.port, two.port))
        assert asked() > 0
        two.healthy = False
        eventually(lambda: down() == 1, "it is down")
        eventually(lambda: asked() == 0, "workers know")
        told = len(front.states)
        os.kill(front.pids()[0], signal.SIGKILL)
        front.wait(
            lambda state: state["ready"] and state["workers"][0][2] == 1 and state["workers"][0][1] > 0, since=told
        )
        assert asked() == 0
        one.healthy = False
        eventually(lambda: down() == 2, "both are down")
        eventually(lambda: asked() > 0, "all are used, since none is up")
        assert metric(front.admin("/metrics")[1], "agw_backends_failing_open") == 1
        one.healthy = two.healthy = True
        eventually(lambda: down() == 0, "both are up")
        assert asked() > 0
        log = front.log.read_text()
        assert f"endpoint=127.0.0.1:{two.port}" in log
        assert "every endpoint of the backend is down" in log
