"""Agents and gateways that many tests use: each is started once, when the first test asks for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e.gateway import SEED, Gateway, gateway, resolve_to
from tests.e2e.people import AGENTS, Agent, agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below this folder."""
    for item in items:
        if "tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


class Scene:
    """Agents by name, and in front of each a gateway with the seed's manifests."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        """Begin with nothing running."""
        self._stack = stack
        self._folder = folder
        self._pairs: dict[str, tuple[Agent, Gateway]] = {}

    def pair(self, name: str) -> tuple[Agent, Gateway]:
        """Give an agent of AGENTS and its gateway."""
        if name not in self._pairs:
            assert name in AGENTS
            folder = self._folder / name
            folder.mkdir()
            running = self._stack.enter_context(agent(name))
            front = self._stack.enter_context(gateway(folder, "-f", str(SEED), resolve_to(running.port)))
            self._pairs[name] = running, front
        return self._pairs[name]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Stop all agents and gateways at the end of the session."""
    with ExitStack() as stack:
        yield Scene(stack, tmp_path_factory.mktemp("scene"))
