"""The parts of the cluster probes that need no cluster: who asks, who answers, and what counts as a failure."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from bench.cluster.stage import AGENT, Poller, cost, route, wait_until
from bench.cluster.traffic import Traffic, traffic
from tests.ports import free_port


@pytest.fixture
def agent():
    """The agent of the probes, on loopback; gives its port and its process."""
    port = free_port()
    command = [sys.executable, "-c", AGENT]
    with subprocess.Popen(command, env=os.environ | {"KIND": "one", "PORT": str(port)}) as process:
        wait_until(lambda: answers(port), "the agent answers", 30)
        yield port, process
        process.kill()


def answers(port):
    with closing(Poller("127.0.0.1", port)) as poller:
        try:
            return poller.ask("/") == (200, b"one")
        except OSError:
            return False


def test_a_poller_keeps_its_connection(agent):
    poller = Poller("127.0.0.1", agent[0])
    assert poller.status("/a") == 200
    first = poller._socket
    assert poller.ask("/b", "X-Y: z\r\n") == (200, b"one")
    assert poller._socket is first
    poller.close()


def test_traffic_counts_answers_and_failures(agent):
    port, process = agent
    with traffic(("127.0.0.1", port), "/", clients=2, pause=0.001) as load:
        wait_until(lambda: load.seen["200 one"] > 20, "answers come", 30)
        assert load.refused == 0
        process.kill()
        wait_until(lambda: bool(load.failures), "failures are seen", 30)
    assert load.refused == len(load.failures)


def test_what_is_told_of_failures():
    load = Traffic()
    load.seen.update({"200 one": 5, "503": 2})
    load.failures.append((0.1, "EOFError"))
    assert load.total == 8
    assert load.refused == 3
    assert load.told() == "2 x 503, 1 x EOFError"


def test_cost_finds_processes_by_their_words(agent):
    assert cost("no-such-word").rss == 0.0
    found = cost("pytest") if any("pytest" in word for word in sys.argv) else None
    assert found is None or found.rss >= 0


def test_a_route_names_its_backend():
    body = route("r", "/r", "agent-other", namespace="other")
    assert body["spec"]["rules"][0]["backendRefs"] == [{"name": "agent-other", "port": 80, "namespace": "other"}]
