"""Drives program.py: a gateway of real processes, and an agent behind it whose answers a test holds back."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from agw.snapshot.model import Attachment, Backend, Endpoint, Entry, Listener, Rule, Target, WeightedBackend

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds after which a process counts as stuck


class Agent:
    """An upstream. GET /held waits until the test lets it go, GET /stream after its first event; all else is answered at once.

    healthy: what GET /health answers. requests: all others that came. coding: what it says that its answers are in.
    """

    def __init__(self) -> None:
        self.healthy = True
        self.coding = ""
        self.requests = 0
        self.arrived = threading.Semaphore(0)
        self.let_go = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        agent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path != "/health":
                    agent.requests += 1
                if self.path == "/stream":
                    self.stream()
                    return
                if self.path == "/held":
                    agent.arrived.release()
                    agent.let_go.wait(PATIENCE)
                self.send_response(200 if agent.healthy or self.path != "/health" else 500)
                if agent.coding:
                    self.send_header("Content-Encoding", agent.coding)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"agent")

            def stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"9\r\ndata: 1\n\n\r\n")
                agent.arrived.release()
                agent.let_go.wait(PATIENCE)
                self.wfile.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


class Gateway:
    """A running supervisor with its workers."""

    def __init__(self, settings: Mapping[str, str], listen: Mapping[int, str], log: Path) -> None:
        self.log = log
        self.states: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._generation = 0
        self._connections: list[HTTPConnection] = []
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.processes.program", json.dumps(settings), json.dumps(listen)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
                },
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.states.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self.states.append({"ended": True})
            self._news.notify_all()

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1]

    def wait(self, condition: Callable[[dict[str, Any]], bool], *, since: int = 0) -> dict[str, Any]:
        """Wait for a State, since the given number of them, that fulfils the condition."""
        deadline = time.monotonic() + PATIENCE
        seen = since
        with self._news:
            while True:
                for state in self.states[seen:]:
                    if "ready" in state or "refreshed" in state:
                        if condition(state):
                            return state
                    else:
                        raise AssertionError(f"the supervisor has ended:\n{self.log.read_text()}")
                seen = len(self.states)
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._news.wait(remaining):
                    raise AssertionError(f"not in {PATIENCE} s, last {self.state}:\n{self.log.read_text()}")

    def send(self, entries: Mapping[str, Entry] | None, problems: tuple[object, ...] = ()) -> int:
        """Hand over a configuration; return its generation."""
        self._generation += 1
        line = {"entries": entries, "problems": problems, "generation": self._generation}
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(line) + b"\n")
        self.process.stdin.flush()
        return self._generation

    def put(self, entries: Mapping[str, Entry]) -> dict[str, Any]:
        """Hand over a configuration and wait until it is in force everywhere."""
        generation = self.send(entries)
        return self.wait(lambda state: state.get("generation") == generation and state["ready"])

    def port(self, listener_port: int = 80) -> int:
        return int(self.state["bound"][str(listener_port)])

    def connect(self, listener_port: int = 80) -> HTTPConnection:
        """Connect now."""
        connection = HTTPConnection("127.0.0.1", self.port(listener_port), timeout=PATIENCE)
        self._connections.append(connection)
        connection.connect()
        return connection

    def admin(self, path: str, method: str = "GET") -> tuple[int, str]:
        port = next(state["admin"] for state in self.states if state.get("admin"))
        with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.request(method, path, headers={"X-Agw-Admin": "1"} if method == "POST" else {})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def pids(self) -> list[int]:
        return [worker[0] for worker in self.state["workers"]]

    def end(self) -> int:
        """Stop it at once; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self._reader.join(PATIENCE)
            for closable in (self.process.stdin, self.process.stdout, *self._connections):
                with suppress(OSError):
                    closable.close()


@contextmanager
def gateway(
    log: Path, settings: Mapping[str, str] | None = None, listen: Mapping[int, str] | None = None
) -> Iterator[Gateway]:
    """Run a gateway for as long as the context lasts."""
    free = dict.fromkeys((80, 81, 82), "127.0.0.1:0")
    given = {"admin": "127.0.0.1:0", "workers": "2", "log_level": "debug", "dns_refresh": "100ms", **(settings or {})}
    running = Gateway(given, free if listen is None else listen, log)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def agent() -> Iterator[Agent]:
    """Run an agent for as long as the context lasts."""
    running = Agent()
    try:
        yield running
    finally:
        running.close()


def entries(upstream: int, *ports: int, path: str = "/") -> dict[str, Entry]:
    """Make a configuration: everything below a path, on these listener ports, goes to one endpoint."""
    result: dict[str, Entry] = {}
    for port in ports or (80,):
        result[f"listener/default/gw/p{port}"] = Listener(gateway="default/gw", name=f"p{port}", port=port)
    listeners = tuple(Attachment(key) for key in result)
    target = Target(name="t", host="127.0.0.1", port=upstream, endpoints=(Endpoint("127.0.0.1", upstream),))
    result["backend/Backend/default/b"] = Backend(ref="default/b", targets=(target,))
    result["rule/HTTPRoute/default/r/0"] = Rule(
        route="default/r",
        index=0,
        attachments=listeners,
        matches=(match(path),),
        backends=(WeightedBackend("backend/Backend/default/b"),),
    )
    return result


def match(path: str) -> Any:
    from agw.snapshot.model import Match, PathMatch

    return Match(path=PathMatch(value=path))


def ask(connection: HTTPConnection, path: str = "/") -> HTTPResponse:
    """Send a request and read the whole answer."""
    connection.request("GET", path)
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    return response


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}"
        time.sleep(0.01)


@contextmanager
def no_descriptor_left(pid: int) -> Iterator[None]:
    """Let a process open nothing more."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def server_of(connection: HTTPConnection, pids: list[int]) -> int:
    """Find which process has the other end of a loopback connection; 0 where none has accepted it yet."""
    ours, theirs = connection.sock.getsockname()[1], connection.sock.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if int(columns[1].rpartition(":")[2], 16) == theirs and int(columns[2].rpartition(":")[2], 16) == ours:
            name = f"socket:[{columns[9]}]"
            return next((pid for pid in pids if name in _open_files(pid)), 0)
    return 0


def _open_files(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(str(link.readlink()))
        except OSError:
            continue
    return found
