"""Starts the SDK programs: agents that stay, clients that come back with a result."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.environments import interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(__file__).parent / "programs"
AGENTS = {  # name: (SDK generation, program and arguments)
    "0.3": ("0.3", ("agent_0_3.py",)),
    "1": ("1", ("agent_1.py",)),
    "1+0.3": ("1", ("agent_1.py", "--compat")),
}
CLIENTS = {"0.3": "client_0_3.py", "1": "client_1.py"}
PATIENCE = 60  # seconds after which a program counts as stuck


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent. name: of AGENTS."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Where it listens, and what its card says."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[dict[str, Any]]:
        """Ask it which requests have reached it so far."""
        return list(json.loads(get(self.port, "/-/requests")[1]))


@contextmanager
def agent(name: str) -> Iterator[Agent]:
    """Run an agent for as long as the context lasts."""
    generation, arguments = AGENTS[name]
    command = [str(interpreter(generation)), str(PROGRAMS / arguments[0]), *arguments[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment()) as process:
        try:
            assert process.stdout is not None
            yield Agent(name, int(json.loads(process.stdout.readline())["port"]))
        finally:
            process.kill()


def converse(client: str, url: str, text: str, *options: str) -> dict[str, Any]:
    """Run a client to its end; give what it says came of it (see programs/talk.py)."""
    command = [str(interpreter(client)), str(PROGRAMS / CLIENTS[client]), *options, url, text]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=PATIENCE, env=clean_environment(), check=True)
    return dict(json.loads(done.stdout))


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
