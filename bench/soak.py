"""`python -m bench.soak`: an hour of everything at once, and whether anything grows, leaks, fails or is mixed up.

agw runs as its users run it, with two workers. A native load is the steady part; the characters of trouble/characters.py
are the rest: good clients, streams, cards, clients that leave in every phase, that are malformed, slow or have no key,
agents that fail, drop connections and are killed, configurations that change, are refused and rotate keys.

Each ten seconds every process is weighed, its descriptors are counted and agw's own metrics read. Afterwards all clients
go home, and nothing of them may be left. The rate is bounded: this looks for what grows, not for what is fast.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import uvloop

from bench import OUT, RigError, machine, report
from bench.field import Load, load_command
from bench.machine import Cores
from bench.procs import Process, free_port, memory, raise_file_limit, started, wait_until
from bench.scenario import post
from bench.trouble.characters import CAST, Town, live
from bench.trouble.result import Check, at_most, exactly, verdict_line
from bench.trouble.stage import GOOD, Agent, admin_page, agent, fast_agent, good_script, metrics_of, serves

HOUR = 3600.0
WARM = 600.0  # seconds that are not judged: allocators and pools find their size
JUDGED = 1800.0  # a shorter run says nothing about a slope in an hour
SAMPLE = 10.0
RELOAD = 5.0
AGENT_LIFE, AGENT_DEATH = 45.0, 3.0
SLICE = 0.1  # seconds of the steady load at a time
MB = 1_000_000
STALE = 0.01
PAUSE = 0.15  # of a character, on average
STEADY = replace(GOOD, name="steady", requests=(post(path="/n/echo"),))
CONFIGURED = (
    "--workers=2",
    "--header-deadline=2s",
    "--body-idle=2s",
    "--write-stall=5s",
    "--core-dumps=true",
    "--access-log=/dev/null",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one time. processes: pid -> (resident bytes, descriptors); metrics: agw's own."""

    at: float
    processes: dict[int, tuple[int, int]]
    metrics: dict[str, float]


@dataclass(slots=True)
class Run:
    """A run while it goes on. reloads: changes that were made, by kind."""

    gateway: Process
    port: int
    admin: int
    folder: Path
    town: Town
    began: float
    ends: float
    samples: list[Sample] = field(default_factory=list)
    reloads: Counter[str] = field(default_factory=Counter)
    steady: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    def going(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.ends


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.partition("\n")[0])
    options.add_argument("--time", type=float, default=HOUR, help="seconds (%(default)s)")
    options.add_argument("--rate", type=int, default=8_000, help="requests a second of the steady load (%(default)s)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


FRONT = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec: {gatewayClassName: ack-agent-gateway, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: keyed}]
  traffic: {authentication: {apiKeyAuth: {secretRef: {name: keys}}}}
"""
ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: front}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: {backend}}}]
"""
BACKEND = """\
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec: {{type: A2A, a2a: {{targets: [{{name: agent, static: {{host: {name}, port: {port}}}}}]}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  ports: [{{name: http, port: {port}, targetPort: {port}, protocol: TCP}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}, protocol: TCP}}]
endpoints: [{endpoints}]
"""
SECRET = "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{member: '{key}'}}\n"
BROKEN = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: broken}\nspec: {rules: 7}\n"


def backend(name: str, agents: Sequence[Agent]) -> str:
    """A Backend, its Service and where that runs."""
    hosts, ports = zip(*(one.address.split(":") for one in agents), strict=True)
    endpoints = ", ".join(f"{{addresses: [{host}], conditions: {{ready: true}}}}" for host in hosts)
    return BACKEND.format(name=name, port=ports[0], endpoints=endpoints)


def put(folder: Path, name: str, text: str) -> None:
    """Replace a file in one step."""
    fresh = folder / f".{name}"
    fresh.write_text(text)
    fresh.replace(folder / name)


