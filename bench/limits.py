"""`python -m bench.limits`: whether rate limits grant what they say, over all workers of a gateway, and over pods.

For each `per` a limit is asked for more than it grants, by clients that never wait, through a gateway with four workers;
what it may grant in the time is its burst and one for each interval. The clients and the agent share the cores with the
gateway, so their rates say nothing: the count does.

With `--pods 2` as many gateways share the limits through a Valkey (or Redis) that is started for it; then it is killed
under load, and what holds is what `onFailure` says: in each gateway the whole limit, or nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, report
from bench.build import program
from bench.manifests import BACKEND
from bench.peers import AGENT
from bench.procs import Process, free_port, started, wait_until
from bench.trouble.stage import status

RATE = 200
BURST = 20
SUBJECTS = 3
MISSED = 4.0
"""Seconds in which a store that is gone is certainly missed."""
PERS = ("Route", "Consumer", "ClientIP", "Context")
MANIFESTS = """\
---
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{{keys}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: all}}
spec:
  parentRefs: [{{name: front}}]
  rules: [{{backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}}]}}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {{name: limits}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: all}}]
  traffic:
    authentication: {{apiKeyAuth: {{secretRef: {{name: keys}}, mode: Optional}}}}
    rateLimit: {limits}
"""


@dataclass(frozen=True, slots=True)
class Grants:
    """What one limit gave. granted: per subject, in `seconds`. times: the limit that is due. slowest: answer, in s."""

    per: str
    granted: tuple[int, ...]
    asked: int
    seconds: float
    times: int = 1
    slowest: float = 0.0

    @property
    def due(self) -> float:
        """What each subject may have been granted."""
        return self.times * (BURST + RATE * self.seconds)

    @property
    def worst(self) -> float:
        """The greatest deviation, as a share of what was due."""
        return max(abs(each - self.due) / self.due if self.due else float(each) for each in self.granted)


def request(per: str, subject: int) -> bytes:
    """A message by one of the subjects that a limit tells apart."""
    context = f',"contextId":"c{subject}"' if per == "Context" else ""
    body = f'{{"jsonrpc":"2.0","id":1,"method":"message/send","params":{{"message":{{"parts":[]{context}}}}}}}'
    key = f"X-API-Key: k{subject}\r\n" if per == "Consumer" else ""
    client = f"X-Forwarded-For: 192.0.2.{subject + 1}\r\n" if per == "ClientIP" else ""
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{key}{client}Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def ask(port: int, message: bytes, until: float, found: Counter[bytes], took: list[float]) -> None:
    """Ask again and again on one connection, until a time (CLOCK_MONOTONIC). took: the slowest answer, of all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.monotonic()) < until:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(size)
        found[head[9:12]] += 1
        if b"connection: close" in head.lower():  # it has had its ten thousand requests
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        took[0] = max(took[0], time.monotonic() - began)
    writer.close()


async def flood(ports: Sequence[int], per: str, seconds: float, connections: int, times: int = 1) -> Grants:
    """All subjects at once, each over connections of its own to all gateways."""
    subjects = 1 if per == "Route" else SUBJECTS
    counts: list[Counter[bytes]] = [Counter() for _ in range(subjects)]
    slowest = [0.0]
    began = time.monotonic()
    await asyncio.gather(
        *(
            ask(ports[number % len(ports)], request(per, subject), began + seconds, counts[subject], slowest)
            for subject in range(subjects)
            for number in range(connections)
        )
    )
    took = time.monotonic() - began
    for count in counts:
        if set(count) - {b"200", b"429"}:
            message = f"answers that are neither 200 nor 429: {count}"
            raise RigError(message)
    return Grants(
        per, tuple(count[b"200"] for count in counts), sum(count.total() for count in counts), took, times, slowest[0]
    )


def limits_of(per: str, failure: str) -> str:
    """The limits of the policy; failure: onFailure of a shared one, "" for a pod's own."""
    limit = f"[{{requests: {RATE}, unit: Second, burst: {BURST}, per: {per}}}]"
    return f"{{shared: {{limits: {limit}, onFailure: {failure}}}}}" if failure else f"{{local: {limit}}}"


