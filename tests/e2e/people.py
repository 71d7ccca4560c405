"""Starts the SDK programs: agents, and clients that have one conversation after the other. All stay as long as they are needed."""

from __future__ import annotations

import json
import os
import select
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.environments import interpreter, node

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
AGENTS = {  # name: program, below this folder, and arguments
    "0.3": ("programs/agent_0_3.py",),
    "1": ("programs/agent_1.py",),
    "1+0.3": ("programs/agent_1.py", "--compat"),
    "js-0.3": ("javascript/agent_0_3.mjs",),
    "js-1": ("javascript/agent_1.mjs",),
    "js-1+0.3": ("javascript/agent_1.mjs", "--compat"),
}
OTHERS = {"memory": ("programs/memory_1.py",)}  # agents that no conversation of ours is for
CLIENTS = {
    "0.3": ("programs/client_0_3.py",),
    "1": ("programs/client_1.py",),
    "js-0.3": ("javascript/client_0_3.mjs",),
    "js-1": ("javascript/client_1.mjs",),
}
PATIENCE = 60  # seconds after which a program counts as stuck


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent. name: of AGENTS or OTHERS."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Where it listens, and what its card says."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[dict[str, Any]]:
        """Ask it which requests have reached it so far."""
        return list(json.loads(get(self.port, "/-/requests")[1]))


@dataclass(frozen=True, slots=True)
class Client:
    """A running client. name: of CLIENTS."""

    name: str
    process: subprocess.Popen[bytes]

    def converse(
        self,
        url: str,
        *steps: Sequence[object],
        key: tuple[str, str] | None = None,
        ack: str | None = None,
        binding: str = "JSONRPC",
    ) -> dict[str, Any]:
        """Have a conversation with the agent whose card is at this URL; give what came of it (see programs/talk.py)."""
        job = {"url": url, "steps": steps, "key": key, "ack": ack, "binding": binding}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, f"no answer of client {self.name} in {PATIENCE} s: {job}"
        line = self.process.stdout.readline()
        assert line, f"client {self.name} has ended: {job}"
        return dict(json.loads(line))


@contextmanager
def agent(name: str) -> Iterator[Agent]:
    """Run an agent for as long as the context lasts."""
    with _program({**AGENTS, **OTHERS}[name]) as process:
        assert process.stdout is not None
        yield Agent(name, int(json.loads(process.stdout.readline())["port"]))


@contextmanager
def client(name: str) -> Iterator[Client]:
    """Run a client for as long as the context lasts."""
    with _program(CLIENTS[name]) as process:
        yield Client(name, process)


@contextmanager
def _program(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with the SDK of the generation that its name tells."""
    path = HERE / arguments[0]
    generation = "0.3" if path.stem.endswith("_0_3") else "1"
    runner = interpreter(generation) if path.suffix == ".py" else node()
    command = [str(runner), str(path), *arguments[1:]]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=clean_environment(), **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def get(port: int, path: str, fields: dict[str, str] | None = None, method: str = "GET") -> tuple[int, bytes]:
    """Make one plain request to a loopback port; status and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers=fields or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def clean_environment() -> dict[str, str]:
    """Give an environment in which a program sees neither agw's modules nor a sanitiser that agw was built with."""
    return {name: value for name, value in os.environ.items() if name not in {"LD_PRELOAD", "PYTHONPATH"}}
