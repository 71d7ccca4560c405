"""The stage of a scenario: agents, one proxy in front of them, crowds of bad clients; all of it ends with the scenario.

The proxies take the stage one after another: most troubles fill a machine's memory, sockets or time, and two proxies in
trouble at once would be each other's. Where a figure is a rate, the scenario itself takes turns with its measurements.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import RigError
from bench.build import program
from bench.machine import Cores
from bench.procs import Memory, Process, free_port, memory, started, wait_until
from bench.scenario import Scenario, post, script
from bench.trouble.proxies import KITS, Conditions, Kit, with_upstreams

START_SECONDS = 60
SETTLE_SECONDS = 0.5
GOOD = Scenario("good", "300-byte POST, 130-byte answer, keep-alive, 32 connections", (post(path="/a/echo"),))


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line wants. share: of the usual number of connections, and of the usual seconds."""

    peers: Sequence[str]
    cores: Cores
    share: float = 1.0

    def count(self, usual: int) -> int:
        """A number of things, scaled."""
        return max(int(usual * self.share), 8)

    def seconds(self, usual: float) -> float:
        """A time, scaled."""
        return max(usual * self.share, 1.0)


@dataclass(slots=True)
class Agent:
    """An agent in a process of its own that can be killed and brought back."""

    address: str
    argv: Sequence[str]
    cores: Sequence[int]
    log: Path
    journal: Path | None = None
    process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = Process("agent", self.argv, self.cores, self.log)
        host, _, port = self.address.rpartition(":")
        wait_until(lambda: self._listens(host, int(port)), f"the agent listens at {self.address}")

    def _listens(self, host: str, port: int) -> bool:
        assert self.process is not None
        self.process.check()
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return True
        return False

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.child.kill()
        self.process.child.wait()

    def counts(self) -> dict[str, int]:
        """What has reached it since it was started."""
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", "/-/counts")
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that serves, and the agents behind it."""

    name: str
    kit: Kit
    conditions: Conditions
    process: Process
    port: int
    admin: int
    folder: Path
    agents: tuple[Agent, ...]

    def workers(self) -> list[int]:
        """Its processes that serve."""
        return self.process.workers()

    def weight(self) -> Memory:
        """Resident memory of its workers together."""
        weights = [memory(pid) for pid in self.workers()]
        return Memory(sum(one.rss for one in weights), sum(one.pss for one in weights))

    def descriptors(self) -> int:
        """Open descriptors of its workers together."""
        found = 0
        for pid in self.workers():
            with contextlib.suppress(OSError):
                found += len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are enough
        return found

    def quit(self) -> None:
        """Ask it to stop without harm."""
        self.process.child.send_signal(self.kit.quit)

    def configure(self, probe: str) -> None:
        """Change its configuration so that it answers `probe`, and wait until it does."""
        path = self.folder / self.kit.file
        fresh = self.folder / f".{self.kit.file}"
        fresh.write_text(self.kit.config(self.conditions, self.folder, self.port, probe))
        fresh.replace(path)
        if self.kit.reread is not None:
            self.process.child.send_signal(self.kit.reread)
        wait_until(lambda: status(self.port, probe) == 200, f"{self.name} serves its new configuration", 20)

    def doubled(self) -> int:
        """How many POSTs reached agents more than once."""
        times: Counter[str] = Counter()
        for one in self.agents:
            if one.journal is not None and one.journal.exists():
                times.update(one.journal.read_text().split())
        return sum(count - 1 for count in times.values())

    def metrics(self) -> dict[str, float]:
        """What agw says of itself: name with labels -> value; nothing for others."""
        return metrics_of(self.admin) if self.name == "agw" else {}


def admin_page(admin: int, path: str) -> str:
    """Read a page of agw's admin port."""
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def metrics_of(admin: int) -> dict[str, float]:
    """Read agw's metrics from its admin port: name with labels -> value."""
    text = admin_page(admin, "/metrics")
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def status(port: int, path: str) -> int:
    """The status of a GET on a connection of its own; 0 where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def agent(address: str, cores: Sequence[int], log: Path, flags: Sequence[str]) -> Agent:
    """An agent that is not started yet."""
    journal = log.with_suffix(".posts")
    argv = [sys.executable, "-m", "bench.trouble.agent", address, f"--journal={journal}", *flags]
    return Agent(address, argv, cores, log, journal)


def fast_agent(address: str, cores: Sequence[int], log: Path) -> Agent:
    """The agent of the rig, for loads that ask what a request costs; not started yet."""
    return Agent(address, [program("upstream"), "--listen", address, "--body", str(GOOD.reply)], cores, log)


@contextlib.contextmanager
def on_stage(
    name: str, conditions: Conditions, options: Options, *, hosts: int = 1, flags: Sequence[str] | None = ()
) -> Iterator[Proxy]:
    """A proxy and its agents, at 127.0.0.1 .. with one port, for the length of a block.

    flags: the agents'; None: the rig's own agent, which knows one answer and is fast.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agw-trouble-")))
        upstream, port, admin = free_port(), free_port(), free_port()
        agents = []
        for number in range(1, hosts + 1):
            address, log = f"127.0.0.{number}:{upstream}", folder / f"agent{number}.log"
            others = options.cores.others
            one = fast_agent(address, others, log) if flags is None else agent(address, others, log, flags)
            one.start()
            stack.callback(lambda one=one: one.process is not None and one.process.stop())
            agents.append(one)
        conditions = with_upstreams(conditions, [one.address for one in agents])
        kit = KITS[name]
        (folder / kit.file).write_text(kit.config(conditions, folder, port, "/probe/0"))
        argv = kit.command(conditions, folder, port, admin)
        process = stack.enter_context(started(name, argv, options.cores.proxy, folder / "log"))
        try:
            wait_until(lambda: serves(process, port), f"{name} answers", START_SECONDS)
        except RigError as error:
            message = f"{error}\n{process.tail()}"
            raise RigError(message) from error
        process.pin()
        yield Proxy(name, kit, conditions, process, port, admin, folder, tuple(agents))


