"""Two replicas of the official SDK's server that keep tasks in memory, and four workers: no task is lost."""

import json
import os
import signal
from http.client import HTTPConnection

import pytest

from tests.e2e.gateway import wait_until
from tests.e2e.people import PATIENCE, agent
from tests.e2e.replicas import crowd, manifest, replicas
from tests.e2e.test_workers import workers

REQUESTS = 600
FEW = 24  # tasks: that all of them are asked for at the right one of two agents by chance is one in 16 million


@pytest.fixture
def agents(tmp_path):
    with replicas(tmp_path, "Task") as found:
        yield found


def test_no_task_is_lost(agents):
    outcome = crowd(agents.front.url, REQUESTS, PATIENCE)

    assert outcome.failed == []
    assert outcome.lost == {}
    assert sum(outcome.requests.values()) >= REQUESTS
    assert all(outcome.requests[name] for name in ("begin", "send", "get", "resubscribe"))
    assert min(len(each.requests()) for each in agents.agents) > REQUESTS // 8  # and both had work
    assert agents.front.total("agw_affinity_total", "gone") == 0


def test_without_it_half_of_them_are(tmp_path):
    with replicas(tmp_path, "None") as found:
        outcome = crowd(found.front.url, REQUESTS, PATIENCE)

    asked = sum(outcome.requests[name] for name in ("get", "resubscribe", "send"))
    assert 0.25 < sum(outcome.lost.values()) / asked < 0.75


def call(front, method, params):
    """Ask by JSON-RPC, on a connection of its own; the result, or None where there is an error."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    connection = HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json", "A2A-Version": "1.0"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer.get("result")


def begin(front, number):
    message = {"messageId": f"m{number}", "role": "ROLE_USER", "parts": [{"text": "begin"}]}
    return call(front, "SendMessage", {"message": message})["task"]["id"]


def test_what_was_learnt_outlives_the_workers(agents):
    tasks = [begin(agents.front, number) for number in range(FEW)]
    for pid in workers(agents.front):
        os.kill(pid, signal.SIGKILL)
    assert [call(agents.front, "GetTask", {"id": task})["id"] for task in tasks] == tasks


def test_an_agent_more_moves_no_task(agents, tmp_path):
    tasks = [begin(agents.front, number) for number in range(FEW)]
    with agent("memory") as third:
        generation = agents.front.total("agw_table_swaps_total")
        (tmp_path / "agents.yaml").write_text(manifest((*agents.agents, third), "Task"))
        wait_until(lambda: agents.front.total("agw_table_swaps_total") == generation + 4, "all workers know of it")
        assert [call(agents.front, "GetTask", {"id": task})["id"] for task in tasks] == tasks
        more = [begin(agents.front, number) for number in range(FEW)]
        assert third.requests()
        assert [call(agents.front, "GetTask", {"id": task})["id"] for task in more] == more
