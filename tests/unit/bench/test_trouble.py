"""The parts of the trouble scenarios that judge: a wrong judge would call any proxy good."""

from __future__ import annotations

import contextlib
import json
import sys
import time

import pytest

from bench import RigError, machine
from bench.procs import wait_until
from bench.trouble import __main__ as trouble
from bench.trouble.clients import GET, POST, Ask, Load, Stream, follow, run_load, uvloop
from bench.trouble.proxies import KITS, Conditions, with_upstreams
from bench.trouble.result import Outcome, at_most, exactly, plain, section_of
from bench.trouble.sockets import owners
from bench.trouble.stage import Agent, crowd
from tests.ports import free_port


@pytest.fixture
def agent(tmp_path):
    """Start agents; each is ended with the test."""
    with contextlib.ExitStack() as stack:

        def start(*flags):
            journal = tmp_path / "posts"
            address = f"127.0.0.1:{free_port()}"
            argv = [sys.executable, "-m", "bench.trouble.agent", address, f"--journal={journal}", *flags]
            one = Agent(address, argv, [0], tmp_path / "agent.log", journal)
            one.start()
            stack.callback(one.process.stop)
            return one

        yield start


def port_of(agent):
    return int(agent.address.rpartition(":")[2])


def load(agent, asks, clients=4, rounds=30):
    """Load an agent until it has had that many requests."""
    story = lambda: wait_until(lambda: agent.counts()["requests"] >= rounds, "the requests are through")  # noqa: E731
    return run_load(Load(port_of(agent), clients, asks), story)


def test_good_requests_are_answered(agent):
    one = agent()
    tally = load(one, [GET, POST])
    assert tally.failures == []
    assert tally.mixed == 0
    assert tally.answered["GET"] + tally.answered["POST"] == one.counts()["requests"]
    assert len(one.journal.read_text().split()) == tally.answered["POST"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/a/close", "closed"), ("/a/cut", "cut"), ("/a/status/503", "503"), ("/a/big?bytes=10", "another's answer")],
)
def test_a_bad_answer_is_a_failure_of_its_kind(agent, path, kind):
    tally = load(agent(), [Ask("GET", path)])
    assert tally.answered.total() == 0
    assert {failure.kind for failure in tally.failures} == {kind}


def test_nobody_there_is_refused():
    going = Load(free_port(), 2, [GET])
    tally = run_load(going, lambda: wait_until(lambda: bool(going.tally.failures), "a failure"))
    assert {failure.kind for failure in tally.failures} == {"refused"}


def test_stale_connections_fail_where_nobody_repeats(agent):
    one = agent("--stale=0.5")
    tally = load(one, [GET, POST], rounds=200)
    counts = one.counts()
    assert counts["stale_closed"]
    assert counts["stale_raced"]
    assert tally.failures
    assert tally.mixed == 0


def test_a_stream_is_whole_or_not(agent):
    one = agent()
    stream = uvloop.run(follow(port_of(one), Stream(5), 1))
    assert stream.whole
    assert stream.events == [1, 2, 3, 4, 5]
    assert not uvloop.run(follow(free_port(), Stream(5), 1)).begun


def test_a_crowd_tells_what_became_of_it(agent, tmp_path):
    one, message = agent(), b"GET /a/echo HTTP/1.1\r\nHost: a\r\nX-Nonce: n\r\n\r\n"
    with crowd(port_of(one), message, machine.cores(), tmp_path, connections=40) as done:
        assert done.ready()["connections"] == 40
        wait_until(lambda: done.ask()["statuses"] == {"200": 40}, "all are answered")
        assert done.ask()["closed"] == 0
        one.kill()
        assert done.wait_closed(40, 10)["closed"] == 40


def test_a_crowd_can_drip(agent, tmp_path):
    one, message = agent(), b"GET /a/echo HTTP/1.1\r\nHost: a\r\nX-Nonce: n\r\n\r\n"
    flags = {"connections": 5, "at_once": len(message) - 10, "drip_ms": 10}
    with crowd(port_of(one), message, machine.cores(), tmp_path, **flags) as slow:
        slow.ready()
        wait_until(lambda: slow.ask()["statuses"] == {"200": 5}, "all are answered in the end")


def test_the_owner_of_a_connection_is_found(agent):
    one = agent()
    going = Load(port_of(one), 3, [GET])
    seen = {}

    def look():
        wait_until(lambda: len(owners(port_of(one), [one.process.pid])) == 3, "three connections")
        seen.update(owners(port_of(one), [one.process.pid]))

    run_load(going, look)
    assert set(seen.values()) == {one.process.pid}


@pytest.mark.parametrize("name", KITS)
def test_a_configuration_says_what_was_asked(name, tmp_path):
    conditions = with_upstreams(Conditions(head=7), ["127.0.0.1:9001", "127.0.0.2:9001"])
    text = KITS[name].config(conditions, tmp_path, 8000, "/probe/3")
    said = text + " ".join(KITS[name].command(conditions, tmp_path, 8000, 8001))
    assert "/probe/3" in said
    assert "127.0.0.2" in said
    assert "7s" in said


def test_a_broken_promise_shows():
    outcome = Outcome("t", ("n",), {"agw": ["3"]}, [at_most("n", 3, 2), exactly("m", 1, 1)])
    assert not outcome.kept
    assert "BROKEN: agw, n: at most 2 (seen 3)" in section_of("x", outcome)
    assert "kept: agw, m: 1 (seen 1)" in section_of("x", outcome)


def test_figures_are_told_in_short():
    stream = Stream(2, bytearray(b"data: 1\n\n"))
    assert json.dumps(plain({"s": [stream], 1: (time.monotonic, None)}))
    assert plain(stream) == {"wanted": 2, "events": 1, "clean": False, "whole": False}


def test_a_scenario_that_is_not_known_ends_the_run(capsys):
    assert trouble.main(["--only", "nothing"]) == 1
    assert "no such scenario" in capsys.readouterr().err
    with pytest.raises(RigError):
        trouble.chosen("held,nothing")
