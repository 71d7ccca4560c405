"""The field of a comparison: the agent and every proxy, running side by side, and one slice of load over one of them.

All proxies stay up for the whole comparison and share one core; only one is under load at a time, and an idle one
costs nothing that shows. A slice is a tenth of a second: neighbours on a shared machine change their mood by the second, and
proxies that take turns faster than that meet the same moods. Which of a proxy's processes serve is looked up after its
start: a worker that is replaced later voids the comparison, since what it did would be missing from the figures.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import RigError
from bench.build import program
from bench.delays import Delays, delays_of, together
from bench.machine import Cores
from bench.peers import Peer, Setup
from bench.procs import Process, Usage, free_port, started, usage, wait_until
from bench.scenario import Scenario, script

SOURCES = 8  # client addresses: a closed connection holds its port for a minute, and one address has but 28,000
START_SECONDS = 180  # ten thousand routes take a while to read
RUN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice of load cost, in plain sums: CPU of the workers and of the process above them, wall time in ns."""

    requests: int
    worker: Usage
    front: Usage
    wall_ns: int
    delays: Delays


@dataclass(frozen=True, slots=True)
class Sample:
    """One round over one proxy. worker_us, front_us: CPU per request of what serves, and of the process above it.

    busy: share of the wall time that the workers ran; waited: share that they were runnable but others had the core.
    """

    worker_us: float
    front_us: float
    wall_us: float
    p50_us: float
    p99_us: float
    p999_us: float
    busy: float
    waited: float

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return 1e6 / self.wall_us


class Client:
    """A native client of one proxy, which keeps its connections open between the lines that it is asked."""

    def __init__(self, argv: Sequence[str]) -> None:
        """Start it; it connects with the first line."""
        self.child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ask(self, line: str) -> dict[str, Any]:
        """Ask one thing and return the client's report; RigError when it gives up."""
        self.tell(line)
        return self.hear()

    def tell(self, line: str) -> None:
        """Ask, without waiting for the report."""
        assert self.child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(f"{line}\n")
            self.child.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for the report on what was asked."""
        assert self.child.stdout is not None
        answer = self.child.stdout.readline()
        if not answer:
            raise RigError(self.child.communicate()[1].strip() or "the client ended")
        report: dict[str, Any] = json.loads(answer)
        return report

    def stop(self) -> None:
        """Close the connections; it ends with its input."""
        self.child.communicate()


class Load(Client):
    """The load generator."""

    def send(self, requests: int) -> dict[str, Any]:
        """Send that many and return its report."""
        return self.ask(str(requests))


@dataclass(frozen=True, slots=True)
class Entrant:
    """A running proxy and its load. script: the file of requests; name: unique in its field.

    workers: the processes that serve; front: the one above them, if any. Both are empty where there is no proxy, and
    the process is the agent's.
    """

    name: str
    port: int
    process: Process
    workers: tuple[int, ...]
    front: tuple[int, ...]
    script: Path
    scenario: Scenario
    load: Load


@dataclass(frozen=True, slots=True)
class Entry:
    """A proxy to start: its name in the field, what it is, what it is asked, and what its setup says beyond ports."""

    name: str
    peer: Peer
    scenario: Scenario
    setup: Setup


def answers(port: int, scenario: Scenario, *, any_length: bool = False) -> bool:
    """Whether a proxy answers the scenario's first request with 200 and a body of the right (or any) length.

    Of an event stream the head is enough.
    """
    head, _, body = scenario.requests[0].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, path, _version = line.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body or None, dict(field.split(": ", 1) for field in fields))
        response = connection.getresponse()
        size = 0 if scenario.events else len(response.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return response.status == 200 and (any_length or bool(scenario.events) or size == scenario.reply)


def ready(process: Process, port: int, scenario: Scenario) -> bool:
    """Whether it serves; RigError when it has ended instead."""
    process.check()
    return answers(port, scenario)


def enter(stack: contextlib.ExitStack, entry: Entry, cores: Cores, agent: Process) -> Entrant:
    """Start a proxy and wait until it answers; where there is none, the agent stands in its place."""
    folder = entry.setup.folder
    folder.mkdir()
    path = folder / "script"
    path.write_bytes(script(entry.scenario.requests))
    argv = entry.peer.command(entry.setup)
    process, port = agent, entry.setup.upstream
    if argv:
        own = cores.proxy[: entry.setup.workers]
        process, port = stack.enter_context(started(entry.name, argv, own, folder / "log")), entry.setup.port
    try:
        wait_until(lambda: ready(process, port, entry.scenario), f"{entry.name} answers", START_SECONDS)
    except RigError as error:
        message = f"{error}\n{process.tail()}"
        raise RigError(message) from error
    process.pin()
    workers = tuple(process.workers()) if argv else ()
    front = (process.pid,) if argv and process.pid not in workers else ()
    load = Load(load_command(port, path, entry.scenario, cores))
    stack.callback(load.stop)
    return Entrant(entry.name, port, process, workers, front, path, entry.scenario, load)


def agent_command(port: int, scenarios: Sequence[Scenario]) -> list[str]:
    """The agent's command line; RigError when the scenarios want different ones."""
    kinds = {(scenario.reply, scenario.events, scenario.interval_us) for scenario in scenarios}
    if len(kinds) != 1:
        message = "the scenarios of one field share the agent, so their replies must be of one size, or alike streams"
        raise RigError(message)
    reply, events, interval = map(str, kinds.pop())
    address = f"127.0.0.1:{port}"
    return [program("upstream"), "--listen", address, "--body", reply, "--events", events, "--interval-us", interval]