def serves(process: Process, port: int) -> bool:
    """Whether it answers through its agent; RigError when it has ended instead."""
    process.check()
    return status(port, "/a/echo") == 200


class Crowd:
    """Many bad clients; see native/crowd.c."""

    def __init__(self, port: int, message: bytes, cores: Cores, folder: Path, **flags: int) -> None:
        """Start it; `ready` tells when all have sent their first bytes."""
        path = folder / f"crowd-{time.monotonic_ns()}"
        path.write_bytes(message)
        self.child = subprocess.Popen(
            [
                *("taskset", "-c", ",".join(map(str, cores.others)), program("crowd")),
                *("--connect", f"127.0.0.1:{port}", "--script", str(path)),
                *(part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", str(value))),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _line(self) -> dict[str, object]:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            message = f"the crowd ended: {self.child.communicate()[1].strip()}"
            raise RigError(message)
        return dict(json.loads(line))

    def ready(self) -> dict[str, object]:
        """Wait until every client has sent its first bytes or has failed."""
        return self._line()

    def ask(self) -> dict[str, object]:
        """What has become of them so far."""
        assert self.child.stdin is not None
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        return self._line()

    def wait_closed(self, count: int, seconds: float) -> dict[str, object]:
        """Wait until the peer has closed that many, or time is up."""
        deadline = time.monotonic() + seconds
        while True:
            report = self.ask()
            if int(str(report["closed"])) >= count or time.monotonic() > deadline:
                return report
            time.sleep(0.05)

    def stop(self) -> None:
        """Close all of them."""
        with contextlib.suppress(OSError, ValueError):
            self.child.communicate()


@contextlib.contextmanager
def crowd(port: int, message: bytes, cores: Cores, folder: Path, **flags: int) -> Iterator[Crowd]:
    """A crowd for the length of a block."""
    one = Crowd(port, message, cores, folder, **flags)
    try:
        yield one
    finally:
        one.stop()


def good_script(folder: Path, scenario: Scenario = GOOD) -> Path:
    """The file that the native load generator reads."""
    path = folder / f"script-{scenario.name}"
    path.write_bytes(script(scenario.requests))
    return path


def settle(look: Callable[[], int], seconds: float = 3.0) -> int:
    """A figure once it has stopped to change, or time is up."""
    deadline = time.monotonic() + seconds
    before = look()
    while time.monotonic() < deadline:
        time.sleep(SETTLE_SECONDS / 2)
        now = look()
        if now == before:
            return now
        before = now
    return before


def per_proxy(options: Options, scene: Callable[[str], Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """A row for each proxy, in turn."""
    rows = {}
    for name in options.peers:
        print(f"  {name} ...", file=sys.stderr, flush=True)
        rows[name] = scene(name)
    return rows
