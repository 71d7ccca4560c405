"""`python -m bench.limits`: whether rate limits grant what they say, over all workers of a gateway.

For each `per` a limit is asked for more than it grants, by clients that never wait, through a gateway with four workers;
what it may grant in the time is its burst and one for each interval. The clients and the agent share the cores with the
gateway, so their rates say nothing: the count does.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, report
from bench.build import program
from bench.manifests import BACKEND
from bench.peers import AGENT
from bench.procs import free_port, started, wait_until
from bench.trouble.stage import status

RATE = 200
BURST = 20
SUBJECTS = 3
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
    rateLimit: {{local: [{{requests: {rate}, unit: Second, burst: {burst}, per: {per}}}]}}
"""


@dataclass(frozen=True, slots=True)
class Grants:
    """What one limit gave. granted: per subject, in `seconds`."""

    per: str
    granted: tuple[int, ...]
    asked: int
    seconds: float

    @property
    def due(self) -> float:
        """What each subject may have been granted."""
        return BURST + RATE * self.seconds

    @property
    def worst(self) -> float:
        """The greatest deviation, as a share of what was due."""
        return max(abs(each - self.due) / self.due for each in self.granted)


def request(per: str, subject: int) -> bytes:
    """A message by one of the subjects that a limit tells apart."""
    context = f',"contextId":"c{subject}"' if per == "Context" else ""
    body = f'{{"jsonrpc":"2.0","id":1,"method":"message/send","params":{{"message":{{"parts":[]{context}}}}}}}'
    key = f"X-API-Key: k{subject}\r\n" if per == "Consumer" else ""
    client = f"X-Forwarded-For: 192.0.2.{subject + 1}\r\n" if per == "ClientIP" else ""
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{key}{client}Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def ask(port: int, message: bytes, until: float, found: Counter[bytes]) -> None:
    """Ask again and again on one connection, until a time (CLOCK_MONOTONIC)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(size)
        found[head[9:12]] += 1
    writer.close()


async def flood(port: int, per: str, seconds: float, connections: int) -> Grants:
    """All subjects at once, each over connections of its own."""
    subjects = 1 if per == "Route" else SUBJECTS
    counts: list[Counter[bytes]] = [Counter() for _ in range(subjects)]
    began = time.monotonic()
    await asyncio.gather(
        *(
            ask(port, request(per, subject), began + seconds, counts[subject])
            for subject in range(subjects)
            for _ in range(connections)
        )
    )
    took = time.monotonic() - began
    for count in counts:
        if set(count) - {b"200", b"429"}:
            message = f"answers that are neither 200 nor 429: {count}"
            raise RigError(message)
    return Grants(per, tuple(count[b"200"] for count in counts), sum(count.total() for count in counts), took)


@contextmanager
def gateway(folder: Path, per: str, workers: int) -> Iterator[int]:
    """A gateway with one limit, before a fast agent; gives its port."""
    keys = ", ".join(f"s{number}: k{number}" for number in range(SUBJECTS))
    manifests = folder / f"{per}.yaml"
    manifests.write_text(BACKEND + MANIFESTS.format(keys=keys, rate=RATE, burst=BURST, per=per))
    port, upstream = free_port(), free_port()
    agent = [program("upstream"), "--listen", f"127.0.0.1:{upstream}"]
    agw = [sys.executable, "-m", "agw", "run", "-f", str(manifests), "--workers", str(workers)]
    agw += ["--listen", f"80=127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}"]
    agw += ["--resolve", f"{AGENT}=127.0.0.1:{upstream}", "--trusted-peers", "127.0.0.0/8", "--trusted-hops", "1"]
    with started("agent", agent, None, folder / "agent.log"), started("agw", agw, None, folder / "agw.log"):
        wait_until(lambda: status(port, "/none") in {200, 404, 429}, "agw serves", 30)
        time.sleep((BURST + 1) / RATE)  # what asking took has come back
        yield port


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=10, help="for each kind of limit (%(default)s)")
    options.add_argument("--workers", type=int, default=4, help="of the gateway (%(default)s)")
    options.add_argument("--connections", type=int, default=12, help="of each subject (%(default)s)")
    options.add_argument("--within", type=float, default=0.01, help="fail where a count is off by more (%(default)s)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


COLUMNS = ("per", "asked", "due each", "granted", "worst")


def rows(found: Sequence[Grants]) -> list[tuple[str, ...]]:
    """A row for each kind of limit."""
    return [
        (
            each.per,
            str(each.asked),
            f"{each.due:.0f}",
            " ".join(map(str, each.granted)),
            f"{100 * each.worst:.2f} %",
        )
        for each in found
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 all within, 1 not, or could not measure."""
    options = parser().parse_args(arguments)
    found = []
    try:
        with tempfile.TemporaryDirectory(prefix="agw-bench-") as folder:
            for per in PERS:
                with gateway(Path(folder), per, options.workers) as port:
                    found.append(asyncio.run(flood(port, per, options.seconds, options.connections)))
    except RigError as error:
        print(f"bench.limits: {error}", file=sys.stderr)
        return 1
    title = f"Rate limits: {RATE} a second, {BURST} at once, over {options.workers} workers and {options.seconds:g} s"
    page = report.page_of(title, [], report.markdown_table(COLUMNS, rows(found)))
    paths = report.write(options.out, "limits", page, found)
    print(report.text_of(title, [], report.aligned(COLUMNS, rows(found))))
    print("\nwritten: " + ", ".join(map(str, paths)))
    return int(any(each.worst > options.within for each in found))


if __name__ == "__main__":
    sys.exit(main())