def write_manifests(folder: Path, agents: Sequence[Agent], steady: Agent) -> None:
    """What is always there."""
    folder.mkdir()
    routes = [("all", "/a", "agent"), ("keyed", "/k", "agent"), ("steady", "/n", "steady")]
    text = FRONT + "".join(ROUTE.format(name=name, path=path, backend=where) for name, path, where in routes)
    put(folder, "front.yaml", text + backend("agent", agents) + backend("steady", [steady]))
    put(folder, "keys.yaml", SECRET.format(key="none-yet"))


# What happens to the gateway


async def reload(run: Run) -> None:
    """Change the configuration again and again: routes come and go, keys rotate, some changes are refused."""
    number = 0
    while run.going():
        await asyncio.sleep(RELOAD)
        number += 1
        kind = ("routes", "keys", "routes", "broken")[number % 4]
        run.reloads[kind] += 1
        if kind == "keys":
            await rotate(run, f"key-{number}")
        elif kind == "broken":
            put(run.folder, "extra.yaml", BROKEN)
        else:
            count = run.town.rng.randint(0, 200)
            extra = (ROUTE.format(name=f"x{i}", path=f"/x{number}/{i}", backend="agent") for i in range(count))
            put(run.folder, "extra.yaml", "".join(extra) or "---\n")


async def rotate(run: Run, key: str) -> None:
    """Another key, in force before anybody relies on it."""
    town = run.town
    town.settled = False
    await asyncio.to_thread(put, run.folder, "extra.yaml", "---\n")  # a refused set would hold the key up
    # In one file with a route of the key's name, so that the configuration in force tells when the key is.
    mark = ROUTE.format(name=key, path=f"/{key}", backend="agent")
    await asyncio.to_thread(put, run.folder, "keys.yaml", mark + SECRET.format(key=key))
    town.old_key, town.key = town.key, key
    while run.going() and f"/default/{key}/" not in await asyncio.to_thread(admin_page, run.admin, "/config"):  # noqa: ASYNC110 - it is another process's
        await asyncio.sleep(0.1)  # between two looks
    town.settled = run.going()


async def kill_agents(run: Run, agents: Sequence[Agent]) -> None:
    """Kill an agent, bring it back; the other one is there meanwhile."""
    while run.going():
        await asyncio.sleep(AGENT_LIFE)
        victim = agents[run.kills % len(agents)]
        run.kills += 1
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(AGENT_DEATH)
        await asyncio.to_thread(victim.start)


def steady(run: Run, argv: Sequence[str], rate: int) -> None:
    """The native load, a slice at a time, so that its rate is bounded."""
    load = Load(argv)
    due = time.monotonic()
    try:
        while run.going():
            told = load.send(max(int(rate * SLICE), 1))
            run.steady["answered"] += told["requests"]
            run.steady["failed"] += told["errors"]
            due = max(due + SLICE, time.monotonic() - 1)
            time.sleep(max(due - time.monotonic(), 0))
    finally:
        load.stop()


# What is seen of it


def look(run: Run) -> Sample:
    """Weigh and count."""
    processes = {}
    for pid in {run.gateway.pid, *run.gateway.workers()}:
        with contextlib.suppress(OSError):
            processes[pid] = memory(pid).rss, len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are enough
    return Sample(time.monotonic() - run.began, processes, metrics_of(run.admin))


async def sample(run: Run) -> None:
    """Look every ten seconds, and say every minute that there is progress."""
    while run.going():
        await asyncio.sleep(SAMPLE)
        run.samples.append(await asyncio.to_thread(look, run))
        if len(run.samples) % 6 == 0:
            print(line_of(run.samples[-1]), file=sys.stderr, flush=True)


def line_of(seen: Sample) -> str:
    """A sample for the terminal."""
    weights = ", ".join(f"{rss / MB:.1f} MB {fds} fds" for rss, fds in seen.processes.values())
    requests = seen.metrics.get("agw_requests_total", 0)
    return f"{seen.at / 60:.0f} min: {weights}; {requests:.0f} requests"


async def traffic(run: Run, argv: Sequence[str], agents: Sequence[Agent], rate: int) -> None:
    """Everything at once, until the time is over."""
    tasks = [
        asyncio.create_task(asyncio.to_thread(steady, run, argv, rate)),
        asyncio.create_task(reload(run)),
        asyncio.create_task(kill_agents(run, agents)),
        asyncio.create_task(sample(run)),
    ]
    for name, (_, count) in CAST.items():
        tasks += [asyncio.create_task(live(run.town, name, PAUSE, run.going)) for _ in range(count)]
    await asyncio.gather(*tasks)


