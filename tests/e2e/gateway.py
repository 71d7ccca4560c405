"""Runs `agw run` as its users do, and asks its admin port what it did."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.people import PATIENCE, get
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

ROOT = Path(__file__).parents[2]
SEED = ROOT / "examples" / "seed"
SEED_BACKEND = "demo-a2a-agent-server:9999"
AGW = (sys.executable, "-m", "agw")
FOO = "key-value-foo"
BAR = "key-value-bar"

_SAMPLE = re.compile(r"^([a-z0-9_]+)(?:\{([^}]*)\})? ([0-9.e+-]+)$", re.MULTILINE)
_OPERATION = re.compile(r'operation="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway. port: where clients connect. admin: its admin port. log: its stderr. printed: its stdout."""

    process: subprocess.Popen[bytes]
    port: int
    admin: int
    log: Path
    printed: Path

    @property
    def url(self) -> str:
        """What a user gives to a client."""
        return f"http://127.0.0.1:{self.port}"

    def metrics(self) -> dict[tuple[str, str], float]:
        """Read all samples: (name, labels) -> value."""
        status, body = get(self.admin, "/metrics")
        assert status == 200
        return {(name, labels): float(value) for name, labels, value in _SAMPLE.findall(body.decode())}

    def total(self, name: str, labels: str = "") -> int:
        """Sum a metric over its series whose labels contain this text."""
        return int(sum(value for (metric, text), value in self.metrics().items() if metric == name and labels in text))

    def requests(self) -> int:
        """Count the requests that it has dealt with."""
        return self.total("agw_requests_total")

    def operations(self) -> Counter[str]:
        """Count by operation what it was asked of agents."""
        asked: Counter[str] = Counter()
        for (name, labels), value in self.metrics().items():
            if name == "agw_a2a_requests_total":
                asked[_OPERATION.findall(labels)[0]] += int(value)
        return asked

    def has_started(self) -> bool:
        """Whether its banner is out, for which it asks agents for their cards; AssertionError where it has ended."""
        assert self.process.poll() is None, self.log.read_text()
        return '{"event": "start"' in self.log.read_text()


@contextmanager
def gateway(folder: Path, *arguments: str, listen: int = 80, workers: int = 1) -> Iterator[Gateway]:
    """Run `agw run` with these arguments, a listener port served on loopback, for as long as the context lasts.

    It must not end by itself, meet an exception in the reactor, or end otherwise than well.
    """
    port, admin, log, printed = free_port(), free_port(), folder / "gateway.log", folder / "gateway.out"
    command = [*AGW, "run", *arguments, f"--listen={listen}=127.0.0.1:{port}"]
    command += [f"--admin=127.0.0.1:{admin}", f"--workers={workers}"]
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in (printed, log)]
        process = stack.enter_context(subprocess.Popen(command, stdout=files[0], stderr=files[1], env=environment()))
        running = Gateway(process, port, admin, log, printed)
        try:
            wait_until(running.has_started, "the gateway has started")
            yield running
            assert process.poll() is None, log.read_text()
            assert running.total("agw_exceptions_total") == 0, log.read_text()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, log.read_text()
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


@asynccontextmanager
async def running(folder: Path, *arguments: str, workers: int = 1) -> AsyncIterator[Gateway]:
    """Run the gateway beside an event loop that has a client and an upstream to serve meanwhile."""
    context = gateway(folder, *arguments, workers=workers)
    front = await asyncio.to_thread(context.__enter__)
    try:
        yield front
    finally:
        await asyncio.to_thread(context.__exit__, *sys.exc_info())


def environment() -> dict[str, str]:
    """Give an environment in which `agw` is this source tree."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def resolve_to(port: int) -> str:
    """Say where the seed's backend is."""
    return f"--resolve={SEED_BACKEND}=127.0.0.1:{port}"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds; AssertionError where it does not in good time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}"
        time.sleep(0.02)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Poll as `wait_until` does, within an event loop."""
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}"
        await asyncio.sleep(0.01)
