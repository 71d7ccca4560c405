"""Two agents that keep tasks in memory, behind a gateway with or without affinity, and a crowd that uses both."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.environments import interpreter
from tests.e2e.gateway import Gateway, gateway
from tests.e2e.people import HERE, Agent, agent, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT_ONCE = 16
MANIFEST = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: front}}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: agents}}
spec:
  parentRefs: [{{name: front}}]
  rules:
  - backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: agents}}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {{name: agents}}
spec:
  type: A2A
  a2a:
    targets: [{targets}]
    affinity: {{type: {affinity}}}
"""
TARGET = "{{name: r{number}, static: {{host: 127.0.0.1, port: {port}}}}}"


@dataclass(frozen=True, slots=True)
class Replicas:
    """Agents with the same tasks to do, each with a memory of its own."""

    front: Gateway
    agents: tuple[Agent, ...]


def manifest(agents: tuple[Agent, ...], affinity: str) -> str:
    """Give the configuration of a gateway in front of them. affinity: None or Task."""
    targets = ", ".join(TARGET.format(number=number, port=each.port) for number, each in enumerate(agents))
    return MANIFEST.format(targets=targets, affinity=affinity)


@contextmanager
def replicas(folder: Path, affinity: str, *, count: int = 2, workers: int = 4) -> Iterator[Replicas]:
    """Run agents and a gateway for as long as the context lasts."""
    with ExitStack() as stack:
        agents = tuple(stack.enter_context(agent("memory")) for _ in range(count))
        path = folder / "agents.yaml"
        path.write_text(manifest(agents, affinity))
        front = stack.enter_context(gateway(folder, "-f", str(path), workers=workers))
        yield Replicas(front, agents)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a crowd's requests: how many of each operation, how many were lost, other failures."""

    requests: dict[str, int]
    lost: dict[str, int]
    failed: list[str]


def crowd(url: str, requests: int, patience: float) -> Outcome:
    """Let a crowd of the official SDK's clients make so many requests. patience: seconds."""
    command = [str(interpreter("1")), str(HERE / "programs" / "errands_1.py"), url, str(requests), str(AT_ONCE)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=patience, env=clean_environment(), check=True)
    return Outcome(**json.loads(done.stdout))
