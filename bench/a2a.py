"""`python -m bench.a2a`: what it costs to understand A2A, and to decide by it.

Gateways side by side on one core, in interleaved rounds, with the same requests and the same key check:

    plain       the agent is an ordinary Service: nothing is read
    a2a         it is a Backend of type A2A: each request's operation is found and counted
    decided     and a policy decides by it: authorization by consumer and operation, rate limits per consumer and route

With `--before CHECKOUT` another build of agw serves the plain route too, which is how "costs nothing" is measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.field import Entry, lined_up
from bench.machine import Cores
from bench.peers import PEERS, Setup, earlier
from bench.procs import raise_file_limit
from bench.rig import measure
from bench.scenario import KEYS, Scenario, post

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec: {gatewayClassName: ack-agent-gateway, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {one: key-value-foo, two: key-value-bar}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: agent}
spec: {type: A2A, a2a: {targets: [{name: agent, static: {host: demo-a2a-agent-server, port: 9999}}]}}
---
apiVersion: v1
kind: Service
metadata: {name: demo-a2a-agent-server}
spec: {ports: [{port: 9999}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: front}]
  rules: [{backendRefs: [{BACKEND}]}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: all}]
  traffic:
    authentication: {apiKeyAuth: {secretRef: {name: keys}}}
"""
SERVICE = "{name: demo-a2a-agent-server, port: 9999}"
AGENT = "{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}"
DECIDED = """\
    authorization:
      rules:
      - {operations: [CancelTask], action: Deny}
      - {consumers: [one], operations: [SendMessage, GetTask], action: Allow}
      - {consumers: [two], action: Allow}
    rateLimit:
      local:
      - {requests: 100000000, unit: Second, per: Consumer, operations: [SendMessage]}
      - {requests: 100000000, unit: Second, per: Route}
"""


def manifests(kind: str) -> str:
    """The configuration of one of the gateways."""
    text = GATEWAY.replace("{BACKEND}", SERVICE if kind == "plain" else AGENT)
    return text + (DECIDED if kind == "decided" else "")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.a2a", description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=10, help="measured rounds after the warm-up (%(default)s)")
    options.add_argument("--requests", type=int, default=20_000, help="requests per round (%(default)s)")
    options.add_argument("--size", type=int, default=300, help="bytes of a message (%(default)s)")
    options.add_argument("--before", type=Path, help="checkout of another build, which serves the plain route too")
    options.add_argument("--core", type=int, help="the proxies' core (the last one)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the reports (%(default)s)")
    return options


def entries(options: argparse.Namespace, home: Path) -> list[Entry]:
    """The gateways, their manifests written; what the others are compared with comes first."""
    requests = tuple(post(options.size, key=key) for key in KEYS)
    scenario = Scenario("a2a", f"{options.size}-byte message/send, 130-byte reply, API key checked", requests)
    found = []
    for kind in ("plain", "a2a", "decided"):
        path = home / f"{kind}.yaml"
        path.write_text(manifests(kind))
        found.append(Entry(kind, PEERS["agw"], scenario, Setup(Path(), 0, 0, manifests=path)))
    if options.before:
        peer = earlier(options.before.resolve())
        found.append(Entry("plain before", peer, scenario, Setup(Path(), 0, 0, manifests=home / "plain.yaml")))
    return found


def compare(subject: str, options: argparse.Namespace, cores: Cores) -> report.Comparison:
    """All of them in one run; subject: whose cost is put over the others'."""
    before = machine.look()
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        lined = entries(options, Path(home))
        with lined_up(lined, cores) as entrants:
            steal = machine.Steal(cores.proxy)
            samples = measure(entrants, options.rounds, options.requests)
            notes = [f"{options.rounds} rounds of {options.requests} requests after a warm-up", str(steal)]
    title = f"CPU time of agw per request, by what it knows of A2A: {lined[0].scenario.about}"
    return report.Comparison(title, subject, before, cores, {}, samples, notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure."""
    options = parser().parse_args(arguments)
    try:
        raise_file_limit()
        cores = machine.cores(options.core)
        print(report.publish(compare("decided", options, cores), options.out, "a2a"), flush=True)
    except RigError as error:
        print(f"bench.a2a: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
