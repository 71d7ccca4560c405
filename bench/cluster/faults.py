"""Something fails while requests go on: the controller, the API server, a pod of the data plane."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.cluster.stage import NAMESPACE, Poller, Stage, route, wait_until
from bench.cluster.traffic import traffic
from bench.trouble.result import Check, Outcome, exactly

RELEASE = "ack-agent-gateway"
LABEL = "app.kubernetes.io/component%3Dcontroller"


def faults(stage: Stage, pause: float) -> Outcome:
    """Each fault under traffic. pause: seconds that the API server stands still."""
    stage.api.create("httproutes", NAMESPACE, route("steady", "/steady"))
    wait_until(lambda: Poller(stage.address).status("/steady") == 200, "/steady is served")
    cases: dict[str, Callable[[], str]] = {
        "controller killed": lambda: controller_killed(stage),
        "data plane pod deleted": lambda: pod_deleted(stage),
        "data planes rolled": lambda: rolled(stage),
        "API server stopped": lambda: server_stopped(stage, pause),
    }
    rows: dict[str, tuple[str, ...]] = {}
    checks: list[Check] = []
    for name, fault in cases.items():
        with traffic((stage.address, 80), "/steady") as load:
            time.sleep(1)
            seen = fault()
            time.sleep(1)
        rows[name] = (str(load.total), str(load.refused), load.told(), f"{load.slowest * 1000:.0f}", seen)
        checks.append(exactly(f"requests that fail: {name}", load.refused, 0))
    columns = ("requests", "failed", "which", "slowest ms", "meanwhile")
    return Outcome("faults under traffic, two pods of the data plane", columns, rows, checks)


def controller_killed(stage: Stage) -> str:
    """Kill it without a word; a new one leads, and takes up what was written meanwhile."""
    began = time.monotonic()
    for pod in stage.api.get("pods", RELEASE, query=f"labelSelector={LABEL}")["items"]:
        stage.api.delete("pods", RELEASE, pod["metadata"]["name"], "gracePeriodSeconds=0")
    served = _new_route(stage, "after-kill")
    return f"a route written then is served after {served - began:.1f} s"


def _new_route(stage: Stage, name: str) -> float:
    stage.api.create("httproutes", NAMESPACE, route(name, f"/{name}"))
    poller = Poller(stage.address)
    wait_until(lambda: poller.status(f"/{name}") == 200, f"/{name} is served", 180)
    return time.monotonic()


def pod_deleted(stage: Stage) -> str:
    """Delete one of the two, as a drained node does; its successor serves everything from its first readiness."""
    name = stage.pod_names()[0]
    began = time.monotonic()
    stage.api.delete("pods", NAMESPACE, name)
    wait_until(lambda: name not in stage.pod_names() and len(stage.pod_names()) == 2, "two pods again", 180)
    return f"two pods again after {time.monotonic() - began:.1f} s"


def rolled(stage: Stage) -> str:
    """Roll both, as a new version does."""
    (deployment,) = stage.api.get(
        "deployments", NAMESPACE, query="labelSelector=gateway.networking.k8s.io%2Fgateway-name"
    )["items"]
    name, old = deployment["metadata"]["name"], set(stage.pod_names())
    began = time.monotonic()
    stamp = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": f"{began}"}}}}}
    stage.api.patch("deployments", NAMESPACE, name, stamp)
    wait_until(lambda: len(stage.pod_names()) == 2 and not old & set(stage.pod_names()), "both are new", 300)
    return f"both new after {time.monotonic() - began:.1f} s"


def server_stopped(stage: Stage, pause: float) -> str:
    """Stop the API server's process, and let it go on; then changes are taken up again."""
    with stopped("kube-apiserver") as found:
        if not found:
            return "not done: the API server is not on this machine"
        time.sleep(pause)
    began = time.monotonic()
    wait_until(lambda: _answers(stage), "the API server answers", 120)
    served = _new_route(stage, "after-stop")
    return f"{pause:g} s; a route written then is served after {served - began:.1f} s"


def _answers(stage: Stage) -> bool:
    with contextlib.suppress(OSError):
        return bool(stage.api.get("namespaces", "", NAMESPACE))
    return False


@contextlib.contextmanager
def stopped(program: str) -> Iterator[bool]:
    """Stop the one process of that name that this machine shows; give whether there was one."""
    found = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _name(folder) == program and _is_of_a_cluster()
    ]
    for process in found:
        os.kill(process, signal.SIGSTOP)
    try:
        yield bool(found)
    finally:
        for process in found:
            os.kill(process, signal.SIGCONT)


def _name(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().partition(b"\0")[0].decode().rpartition("/")[2]
    except OSError:
        return ""


def _is_of_a_cluster() -> bool:
    """Whether this process runs within a cluster's own namespaces, where a name of a program is enough."""
    return Path("/proc/1/cmdline").read_bytes().find(b"node-init") >= 0
