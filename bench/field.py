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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import RigError
from bench.build import program
from bench.machine import Cores
from bench.peers import Peer, Setup
from bench.procs import Process, Usage, free_port, started, usage, wait_until
from bench.scenario import Scenario, script
from bench.stats import spread

START_SECONDS = 180  # ten thousand routes take a while to read
RUN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice of load cost, in plain sums: CPU of the workers and of the process above them, wall time in ns."""

    requests: int
    worker: Usage
    front: Usage
    wall_ns: int
    p50_ns: int
    p99_ns: int


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
    busy: float
    waited: float


class Load:
    """A load generator with its connections to one proxy, which it keeps open between slices."""

    def __init__(self, argv: Sequence[str]) -> None:
        """Start it; it connects with the first slice."""
        self.child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def send(self, requests: int) -> dict[str, int]:
        """Send that many and return the generator's report; RigError when it gives up."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(f"{requests}\n")
            self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise RigError(self.child.communicate()[1].strip() or "the load generator ended")
        report: dict[str, int] = json.loads(line)
        return report

    def stop(self) -> None:
        """Close the connections; it ends with its input."""
        self.child.communicate()


@dataclass(frozen=True, slots=True)
class Entrant:
    """A running proxy and its load. script: the file of requests; name: unique in its field."""

    name: str
    port: int
    process: Process
    workers: tuple[int, ...]
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
    """Whether a proxy answers the scenario's first request with 200 and a body of the right (or any) length."""
    head, _, body = scenario.requests[0].partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, path, _version = line.split(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, dict(field.split(": ", 1) for field in fields))
        response = connection.getresponse()
        size = len(response.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return response.status == 200 and (any_length or size == scenario.reply)


def ready(process: Process, port: int, scenario: Scenario) -> bool:
    """Whether it serves; RigError when it has ended instead."""
    process.check()
    return answers(port, scenario)


def enter(stack: contextlib.ExitStack, entry: Entry, cores: Cores) -> Entrant:
    """Start a proxy and wait until it answers."""
    folder = entry.setup.folder
    folder.mkdir()
    path = folder / "script"
    path.write_bytes(script(entry.scenario.requests))
    argv = entry.peer.command(entry.setup)
    process = stack.enter_context(started(entry.name, argv, cores.proxy, folder / "log"))
    try:
        port = entry.setup.port
        wait_until(lambda: ready(process, port, entry.scenario), f"{entry.name} answers", START_SECONDS)
    except RigError as error:
        message = f"{error}\n{process.tail()}"
        raise RigError(message) from error
    process.pin()
    load = Load(load_command(port, path, entry.scenario, cores))
    stack.callback(load.stop)
    return Entrant(entry.name, port, process, tuple(process.workers()), path, entry.scenario, load)


@contextlib.contextmanager
def lined_up(entries: Sequence[Entry], cores: Cores) -> Iterator[list[Entrant]]:
    """Agent and proxies for the length of a block; folders and ports of the entries' setups are given out here."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agw-bench-")))
        upstream = free_port()
        reply = {entry.scenario.reply for entry in entries}
        if len(reply) != 1:
            message = "the scenarios of one field share the agent, so their replies must have one size"
            raise RigError(message)
        agent = [program("upstream"), "--listen", f"127.0.0.1:{upstream}", "--body", str(reply.pop())]
        stack.enter_context(started("agent", agent, cores.others, home / "agent.log"))
        entrants = []
        for entry in entries:
            setup = replace(entry.setup, folder=home / entry.name, port=free_port(), upstream=upstream)
            entrants.append(enter(stack, replace(entry, setup=setup), cores))
        yield entrants


def load_command(port: int, path: Path, scenario: Scenario, cores: Cores, **options: int) -> list[str]:
    """The load generator's command line for a proxy's port and a script; options are further flags."""
    flags = {"connections": scenario.connections, "length": scenario.reply, "timeout": RUN_SECONDS, **options}
    return [
        "taskset",
        "-c",
        ",".join(map(str, cores.others)),
        program("load"),
        "--connect",
        f"127.0.0.1:{port}",
        "--script",
        str(path),
        *(part for name, value in flags.items() for part in (f"--{name}", str(value))),
    ]


def run(entrant: Entrant, requests: int) -> Slice:
    """Load one proxy with that many requests; RigError when one was not answered as it should be."""
    front = [entrant.process.pid] if entrant.process.pid not in entrant.workers else []
    before, front_before = usage(entrant.workers), usage(front)
    try:
        report = entrant.load.send(requests)
        entrant.process.check()
        workers, above = usage(entrant.workers), usage(front)
        check_report(report)
    except (RigError, OSError) as error:  # OSError: a worker whose figures are asked for is gone
        message = f"the load on {entrant.name} failed: {error}\n{entrant.process.tail()}"
        raise RigError(message) from error
    return Slice(
        requests=report["requests"],
        worker=workers.since(before),
        front=above.since(front_before),
        wall_ns=report["wall_ns"],
        p50_ns=report["p50_ns"],
        p99_ns=report["p99_ns"],
    )


def check_report(report: Mapping[str, int]) -> None:
    """RigError when a request failed: a proxy that answers wrongly may be as cheap as it likes."""
    if report["errors"] or not report["requests"]:
        message = f"{report['errors']} of {report['requests'] + report['errors']} requests failed"
        raise RigError(message)


def sample(slices: Sequence[Slice]) -> Sample:
    """A round's figures from its slices; of the latencies, the median slice's."""
    count = sum(one.requests for one in slices)
    wall = sum(one.wall_ns for one in slices)
    ran = sum(one.worker.ran for one in slices)
    return Sample(
        worker_us=ran / count / 1000,
        front_us=sum(one.front.ran for one in slices) / count / 1000,
        wall_us=wall / count / 1000,
        p50_us=spread([one.p50_ns / 1000 for one in slices]).median,
        p99_us=spread([one.p99_ns / 1000 for one in slices]).median,
        busy=ran / wall,
        waited=sum(one.worker.waited for one in slices) / wall,
    )
