"""Keys and grants: an old key is refused everywhere at once, a lost Secret lets nobody in, a border is one."""

from __future__ import annotations

import time

from bench.cluster.stage import NAMESPACE, OTHER, Poller, Stage, agent, conditions, route, wait_until
from bench.trouble.result import Check, Outcome, at_most, exactly

PATH = "/guarded"


def secrets(stage: Stage, rotations: int) -> Outcome:
    """Rotate a Secret, delete it, and name what another namespace has not granted."""
    api, pods = stage.api, [Poller(address) for address in stage.pods()]
    api.create("secrets", NAMESPACE, {"metadata": {"name": "keys"}, "stringData": {"client": "key-0"}})
    api.create("httproutes", NAMESPACE, route("guarded", PATH))
    api.create("trafficpolicies", NAMESPACE, policy())
    for pod in pods:
        wait_until(lambda pod=pod: (_ask(pod), _ask(pod, "key-0")) == (401, 200), "the key is asked for")
    late = [_rotate(stage, pods, number) for number in range(1, rotations + 1)]
    last = f"key-{rotations}"
    api.delete("secrets", NAMESPACE, "keys")
    began = time.monotonic()
    wait_until(lambda: all(_ask(pod, last) != 200 for pod in pods), "nobody is let in")
    closed = time.monotonic() - began
    open_after = sum(_ask(pod, last) == 200 or _ask(pod) == 200 for pod in pods for _ in range(50))
    rows = {
        "Secret rotated": (f"{1000 * max(late):.0f} ms at most", f"{rotations} times, {len(pods)} pods"),
        "Secret deleted": (f"{1000 * closed:.0f} ms", f"then {_ask(pods[0], last)}"),
        **_borders(stage),
    }
    checks = [
        at_most("an old key is refused everywhere after", max(late), 1, " s"),
        exactly("requests let in without the Secret", open_after, 0),
        *(_refused(name, cells) for name, cells in rows.items() if name.startswith("another")),
    ]
    return Outcome("keys and borders", ("seen", "how"), rows, checks, figures={"late": late})


def policy() -> dict[str, object]:
    """API keys on the guarded route."""
    reference = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "guarded"}
    return {
        "apiVersion": "agentgateway.alibabacloud.com/v1alpha1",
        "kind": "TrafficPolicy",
        "metadata": {"name": "guarded"},
        "spec": {
            "targetRefs": [reference],
            "traffic": {"authentication": {"apiKeyAuth": {"secretRef": {"name": "keys"}}}},
        },
    }


def _ask(pod: Poller, key: str = "") -> int:
    return pod.status(PATH, f"Authorization: Bearer {key}\r\n" if key else "")


def _rotate(stage: Stage, pods: list[Poller], number: int) -> float:
    """Seconds from the API server's answer until every pod refuses the old key and takes the new one."""
    old, new = f"key-{number - 1}", f"key-{number}"
    stage.api.patch("secrets", NAMESPACE, "keys", {"stringData": {"client": new}})
    began = time.monotonic()
    for pod in pods:
        wait_until(lambda pod=pod: (_ask(pod, old), _ask(pod, new)) == (401, 200), "the key is another")
    return time.monotonic() - began


def _borders(stage: Stage) -> dict[str, tuple[str, str]]:
    """A Service of another namespace, before a grant, with it, and when it is taken away."""
    api, poller = stage.api, Poller(stage.address)
    for resource, body in agent("other"):
        api.create(resource, OTHER, body)
    api.create("httproutes", NAMESPACE, route("abroad", "/abroad", "agent-other", namespace=OTHER))
    wait_until(lambda: "ResolvedRefs" in conditions(api, "httproutes", "abroad"), "the route has its status")
    rows = {"another namespace's Service": _seen(stage, poller)}
    api.create("referencegrants", OTHER, grant())
    wait_until(lambda: poller.status("/abroad") == 200, "the grant opens")
    api.delete("referencegrants", OTHER, "in")
    wait_until(lambda: poller.status("/abroad") == 500, "the grant's end closes")
    wait_until(lambda: conditions(api, "httproutes", "abroad")["ResolvedRefs"]["status"] == "False", "its status")
    return rows | {"another namespace's Service, grant deleted": _seen(stage, poller)}


def _seen(stage: Stage, poller: Poller) -> tuple[str, str]:
    found = conditions(stage.api, "httproutes", "abroad")["ResolvedRefs"]
    return f"{poller.status('/abroad')} {found['status']} {found['reason']}", found["message"]


def _refused(name: str, cells: tuple[str, str]) -> Check:
    return exactly(name, cells[0], "500 False RefNotPermitted")


def grant() -> dict[str, object]:
    """The other namespace lets our routes name its Services."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "in"},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": NAMESPACE}],
            "to": [{"group": "", "kind": "Service"}],
        },
    }
