"""The access log and the log's level, of a whole gateway and while it runs."""

from __future__ import annotations

import json
import socket

import msgspec

from tests.processes.gateway import agent, ask, entries, eventually, gateway, no_descriptor_left


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_every_request_has_a_line_whichever_worker_took_it(tmp_path):
    path = tmp_path / "access.log"
    with agent() as upstream, gateway(tmp_path / "log", {"access_log": str(path)}) as front:
        front.put(entries(upstream.port))
        for number in range(32):
            answer = ask(front.connect(), f"/{number}?secret=canary")
            assert answer.status == 200
        eventually(lambda: len(lines(path)) == 32, "the lines")
        assert sorted(int(line["path"][1:]) for line in lines(path)) == list(range(32))
        line = lines(path)[0]
        assert line["route"] == "HTTPRoute/default/r"
        assert line["listener"] == "default/gw/p80"
        assert line["backend"] == "Backend/default/b"
        assert line["endpoint"] == f"127.0.0.1:{upstream.port}"
        assert (line["status"], line["reason"], line["bytes_out"]) == (200, "upstream", 5)
        assert "canary" not in path.read_text()


def test_a_line_is_written_before_the_gateway_ends(tmp_path):
    path = tmp_path / "access.log"
    with agent() as upstream, gateway(tmp_path / "log", {"access_log": str(path)}) as front:
        front.put(entries(upstream.port))
        assert ask(front.connect()).status == 200
        assert front.end() == 0
    assert [line["status"] for line in lines(path)] == [200]


def test_it_is_switched_off_and_on_again(tmp_path):
    path = tmp_path / "access.log"
    with agent() as upstream, gateway(tmp_path / "log", {"access_log": str(path)}) as front:
        front.put(entries(upstream.port))
        assert front.admin("/accesslog") == (200, f"{path}\n")
        assert front.admin("/accesslog?log=off", "POST") == (200, "off\n")
        generation = front.put(entries(upstream.port, path="/x"))["generation"]  # what came before it has been read
        assert generation == 2
        assert ask(front.connect(), "/x").status == 200
        assert front.admin("/accesslog?log=on", "POST")[0] == 200
        front.put(entries(upstream.port, path="/y"))
        assert ask(front.connect(), "/y").status == 200
        eventually(lambda: lines(path), "a line")
        assert [line["path"] for line in lines(path)] == ["/y"]


def test_a_file_that_cannot_be_written_ends_the_start(tmp_path):
    with gateway(tmp_path / "log", {"access_log": str(tmp_path / "none" / "access.log")}) as front:
        assert front.process.wait() == 1
    assert "AGW3008" in (tmp_path / "log").read_text()


def test_a_loop_that_is_held_up_says_by_what(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"loop_lag": "2ms"}) as front:
        front.put(entries(upstream.port))
        many = entries(upstream.port)
        rule = many["rule/HTTPRoute/default/r/0"]
        for number in range(3000):  # compiled in one piece
            many[f"rule/HTTPRoute/default/r{number}/0"] = msgspec.structs.replace(rule, route=f"default/r{number}")
        front.put(many)
        eventually(lambda: "the loop was held up" in front.log.read_text(), "the stack")
        assert "worker.py" in front.log.read_text()
        assert ask(front.connect()).status == 200


def test_the_level_changes_everywhere(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"log_level": "error"}) as front:
        front.put(entries(upstream.port))
        assert "configuration in force" not in front.log.read_text()
        assert front.admin("/loglevel") == (200, "error\n")
        assert front.admin("/loglevel?level=info", "POST") == (200, "info\n")
        front.put(entries(upstream.port, path="/x"))
        text = front.log.read_text()
        assert "configuration in force" in text
        assert "logging changed" in text


def test_what_libraries_say_has_the_form_of_the_log(tmp_path):
    with gateway(tmp_path / "log", {"log_format": "json"}) as front:
        front.put({})
        with no_descriptor_left(front.process.pid), socket.create_connection(("127.0.0.1", front.state["admin"])):
            eventually(lambda: "out of system resource" in front.log.read_text(), "the loop says so")
        eventually(lambda: front.log.read_text().endswith("\n"), "a whole line")
        assert {line["logger"] for line in lines(front.log) if "logger" in line} == {"asyncio"}