@contextmanager
def gateways(
    folder: Path, per: str, options: argparse.Namespace, failure: str = "", store: str = ""
) -> Iterator[list[int]]:
    """As many gateways as pods, with one limit, before a fast agent; gives their ports."""
    keys = ", ".join(f"s{number}: k{number}" for number in range(SUBJECTS))
    manifests = folder / f"{per}{failure}.yaml"
    manifests.write_text(BACKEND + MANIFESTS.format(keys=keys, limits=limits_of(per, failure)))
    upstream = free_port()
    agent = [program("upstream"), "--listen", f"127.0.0.1:{upstream}"]
    ports = [free_port() for _ in range(options.pods)]
    with ExitStack() as stack:
        stack.enter_context(started("agent", agent, None, folder / "agent.log"))
        for port in ports:
            agw = [sys.executable, "-m", "agw", "run", "-f", str(manifests), "--workers", str(options.workers)]
            agw += ["--listen", f"80=127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
            agw += [
                "--resolve",
                f"{AGENT}=127.0.0.1:{upstream}",
                "--trusted-peers",
                "127.0.0.0/8",
                "--trusted-hops",
                "1",
            ]
            agw += ["--limit-store", store] if store else []
            log = folder / f"agw{port}.log"
            stack.enter_context(started("agw", agw, None, log))
            wait_until(lambda port=port: status(port, "/none") in {200, 404, 429}, "agw serves", 30)
            if store:
                wait_until(lambda log=log: "is reached" in log.read_text(), "agw reaches the store", 30)
        time.sleep((BURST + 1) / RATE)  # what asking took has come back
        yield ports


@contextmanager
def a_store(folder: Path) -> Iterator[tuple[str, Process]]:
    """A Valkey or Redis of our own: its URL and its process."""
    server = shutil.which("valkey-server") or shutil.which("redis-server")
    if server is None:
        message = "limits over pods need valkey-server or redis-server: apt-get install redis-server"
        raise RigError(message)
    port = free_port()
    argv = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with started("store", argv, None, folder / "store.log") as process:
        yield f"valkey://127.0.0.1:{port}/0", process


def one_pod(folder: Path, options: argparse.Namespace) -> list[Grants]:
    """Limits of a pod, each kind."""
    found = []
    for per in PERS:
        with gateways(folder, per, options) as ports:
            found.append(asyncio.run(flood(ports, per, options.seconds, options.connections)))
    return found


def several_pods(folder: Path, options: argparse.Namespace) -> list[Grants]:
    """Limits over pods: each kind, then without the store, which is killed under load."""
    found = []
    for per in PERS:
        with a_store(folder) as (url, _), gateways(folder, per, options, "Open", url) as ports:
            found.append(asyncio.run(flood(ports, per, options.seconds, options.connections)))
    for failure, times in (("Open", options.pods), ("Closed", 0)):
        with a_store(folder) as (url, store), gateways(folder, "Route", options, failure, url) as ports:
            found.append(asyncio.run(killed(store, ports, options, failure, times)))
    return found


async def killed(store: Process, ports: Sequence[int], options: argparse.Namespace, failure: str, times: int) -> Grants:
    """Kill the store under load; count what is granted once the gateways have missed it."""
    settling = asyncio.create_task(flood(ports, "Route", MISSED, options.connections))
    await asyncio.sleep(MISSED / 4)
    store.stop()
    before = await settling
    after = await flood(ports, "Route", options.seconds, options.connections, times)
    # A bucket that has been drawn on without pause is empty when the count begins.
    granted = tuple(each + (BURST * times) for each in after.granted)
    slowest = max(before.slowest, after.slowest)
    return Grants(f"Route, killed, {failure}", granted, after.asked, after.seconds, times, slowest)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=10, help="for each kind of limit (%(default)s)")
    options.add_argument("--workers", type=int, default=4, help="of the gateway (%(default)s)")
    options.add_argument("--pods", type=int, default=1, help="gateways that share the limits (%(default)s)")
    options.add_argument("--connections", type=int, default=12, help="of each subject (%(default)s)")
    options.add_argument("--within", type=float, default=0.01, help="fail where a count is off by more (%(default)s)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


COLUMNS = ("per", "asked", "due each", "granted", "worst", "slowest answer ms")


def rows(found: Sequence[Grants]) -> list[tuple[str, ...]]:
    """A row for each kind of limit."""
    return [
        (
            each.per,
            str(each.asked),
            f"{each.due:.0f}",
            " ".join(map(str, each.granted)),
            f"{100 * each.worst:.2f} %",
            f"{1000 * each.slowest:.0f}",
        )
        for each in found
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 all within, 1 not, or could not measure."""
    options = parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="agw-bench-") as folder:
            found = (several_pods if options.pods > 1 else one_pod)(Path(folder), options)
    except RigError as error:
        print(f"bench.limits: {error}", file=sys.stderr)
        return 1
    title = f"Rate limits: {RATE} a second, {BURST} at once, over {options.pods} x {options.workers} workers and {options.seconds:g} s"
    page = report.page_of(title, [], report.markdown_table(COLUMNS, rows(found)))
    paths = report.write(options.out, "limits" if options.pods == 1 else "limits-pods", page, found)
    print(report.text_of(title, [], report.aligned(COLUMNS, rows(found))))
    print("\nwritten: " + ", ".join(map(str, paths)))
    return int(any(each.worst > options.within for each in found))


if __name__ == "__main__":
    sys.exit(main())