@contextlib.contextmanager
def lined_up(entries: Sequence[Entry], cores: Cores) -> Iterator[list[Entrant]]:
    """Agent and proxies for the length of a block; folders and ports of the entries' setups are given out here."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agw-bench-")))
        upstream = free_port()
        argv = agent_command(upstream, [entry.scenario for entry in entries])
        agent = stack.enter_context(started("agent", argv, cores.others, home / "agent.log"))
        entrants = []
        for number, entry in enumerate(entries):
            folder = home / f"{number}-{entry.peer.name}"
            setup = replace(entry.setup, folder=folder, port=free_port(), upstream=upstream)
            entrants.append(enter(stack, replace(entry, setup=setup), cores, agent))
        yield entrants


def load_command(port: int, path: Path, scenario: Scenario, cores: Cores, **options: int) -> list[str]:
    """The load generator's command line for a proxy's port and a script; options are further flags."""
    flags = {"connections": scenario.connections, "length": scenario.reply, "timeout": RUN_SECONDS}
    if scenario.fresh:
        flags |= {"fresh": 1, "sources": SOURCES}
    if scenario.rate:
        flags |= {"rate": scenario.rate}
    return client_command("load", port, path, cores, **{**flags, **options})


def client_command(name: str, port: int, path: Path, cores: Cores, **options: int) -> list[str]:
    """The command line of a native client for a proxy's port and a script."""
    return [
        *("taskset", "-c", ",".join(map(str, cores.others))),
        program(name),
        *("--connect", f"127.0.0.1:{port}", "--script", str(path)),
        *(part for flag, value in options.items() for part in (f"--{flag}", str(value))),
    ]


def run(entrant: Entrant, requests: int) -> Slice:
    """Load one proxy with that many requests; RigError when one was not answered as it should be."""
    report, worker, front = watched(entrant, lambda: entrant.load.send(requests))
    try:
        check_report(report)
    except RigError as error:
        raise failed(entrant, error) from error
    return Slice(report["requests"], worker, front, report["wall_ns"], delays_of(report))


def watched(entrant: Entrant, work: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], Usage, Usage]:
    """What some work on a proxy reports, and the CPU that its workers and the process above them took meanwhile."""
    before, front_before = usage(entrant.workers), usage(entrant.front)
    try:
        report = work()
        entrant.process.check()
        return report, usage(entrant.workers).since(before), usage(entrant.front).since(front_before)
    except (RigError, OSError) as error:  # OSError: a worker whose figures are asked for is gone
        raise failed(entrant, error) from error


def failed(entrant: Entrant, error: Exception) -> RigError:
    """What went wrong under load, with the end of what the proxy wrote."""
    return RigError(f"the load on {entrant.name} failed: {error}\n{entrant.process.tail()}")


def check_report(report: Mapping[str, int]) -> None:
    """RigError when a request failed: a proxy that answers wrongly may be as cheap as it likes."""
    if report["errors"] or not report["requests"]:
        message = f"{report['errors']} of {report['requests'] + report['errors']} requests failed"
        raise RigError(message)


def sample(slices: Sequence[Slice]) -> Sample:
    """A round's figures from its slices."""
    count = sum(one.requests for one in slices)
    wall = sum(one.wall_ns for one in slices)
    ran = sum(one.worker.ran for one in slices)
    delays = together([one.delays for one in slices])
    return Sample(
        worker_us=ran / count / 1000,
        front_us=sum(one.front.ran for one in slices) / count / 1000,
        wall_us=wall / count / 1000,
        p50_us=delays.quantile(0.5),
        p99_us=delays.quantile(0.99),
        p999_us=delays.quantile(0.999),
        busy=ran / wall,
        waited=sum(one.worker.waited for one in slices) / wall,
    )