def go_home(run: Run) -> Sample:
    """All clients have gone: wait until the gateway has let go of them, and look once more."""
    gauges = ("agw_downstream_connections", "agw_exchanges", "agw_streams", "agw_upstream_connections")
    with contextlib.suppress(RigError):
        wait_until(lambda: not any(metrics_of(run.admin).get(name) for name in gauges), "all is let go", 30)
    return look(run)


# The verdict


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: units an hour. points: seconds, value."""
    count = len(points)
    if count < 3:
        return 0.0
    middle_x, middle_y = (sum(point[axis] for point in points) / count for axis in (0, 1))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread * HOUR


@dataclass(frozen=True, slots=True)
class Growth:
    """One process over the judged part of the run. rss, fds: slopes an hour; first and last: MB."""

    role: str
    pid: int
    rss: float
    fds: float
    first: float
    last: float
    most_fds: int
    base_fds: int
    left_fds: int


def growth(run: Run, base: Sample, last: Sample, warm: float) -> list[Growth]:
    """A line for each process that was there all the time."""
    judged = [seen for seen in run.samples if seen.at >= warm] or run.samples
    found = []
    for pid in base.processes:
        seen = [(one.at, *one.processes[pid]) for one in judged if pid in one.processes]
        if len(seen) < len(judged):
            continue
        found.append(
            Growth(
                role="supervisor" if pid == run.gateway.pid else "worker",
                pid=pid,
                rss=slope([(at, rss) for at, rss, _ in seen]),
                fds=slope([(at, fds) for at, _, fds in seen]),
                first=seen[0][1] / MB,
                last=seen[-1][1] / MB,
                most_fds=max(fds for _, _, fds in seen),
                base_fds=base.processes[pid][1],
                left_fds=last.processes.get(pid, (0, 0))[1],
            )
        )
    return sorted(found, key=lambda one: one.role)


def complaints(log: str) -> int:
    """Lines of the gateway's log that tell of an exception; refused manifests are errors that were asked for."""
    words = ("Traceback", "Exception", "unexpected error", "worker died", "Fatal Python error")
    return sum(any(word in line for word in words) for line in log.splitlines())


def judge(run: Run, base: Sample, last: Sample, grown: Sequence[Growth], log: str) -> list[Check]:
    """What was promised, and what was seen."""
    book, long_enough = run.town.book, run.ends - run.began >= JUDGED
    workers = [one for one in grown if one.role == "worker"]
    checks = [exactly("workers that lived through all of it", len(workers), len(base.processes) - 1)]
    if long_enough:
        checks += [at_most(f"{one.role} {one.pid}: MB an hour", one.rss / MB, 1.0) for one in grown]
        # Of all processes together: which worker has a connection is the kernel's choice, and moves on a busy machine.
        checks.append(at_most("descriptors an hour", abs(sum(one.fds for one in grown)), 15))
    exceptions = sum(value for name, value in last.metrics.items() if name.startswith("agw_exceptions_total"))
    checks += [at_most(f"{one.role} {one.pid}: descriptors left over", one.left_fds - one.base_fds, 1) for one in grown]
    checks += [
        exactly("unhandled exceptions", int(exceptions), 0),
        exactly("lines of the log that tell of one", complaints(log), 0),
        exactly("answers to another's request", book.mixed, 0),
        exactly("things that nothing explains", dict(book.wrong), {}),
        exactly("steady requests that failed", run.steady["failed"], 0),
    ]
    for name in ("agw_downstream_connections", "agw_exchanges", "agw_streams"):
        checks.append(exactly(f"{name} after all have gone", int(last.metrics.get(name, -1)), 0))
    return checks


COLUMNS = ("process", "MB at first", "MB at last", "MB an hour", "fds most", "fds an hour", "fds before", "fds after")


