"""Runs `agw` as a user would: a process, what it writes, its exit code."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
LIMIT = 60.0  # seconds; a limit, not an expectation


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGW_") and "COLOR" not in name}
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    return {**kept, "PYTHONPATH": path, **more}


def agw(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    command = [sys.executable, "-m", "agw", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, env=environment(**more))


class Running:
    """`agw run`, off a terminal. start: the last line of its banner."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.heard: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        self.banner: list[dict[str, Any]] = []

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def until(self, words: str) -> str:
        """Wait for a line of stderr with these words, and return it."""
        while True:
            line = self._lines.get(timeout=LIMIT)
            assert line is not None, "\n".join(["ended before it said: " + words, *self.heard])
            self.heard.append(line)
            if line.startswith('{"event"'):
                self.banner.append(json.loads(line))
            if words in line:
                return line

    def until_started(self) -> dict[str, Any]:
        """Wait for the banner, and return its last line."""
        started: dict[str, Any] = json.loads(self.until('"event": "start"'))
        return started

    @property
    def url(self) -> str:
        """Where its first listener is."""
        return str(next(event["url"] for event in self.banner if event["event"] == "listener"))

    def readyz(self) -> tuple[int, str]:
        """Ask the admin port, in full."""
        status, _, body = get(self.banner[-1]["admin"] + "/readyz?verbose")
        return status, body

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """End it as Ctrl-C does; return its exit code and the rest of what it wrote."""
        self.process.send_signal(number)
        code = self.process.wait(LIMIT)
        while (line := self._lines.get(timeout=LIMIT)) is not None:
            self.heard.append(line)
        return code, "\n".join(self.heard)


@contextmanager
def running(*args: str) -> Iterator[Running]:
    """Run `agw run` with two workers and an admin port of its own."""
    command = [sys.executable, "-m", "agw", "run", *args, "--admin", "127.0.0.1:0", "--workers", "2"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT
    ) as process:
        gateway = Running(process)
        try:
            yield gateway
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(LIMIT)
                except subprocess.TimeoutExpired:
                    process.kill()
            gateway.listener.join(LIMIT)


def get(url: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask once, on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=LIMIT)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()
