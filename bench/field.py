"""The field of a comparison: the agent and every proxy, running side by side, and one run of load over one of them.

All proxies stay up for the whole comparison and share one core; only one is under load at a time, and an idle one
costs nothing that shows. Which of a proxy's processes serve is looked up after its start, and they must be the same at
the end of a run: a worker that was replaced in between would make the run cheaper than it was.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import RigError
from bench.build import program
from bench.machine import Cores
from bench.peers import Peer, Setup
from bench.procs import Process, Usage, free_port, started, usage, wait_until
from bench.scenario import Scenario, script

START_SECONDS = 180  # ten thousand routes take a while to read
RUN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Entrant:
    """A running proxy. script: the file of requests that it is loaded with; name: unique in its field."""

    name: str
    port: int
    process: Process
    workers: tuple[int, ...]
    script: Path
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Sample:
    """One run over one proxy. worker_us, front_us: CPU per request of what serves, and of the process above it.

    busy: share of the wall time that the workers ran; waited: share that they were runnable but others had the core.
    """

    worker_us: float
    front_us: float
    wall_us: float
    p50_us: float
    p99_us: float
    busy: float
    waited: float


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
    return Entrant(entry.name, port, process, tuple(process.workers()), path, entry.scenario)


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


def load_command(entrant: Entrant, cores: Cores, **options: int) -> list[str]:
    """The load generator's command line; options are its flags."""
    flags = {"connections": entrant.scenario.connections, "length": entrant.scenario.reply, **options}
    return [
        "taskset",
        "-c",
        ",".join(map(str, cores.others)),
        program("load"),
        "--connect",
        f"127.0.0.1:{entrant.port}",
        "--script",
        str(entrant.script),
        *(part for name, value in flags.items() for part in (f"--{name}", str(value))),
    ]


def run(entrant: Entrant, cores: Cores, requests: int) -> Sample:
    """Load one proxy with that many requests; RigError when one was not answered as it should be."""
    front = [entrant.process.pid] if entrant.process.pid not in entrant.workers else []
    before, front_before = usage(entrant.workers), usage(front)
    argv = load_command(entrant, cores, requests=requests, timeout=RUN_SECONDS)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"the load on {entrant.name} failed: {done.stderr.strip()}\n{entrant.process.tail()}"
        raise RigError(message)
    entrant.process.check()
    if tuple(entrant.process.workers()) != entrant.workers:
        message = f"{entrant.name} has other workers than before the run:\n{entrant.process.tail()}"
        raise RigError(message)
    return sample(json.loads(done.stdout), usage(entrant.workers).since(before), usage(front).since(front_before))


def sample(report: dict[str, int], worker: Usage, front: Usage) -> Sample:
    """A run's figures from the load's report and the CPU time used meanwhile."""
    if report["errors"] or not report["requests"]:
        message = f"{report['errors']} of {report['requests'] + report['errors']} requests failed"
        raise RigError(message)
    count, wall = report["requests"], report["wall_ns"]
    return Sample(
        worker_us=worker.ran / count / 1000,
        front_us=front.ran / count / 1000,
        wall_us=wall / count / 1000,
        p50_us=report["p50_ns"] / 1000,
        p99_us=report["p99_ns"] / 1000,
        busy=worker.ran / wall,
        waited=worker.waited / wall,
    )