def table(grown: Sequence[Growth]) -> list[tuple[str, ...]]:
    """A row per process."""
    return [
        (
            f"{one.role} {one.pid}",
            f"{one.first:.2f}",
            f"{one.last:.2f}",
            f"{one.rss / MB:+.2f}",
            str(one.most_fds),
            f"{one.fds:+.1f}",
            str(one.base_fds),
            str(one.left_fds),
        )
        for one in grown
    ]


def said(counted: Counter[str]) -> str:
    """Counts as words."""
    return ", ".join(f"{name} {times}" for name, times in sorted(counted.items())) or "nothing"


def notes(run: Run, last: Sample, warm: float) -> list[str]:
    """What has happened."""
    book, seconds = run.town.book, run.ends - run.began
    cost = last.metrics.get("agw_requests_total", 0) / seconds
    lines = [
        f"{seconds:.0f} s, of which the first {warm:.0f} are not judged; {cost:.0f} requests a second at the gateway",
        f"steady load: {said(run.steady)}; configurations: {said(run.reloads)}; agents killed: {run.kills}",
        f"characters: {said(book.done)}",
        f"failures that the day explains: {said(book.allowed)}",
    ]
    if seconds < JUDGED:
        lines.append("WARNING: too short for a verdict about slopes: a look, not a result")
    return lines


# The run


@contextlib.contextmanager
def stage(cores: Cores, seconds: float) -> Iterator[tuple[Run, list[Agent], list[str]]]:
    """Agents and gateway for the length of a block; and the steady load's command line."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agw-soak-")))
        upstream, port, admin = free_port(), free_port(), free_port()
        flags = [f"--stale={STALE}"]
        agents = [
            agent(f"127.0.0.{number}:{upstream}", cores.others, home / f"agent{number}.log", flags) for number in (1, 2)
        ]
        fast = fast_agent(f"127.0.0.1:{free_port()}", cores.others, home / "steady.log")
        for one in (*agents, fast):
            one.start()
            stack.callback(lambda one=one: one.process is not None and one.process.stop())
        write_manifests(home / "gateway", agents, fast)
        argv = [sys.executable, "-m", "agw", "run", "-f", str(home / "gateway"), *CONFIGURED]
        argv += [f"--listen=80=127.0.0.1:{port}", f"--admin=127.0.0.1:{admin}"]
        gateway = stack.enter_context(started("agw", argv, cores.proxy, home / "log"))
        wait_until(lambda: serves(gateway, port), "the gateway answers", 60)
        town = Town(port, f":{upstream}")
        began = time.monotonic()
        run = Run(gateway, port, admin, home / "gateway", town, began, began + seconds)
        yield run, agents, load_command(port, good_script(home, STEADY), STEADY, cores)


def soak(options: argparse.Namespace) -> bool:
    """Run, judge, print and keep the report; whether all promises were kept."""
    raise_file_limit()
    cores, before = machine.cores(), machine.look()
    warm = min(WARM, options.time / 3)
    with stage(cores, options.time) as (run, agents, argv):
        base = look(run)
        uvloop.run(traffic(run, argv, agents, options.rate))
        last = go_home(run)
        run.gateway.check()
        log = run.gateway.log.read_text(errors="replace")
    grown = growth(run, base, last, warm)
    checks = judge(run, base, last, grown, log)
    lines = [*machine.header(before, cores), *notes(run, last, warm)]
    verdict = "\n".join(f"- {verdict_line(check)}" for check in checks)
    title = "A long run of everything at once"
    page = report.page_of(title, lines, report.markdown_table(COLUMNS, table(grown))) + "\n\n" + verdict
    data = {"checks": checks, "growth": grown, "samples": [asdict(one) for one in run.samples], "last": last}
    paths = report.write(options.out, "soak", page, data)
    print(report.text_of(title, lines, report.aligned(COLUMNS, table(grown))), verdict, sep="\n\n")
    print("\nwritten: " + ", ".join(map(str, paths)))
    return all(check.kept for check in checks)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything held; 1: it did not, or could not be run."""
    try:
        return 0 if soak(parser().parse_args(arguments)) else 1
    except RigError as error:
        print(f"bench.soak: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
