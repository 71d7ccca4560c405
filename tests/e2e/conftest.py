"""Agents, gateways and clients that many tests use: each is started once, when the first test asks for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e.gateway import SEED, Gateway, gateway, resolve_to
from tests.e2e.people import AGENTS, Agent, Client, agent, client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below this folder."""
    for item in items:
        if "tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


class Scene:
    """Agents by name, and in front of each a gateway with the seed's manifests; clients by name."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        """Begin with nothing running."""
        self._stack = stack
        self._folder = folder
        self._pairs: dict[str, tuple[Agent, Gateway]] = {}
        self._clients: dict[str, Client] = {}

    def pair(self, name: str) -> tuple[Agent, Gateway]:
        """Give an agent of AGENTS and its gateway."""
        if name not in self._pairs:
            assert name in AGENTS
            running = self._stack.enter_context(agent(name))
            folder = self._folder / name
            folder.mkdir()
            front = self._stack.enter_context(gateway(folder, "-f", str(SEED), resolve_to(running.port)))
            self._pairs[name] = running, front
        return self._pairs[name]

    def client(self, name: str) -> Client:
        """Give a client of CLIENTS."""
        if name not in self._clients:
            self._clients[name] = self._stack.enter_context(client(name))
        return self._clients[name]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Stop all of them at the end of the session."""
    with ExitStack() as stack:
        yield Scene(stack, tmp_path_factory.mktemp("scene"))
