"""Controllers and `agw proxy` as processes of their own, and clients that go on asking meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agw.dataplane.saved import NAME
from tests.ports import free_port
from tests.processes.gateway import PATIENCE, ROOT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agw.snapshot.model import Entry

GATEWAY = "default/gw"
TOKEN = "a-token-that-nobody-may-see"


class Replica:
    """A controller's process. heard: its lines, in order."""

    def __init__(self, folder: Path, port: int, log: Path) -> None:
        self.heard: list[dict[str, Any]] = []
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.publish.program", str(folder), str(port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                env=environment(),
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        eventually(lambda: bool(self.heard), "the controller listens")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.append(json.loads(line))

    def say(self, **what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(what) + b"\n")
        self.process.stdin.flush()

    def lead(self, entries: Mapping[str, Entry]) -> None:
        self.say(publish=GATEWAY, entries=entries, lead=True)

    def publish(self, entries: Mapping[str, Entry]) -> None:
        self.say(publish=GATEWAY, entries=entries)

    def wait(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait for an event that fulfils the condition."""
        eventually(lambda: any("event" in each and condition(each) for each in tuple(self.heard)), what)
        return next(each for each in self.heard if "event" in each and condition(each))

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()


class Proxy:
    """`agw proxy` with two workers."""

    def __init__(self, fleet: Fleet, *flags: str) -> None:
        self._fleet = fleet
        self._flags = flags
        self.port, self.admin = free_port(), free_port()
        self.log = fleet.folder / "proxy.log"
        self.start()

    @property
    def state(self) -> Path:
        return self._fleet.folder / "state"

    @property
    def copy(self) -> Path:
        return self.state / NAME

    def start(self) -> None:
        folder = self._fleet.folder
        command = [sys.executable, "-m", "agw", "proxy", f"--controller={self._fleet.host}:{self._fleet.port}"]
        command += [f"--gateway={self._fleet.gateway}", f"--token={folder / 'token'}", f"--ca={folder / 'ca.crt'}"]
        command += [f"--state-dir={self.state}", f"--listen=80=127.0.0.1:{self.port}"]
        command += [f"--admin=127.0.0.1:{self.admin}", "--workers=2", "--log-level=debug", *self._flags]
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(command, stderr=stderr, cwd=ROOT, env=environment())

    def ready(self) -> tuple[int, str]:
        """What /readyz?verbose answers; 0 while nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        try:
            connection.request("GET", "/readyz?verbose")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return 0, ""
        finally:
            connection.close()

    def wait_ready(self, text: str = "") -> str:
        """Wait until it is ready and says this."""
        eventually(lambda: self.ready()[0] == 200 and text in self.ready()[1], f"ready, {text}")
        return self.ready()[1]

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        eventually(lambda: not listens(self.port), "its workers are gone")

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait(PATIENCE)


class Fleet:
    """What a test runs: replicas on one port, one after the other, and a proxy. host, port: where they publish."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host, self.gateway = "localhost", GATEWAY
        self.port = free_port()
        self.replicas: list[Replica] = []
        self.proxies: list[Proxy] = []
        (folder / "token").write_text(TOKEN)
        self.know(TOKEN)

    def know(self, *tokens: str) -> None:
        """Let these tokens be those of the Gateway's ServiceAccount, and no others."""
        aside = self.folder / "tokens.new"
        aside.write_text(json.dumps(dict.fromkeys(tokens, "default/made-gw")))
        aside.replace(self.folder / "tokens.json")

    def replica(self) -> Replica:
        self.replicas.append(Replica(self.folder, self.port, self.folder / "controller.log"))
        return self.replicas[-1]

    def proxy(self, *flags: str) -> Proxy:
        self.proxies.append(Proxy(self, *flags))
        return self.proxies[-1]


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """End all processes with the context; no log has the token, or an error that nobody expected."""
    running = Fleet(folder)
    try:
        yield running
        codes = [proxy.end() for proxy in running.proxies]
        assert codes == [0] * len(codes)
    finally:
        for proxy in running.proxies:
            proxy.end()
        for replica in running.replicas:
            if replica.process.poll() is None:
                replica.end()
    for log in folder.glob("*.log"):
        text = log.read_text()
        assert TOKEN not in text
        assert "unexpected" not in text, text
        assert "Traceback" not in text, text


class Traffic:
    """Clients that ask all the time, on connections that they keep and on new ones. failed: what went wrong."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._over = threading.Event()
        self.count = 0
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(keep,), daemon=True) for keep in (True, False)]
        for thread in self._threads:
            thread.start()

    def _run(self, keep: bool) -> None:  # noqa: FBT001 - a thread's argument
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        while not self._over.is_set():
            try:
                connection.request("GET", self._path)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(f"status {answer.status}")
            except (OSError, HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            self.count += 1
            if not keep:
                connection.close()
            time.sleep(0.002)
        connection.close()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)


@contextmanager
def traffic(port: int, path: str) -> Iterator[Traffic]:
    """Ask for as long as the context lasts; nothing may fail, and there must have been something."""
    running = Traffic(port, path)
    try:
        yield running
        since = running.count
        eventually(lambda: running.count > since + 20, "requests go on")
    finally:
        running.end()
    assert running.failed == []


def listens(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def environment() -> dict[str, str]:
    """Give an environment in which `agw` and `tests` are this source tree."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}
