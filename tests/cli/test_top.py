"""`agw top` as it is used: in a pipe, and on a real terminal, which is as before however the command ends."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from agw._fastpath.agents import OUTCOMES
from agw._fastpath.record import BUCKETS_US
from agw.cli.output import Style
from agw.cli.screen import printable
from agw.cli.top import HEADER, ORDERS, Look, compare, frame
from tests.cli.agents import agent as plain_agent
from tests.cli.gateways import LIMIT, ROOT, agw, environment, get, running
from tests.ports import free_port

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
SHOW_CURSOR = b"\x1b[?25h"
MOVES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def told(
    name: str = "d/a", *, streams: int = 0, first: int = 0, asked: dict[str, int] | None = None, **outcomes: int
) -> dict[str, object]:
    """An agent as /agents has it; `first` answers within 2.5 ms. asked: for which operations how often."""
    return {
        "agent": name,
        "outcomes": {word: outcomes.get(word, 0) for word in OUTCOMES},
        "operations": asked or {},
        "in_flight": streams,
        "streams": streams,
        "first_byte": [0, first, *[0] * (len(BUCKETS_US) - 1)],
    }


class Admin(ThreadingHTTPServer):
    """An admin port. answers: what GET /agents says, the last one again and again; None hangs up. asked: how often."""

    daemon_threads = True

    def __init__(self, *answers: list[dict[str, object]] | None, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.status, self.asked = answers, status, 0

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


class _Handler(BaseHTTPRequestHandler):
    server: Admin

    def do_GET(self) -> None:
        server = self.server
        agents = server.answers[min(server.asked, len(server.answers) - 1)]
        server.asked += 1
        if agents is None:
            self.close_connection = True
            return
        assert self.path == "/agents"
        assert self.headers["Host"] == f"127.0.0.1:{server.server_port}"
        self.send_response(server.status)
        self.end_headers()
        self.wfile.write(json.dumps({"agents": agents}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def admin(*answers: list[dict[str, object]] | None, status: int = 200) -> Iterator[Admin]:
    with Admin(*answers, status=status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def top(server: Admin, *args: str) -> subprocess.CompletedProcess[str]:
    return agw("top", "--admin", f"127.0.0.1:{server.server_port}", "--interval", "0.1", *args)


class Terminal:
    """`agw top` on a terminal of its own. shown: all that it wrote."""

    def __init__(self, server: Admin, term: str, *more: str) -> None:
        self.main, self.sub = pty.openpty()
        ioctl(self.sub, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.before = termios.tcgetattr(self.sub)
        args = ("top", "--admin", f"127.0.0.1:{server.server_port}", "--interval", "0.1", *more)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agw", *args],
            stdin=self.sub,
            stdout=self.sub,
            stderr=self.sub,
            env={**environment(TERM=term), "COLUMNS": "", "LINES": ""},
            cwd=ROOT,
            start_new_session=True,
        )
        self.shown = b""

    def until(self, text: bytes) -> None:
        """Read until it has shown this, from here on."""
        at = len(self.shown)
        while text not in self.shown[at:]:
            self.shown += os.read(self.main, 65536)

    def type(self, keys: bytes) -> None:
        os.write(self.main, keys)

    def end(self) -> int:
        """Read the rest; return the exit code when all is as it was."""
        reader = threading.Thread(target=self._drain, daemon=True)
        reader.start()
        code = self.process.wait(LIMIT)
        assert termios.tcgetattr(self.sub) == self.before
        os.close(self.sub)
        reader.join(LIMIT)
        os.close(self.main)
        assert self.shown.count(ENTER) == self.shown.count(LEAVE) == 1
        assert self.shown.rindex(SHOW_CURSOR) < self.shown.rindex(LEAVE)
        assert not re.search(rb"\x1b\[\?25l", self.shown[self.shown.rindex(LEAVE) :])
        return code

    def _drain(self) -> None:
        try:
            while chunk := os.read(self.main, 65536):
                self.shown += chunk
        except OSError:  # EIO: nobody has the other side any more
            return

    def after(self) -> bytes:
        """What it wrote when the terminal was given back."""
        return self.shown[self.shown.rindex(LEAVE) + len(LEAVE) :]


@contextmanager
def on_terminal(server: Admin, term: str = "xterm", agent: str = "") -> Iterator[Terminal]:
    terminal = Terminal(server, term, *([agent] if agent else []))
    impatience = threading.Timer(LIMIT, terminal.process.kill)
    impatience.start()
    try:
        yield terminal
    finally:
        impatience.cancel()
        terminal.process.kill()
        terminal.process.wait()


# --- in a pipe -----------------------------------------------------------------------------------------------------


def test_in_a_pipe_it_is_printed_once() -> None:
    with admin([told(ok=5)], [told(ok=8, failed=1, refused=1, streams=2, first=3)]) as server:
        done = top(server)
    assert (done.returncode, done.stderr) == (0, "")
    head, line = done.stdout.splitlines()
    assert re.split(r"\s{2,}", head) == list(HEADER)
    name, rate, *rest = line.split()
    assert name == "d/a"
    assert float(rate) > 0
    assert rest == ["2", "2", "20.0%", "20.0%", "1.8ms", "2.5ms"]
    assert server.asked == 2


def test_json_and_yaml_have_the_same_figures() -> None:
    with admin([told()], [told(ok=2, agent_error=2)]) as server:
        [line] = json.loads(top(server, "-o", "json").stdout)["agents"]
    with admin([told()], [told(ok=2, agent_error=2)]) as server:
        [other] = yaml.safe_load(top(server, "-o", "yaml").stdout)["agents"]
    assert line["agent"] == "d/a"
    assert (line["requests"], line["errors"], line["refused"], line["p50"]) == (4, 0.5, 0, None)
    assert other.keys() == line.keys()


def test_of_one_agent_it_shows_the_operations() -> None:
    before = [told(ok=1, asked={"SendMessage": 1}), told("d/b", ok=5)]
    now = [told(ok=5, asked={"SendMessage": 2, "GetTask": 3, "ListTasks": 0}), told("d/b", ok=9)]
    with admin(before, now) as server:
        done = top(server, "d/a")
    assert done.returncode == 0
    head, line, empty, *operations = done.stdout.splitlines()
    assert head.startswith("AGENT")
    assert line.startswith("d/a")
    assert empty == ""
    assert [(row.split()[0], row.split()[-1]) for row in operations] == [
        ("OPERATION", "SHARE"),
        ("GetTask", "75.0%"),
        ("SendMessage", "25.0%"),
    ]
    with admin(before, now) as server:
        [line] = json.loads(top(server, "d/a", "-o", "json").stdout)["agents"]
    assert (line["agent"], line["operations"]) == ("d/a", {"GetTask": 3, "SendMessage": 1})


def test_of_one_agent_that_nobody_asks_it_says_so() -> None:
    with admin([told(ok=1, asked={"SendMessage": 1})]) as server:
        assert top(server, "d/a").stdout.splitlines()[-1] == "no requests ended"


def test_an_agent_that_is_not_there_is_told_with_those_that_are() -> None:
    with admin([told(), told("d/b")]) as server:
        done = top(server, "d/c")
    assert done.returncode == 1
    assert "no agent is called 'd/c'" in done.stderr
    assert "there are: d/a, d/b" in done.stderr


def test_without_agents_it_says_so() -> None:
    with admin([]) as server:
        assert top(server, "--once").stdout == "no agents: nothing that is served speaks A2A\n"


def test_without_a_gateway_it_is_unreachable() -> None:
    done = agw("top", "--once", "--admin", f"127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert done.stdout == ""
    assert "error: no gateway at 127.0.0.1:" in done.stderr
    assert "hint:" in done.stderr


def test_the_variable_says_where() -> None:
    with admin([]) as server:
        assert agw("top", "--once", AGW_ADMIN=f"127.0.0.1:{server.server_port}").returncode == 0


@pytest.mark.parametrize("value", ["15000", "x:y", "[::1"])
def test_a_wrong_address_is_wrong_usage(value: str) -> None:
    done = agw("top", "--admin", value)
    assert done.returncode == 2
    assert repr(value) in done.stderr


def test_a_refusal_is_told() -> None:
    with admin([], status=403) as server:
        done = top(server, "--once")
    assert done.returncode == 1
    assert "answers 403" in done.stderr


def test_something_else_that_answers_is_told() -> None:
    with admin([{"x": 1}]) as server:
        done = top(server, "--once")
    assert done.returncode == 1
    assert "no admin port of agw" in done.stderr


# --- on a terminal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"q", b"Q", b"\x04"])
def test_it_refreshes_until_q(key: bytes) -> None:
    with admin([told(ok=1)], [told(ok=2)], [told("d/late", ok=3)]) as server, on_terminal(server) as terminal:
        terminal.until(b"looking")
        terminal.until(b"d/a")
        terminal.until(b"d/late")
        terminal.type(key)
        assert terminal.end() == 0
        assert terminal.after() == b""


def test_o_sorts_by_the_next_column() -> None:
    with admin([told()], [told(ok=1)]) as server, on_terminal(server) as terminal:
        terminal.until(b"by requests")
        for name in [*list(ORDERS)[1:], "requests"]:
            terminal.type(b"o")
            terminal.until(f"by {name} ".encode())
        terminal.type(b"x")
        terminal.type(b"q")
        assert terminal.end() == 0


def test_of_one_agent_the_operations_are_live_too() -> None:
    served = [told(ok=1), told("d/b")], [told(ok=3, asked={"CancelTask": 2}), told("d/b")]
    with admin(*served) as server, on_terminal(server, agent="d/a") as terminal:
        terminal.until(b"of d/a ")
        terminal.until(b"CancelTask")
        terminal.type(b"q")
        assert terminal.end() == 0
        assert b"d/b" not in terminal.shown


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP)],
)
def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals, code: int) -> None:
    with admin([told()]) as server, on_terminal(server) as terminal:
        terminal.until(b"d/a")
        terminal.process.send_signal(number)
        assert terminal.end() == code
        assert b"Traceback" not in terminal.shown


def test_an_admin_port_that_closes_leaves_the_terminal_as_it_was() -> None:
    with admin([told()], [told()], None) as server, on_terminal(server) as terminal:
        terminal.until(b"d/a")
        assert terminal.end() == 3
        assert b"no gateway at" in terminal.after()
        assert b"Traceback" not in terminal.shown


def test_without_a_gateway_the_terminal_is_not_taken() -> None:
    with admin(None) as server, on_terminal(server) as terminal:
        terminal.process.wait(LIMIT)
        terminal.until(b"hint")
        assert ENTER not in terminal.shown


def test_a_terminal_without_a_cursor_is_written_to_once() -> None:
    with admin([told()], [told(ok=1)]) as server, on_terminal(server, "dumb") as terminal:
        assert terminal.process.wait(LIMIT) == 0
        terminal.until(b"d/a")
        assert b"\x1b" not in terminal.shown


def test_what_a_gateway_calls_an_agent_cannot_move_the_cursor() -> None:
    evil = "d/\x1b[2J\x1b]0;x\x07\n\u202e"
    with admin([told(evil)]) as server, on_terminal(server) as terminal:
        terminal.until(b"d/?")
        terminal.type(b"q")
        terminal.end()
        assert b"\x1b]0" not in terminal.shown
    assert printable(evil).isprintable()


# --- figures -------------------------------------------------------------------------------------------------------


def line_of(before: list[dict[str, object]], now: list[dict[str, object]], passed: float = 2.0):
    return compare(
        Look(0.0, {str(each["agent"]): each for each in before}),
        Look(passed, {str(each["agent"]): each for each in now}),
    )


def test_rates_are_those_of_the_interval() -> None:
    [line] = line_of([told(ok=10, first=10)], [told(ok=14, client_left=1, first=14)])
    assert (line.requests, line.rate, line.errors, line.refused) == (5, 2.5, 0, 0)


def test_a_gateway_that_began_again_counts_from_nothing() -> None:
    [line] = line_of([told(ok=10, first=10)], [told(ok=4, first=4)])
    assert (line.requests, line.rate) == (4, 2.0)
    assert line.p50 is not None


def test_an_agent_that_is_new_counts_from_nothing() -> None:
    [line] = line_of([], [told(ok=4)])
    assert line.rate == 2.0


def test_a_quiet_agent_has_no_shares() -> None:
    [line] = line_of([told(ok=4)], [told(ok=4)])
    assert (line.errors, line.refused, line.p50, line.p99) == (None, None, None, None)


@pytest.mark.parametrize("width", [1, 20, 80, 200])
def test_no_line_of_one_agent_is_wider_either(width: int) -> None:
    [line] = line_of([], [told(f"default/{1:090}", ok=2, asked={"DeleteTaskPushNotificationConfig": 2})])
    shown = frame([line], "of it", width, Style(on=True), waiting=False, agent=line.agent)
    assert max(len(MOVES.sub(b"", each.encode())) for each in shown) <= width
    assert shown[-1].startswith("DeleteTaskPush"[:width])


@pytest.mark.parametrize("width", [1, 20, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = line_of([], [told(f"default/{number:090}", ok=number) for number in range(3)])
    shown = frame(lines, "127.0.0.1:15000, by requests", width, Style(on=True), waiting=False)
    assert max(len(MOVES.sub(b"", line.encode())) for line in shown) <= width


# --- with a gateway ------------------------------------------------------------------------------------------------


def test_a_gateway_tells_it_what_its_agent_is_asked(tmp_path: Path) -> None:
    with plain_agent() as served, running("--agent", f"http://{served.authority}", "--write", str(tmp_path)) as front:
        started = front.until_started()
        place = str(started["admin"]).removeprefix("http://")
        for _ in range(3):
            assert get(front.url + "/", A2A_Version="1.0")[0] < 500
        done = agw("top", "--admin", place, "--interval", "0.1", "-o", "json")
        [agent] = json.loads(done.stdout)["agents"]
        status, _, text = get(f"http://{place}/agents")
        [told] = json.loads(text)["agents"]
    assert done.returncode == 0
    assert status == 200
    assert agent["agent"] == told["agent"]
    assert sum(told["outcomes"].values()) >= 3
    assert told["versions"]["1.0"] >= 3
