"""Configurations change while it runs: listeners come and go, routes too, and what is broken changes nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import socket

import msgspec

from agw.errors import Problem
from agw.snapshot.model import ApiKeyAuth, Credential, CredentialSet, Policy
from tests.processes.gateway import PATIENCE, agent, ask, entries, eventually, gateway
from tests.processes.test_workers import metric

RULE = "rule/HTTPRoute/default/r/0"
BROKEN = (Problem("AGW1001", "this is no YAML", path="$.spec"),)


def test_listeners_come_and_go_live(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port, 80))
        kept = front.connect(80)
        assert ask(kept).status == 200
        front.put(entries(upstream.port, 80, 81))
        assert {ask(front.connect(81)).status for _ in range(8)} == {200}
        port = front.port(81)
        front.put(entries(upstream.port, 80))
        eventually(lambda: is_refused(port), "the removed listener's port is closed")
        assert ask(kept).status == 200
        front.put(entries(upstream.port, 80, 81, 82))
        assert {ask(front.connect(number)).status for number in (80, 81, 82)} == {200}


def test_a_change_is_in_force_on_open_connections(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port, path="/a"))
        connections = [front.connect() for _ in range(8)]
        assert {ask(connection, "/a").status for connection in connections} == {200}
        front.put(entries(upstream.port, path="/b"))
        assert {ask(connection, "/b").status for connection in connections} == {200}
        assert {ask(connection, "/a").status for connection in connections} == {404}


def test_a_broken_update_keeps_the_last_good_one_and_says_so(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        front.send(None, BROKEN)
        front.wait(lambda state: bool(state["refused"]))
        assert ask(front.connect()).status == 200
        status, text = front.admin("/readyz?verbose")
        assert status == 200
        assert "generation 1 in force" in text
        assert "error AGW1001: $.spec: this is no YAML" in text
        metrics = front.admin("/metrics")[1]
        assert metric(metrics, "agw_config_last_reload_successful") == 0
        assert metric(metrics, "agw_config_generation") == 1
        assert metric(metrics, "agw_config_reloads_total", result="refused") == 1
        assert "this is no YAML" in front.log.read_text()

        front.put(entries(upstream.port))
        assert metric(front.admin("/metrics")[1], "agw_config_last_reload_successful") == 1
        assert "AGW1001" not in front.admin("/readyz?verbose")[1]


def test_a_broken_start_is_not_ready_until_it_is_mended(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.send(None, BROKEN)
        front.wait(lambda state: bool(state["refused"]))
        status, text = front.admin("/readyz")
        assert (status, text) == (503, "not ready: waiting for a configuration that can be used\n")
        front.put(entries(upstream.port))
        assert front.admin("/readyz") == (200, "ok\n")


def test_a_snapshot_that_workers_refuse_changes_nothing_and_can_be_mended(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        good = entries(upstream.port)
        front.put(good)
        rule = msgspec.structs.replace(good[RULE], request_timeout_ms=1 << 63)  # more than a table can hold
        front.send({**good, RULE: rule})
        front.wait(lambda state: bool(state["refused"]))
        assert ask(front.connect()).status == 200
        told = len(front.states)
        os.kill(front.pids()[0], signal.SIGKILL)
        # A new worker begins with what is known to work, not with what was refused.
        front.wait(lambda state: state["workers"][0][2] == 1 and state["workers"][0][1] > 0, since=told)
        assert {ask(front.connect()).status for _ in range(8)} == {200}
        front.put(entries(upstream.port, path="/mended"))
        assert {ask(front.connect(), "/mended").status for _ in range(8)} == {200}


def test_a_busy_port_is_a_problem_and_others_are_served(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy, agent() as upstream:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        with gateway(tmp_path / "log", listen={80: "127.0.0.1:0", 81: address}) as front:
            state = front.put(entries(upstream.port, 80, 81))
            assert state["problems"] == [
                (
                    f"error AGW3001: listener port 81 is not served: {address} is in use by process {os.getpid()} "
                    "(stop that process, or serve the port elsewhere with --listen 81=127.0.0.1:OTHER)"
                )
            ]
            assert ask(front.connect(80)).status == 200
            busy.close()
            front.wait(lambda state: "81" in state["bound"])
            assert ask(front.connect(81)).status == 200


def test_sighup_reads_the_configuration_again(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        front.signal(signal.SIGHUP)
        front.wait(lambda state: state.get("refreshed") == 1)


def test_a_source_that_ends_leaves_its_last_configuration(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        front.process.stdin.close()
        assert ask(front.connect()).status == 200
        assert front.process.poll() is None


def test_digests_are_shown_nowhere(tmp_path):
    digest = hashlib.sha256(b"canary").digest()
    with agent() as upstream, gateway(tmp_path / "log") as front:
        configuration = entries(upstream.port)
        configuration["policy/p"] = Policy(api_key=ApiKeyAuth(credentials="credentials/default/s"))
        configuration["credentials/default/s"] = CredentialSet("default/s", (Credential("alice", digest),))
        front.put(configuration)
        pages = "".join(front.admin(path)[1] for path in ("/config", "/readyz?verbose", "/metrics"))
        assert "alice" in pages
        for shown in (digest.hex(), repr(digest), "canary"):
            assert shown not in pages
            assert shown not in front.log.read_text()


def test_the_admin_port_in_use_ends_the_start_with_a_reason(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        with gateway(tmp_path / "log", {"admin": f"127.0.0.1:{busy.getsockname()[1]}"}) as front:
            assert front.process.wait(PATIENCE) == 1
        assert f"is in use by process {os.getpid()}" in front.log.read_text()


def is_refused(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0
