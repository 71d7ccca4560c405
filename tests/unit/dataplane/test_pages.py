"""Readiness in words, and the configuration without its secrets."""

from __future__ import annotations

import json
import os

from agw.dataplane.pages import config_page, ready_page
from agw.dataplane.state import Origin, State, WorkerState
from agw.errors import Position, Problem, Severity
from agw.settings import Address
from agw.snapshot.model import Credential, CredentialSet

WARNING = Problem("AGW2001", "no endpoint", severity=Severity.WARNING, object="Backend a/b")


def test_ready_says_why_not():
    assert ready_page(State(), verbose=False).body == b"not ready: waiting for the first configuration\n"
    assert ready_page(State(waiting_for="", draining=True), verbose=False).body == b"not ready: draining\n"
    assert ready_page(State(ready=True, waiting_for=""), verbose=False).status == 200


def test_verbose_lists_workers_versions_ports_and_problems():
    state = State(
        ready=True,
        waiting_for="",
        generation=3,
        version=5,
        problems=(WARNING,),
        refused=(Problem("AGW1001", "no YAML"),),
        bound={80: Address("127.0.0.1", 8080)},
        workers=(WorkerState(0, 17, 5, 0, 1), WorkerState(1, 0, 0, 2)),
    )
    assert ready_page(state, verbose=True).body.decode().splitlines() == [
        "ok",
        "configuration: generation 3 in force, version 5",
        "a newer configuration is refused, the last good one stays in force:",
        "  error AGW1001: no YAML",
        "worker 0: pid 17, version 5, restarts 0, 1 before it draining",
        "worker 1: pid -, version 0, restarts 2",
        "listener port 80: served at 127.0.0.1:8080",
        "problem: warning AGW2001: Backend a/b: no endpoint",
    ]


def test_verbose_says_where_the_configuration_is_from():
    origin = Origin("Gateway a/b: from the copy on disk; not connected", connected=False)
    lines = ready_page(State(ready=True, waiting_for="", origin=origin), verbose=True).body.decode().splitlines()
    assert lines[2] == "configuration: Gateway a/b: from the copy on disk; not connected"


def test_config_shows_consumers_and_no_digest():
    entry = CredentialSet("default/s", (Credential("alice", b"canary-canary-canary-canary-cana"),))
    page = config_page(State(entries={"credentials/default/s": entry}, problems=(WARNING,)))
    document = json.loads(page.body)
    shown = document["entries"]["credentials/default/s"]["credentials"][0]
    assert shown == {"consumer": "alice", "sha256": "<redacted>"}
    assert document["problems"][0]["object"] == "Backend a/b"
    assert b"canary" not in page.body


def test_a_file_whose_name_is_no_utf_8_is_shown_all_the_same():
    problem = Problem("AGW1012", "it ends", position=Position(os.fsdecode(b"/gw/\xff.yaml"), 3, 1))
    state = State(refused=(problem,), problems=(problem,))
    assert rb"/gw/\udcff.yaml:3:1" in ready_page(state, verbose=True).body
    assert json.loads(config_page(state).body)["problems"]
