"""A supervisor whose configuration comes from stdin, one ConfigUpdate a line, and which tells its State on stdout.

Arguments: a JSON object of settings, a JSON object of `--listen`. The process under test is everything below it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import msgspec

from agw.dataplane.state import ConfigUpdate, State
from agw.dataplane.supervisor import run_supervisor
from agw.errors import ConfigurationError, Problem
from agw.settings import Settings, parse_address
from agw.snapshot.model import Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Line(msgspec.Struct):
    """One update."""

    entries: dict[str, Entry] | None
    problems: tuple[Problem, ...] = ()
    generation: int = 0


class Stdin:
    """The configuration source."""

    def __init__(self) -> None:
        self.refreshed = 0

    def refresh(self) -> None:
        self.refreshed += 1
        print(json.dumps({"refreshed": self.refreshed}), flush=True)

    async def __aiter__(self) -> AsyncIterator[ConfigUpdate]:
        reader = asyncio.StreamReader(limit=1 << 28)
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while text := await reader.readline():
            line = msgspec.json.decode(text, type=Line)
            yield ConfigUpdate(line.entries, line.problems, line.generation)


def tell(state: State) -> None:
    """Print what the tests wait for."""
    shown = {
        "ready": state.ready,
        "waiting_for": state.waiting_for,
        "draining": state.draining,
        "generation": state.generation,
        "version": state.version,
        "refused": [str(problem) for problem in state.refused],
        "problems": [str(problem) for problem in state.problems],
        "bound": {str(port): address.port for port, address in state.bound.items()},
        "admin": state.admin.port if state.admin else 0,
        "workers": [[worker.pid, worker.version, worker.restarts] for worker in state.workers],
    }
    print(json.dumps(shown), flush=True)


def main() -> int:
    settings = Settings.load({}, json.loads(sys.argv[1]))
    listen = {int(port): parse_address(address) for port, address in json.loads(sys.argv[2]).items()}
    try:
        return asyncio.run(run_supervisor(Stdin(), settings, listen, on_state=tell))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
