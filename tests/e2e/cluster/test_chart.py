"""The chart's life on a real cluster: installed, upgraded and rolled back under requests, uninstalled, installed again."""

import json
import re
import threading
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.e2e.cluster.walkthrough import RELEASE, image_values, open_terminal

HERE = f"-n {RELEASE}"
GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: chart-life}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


@pytest.fixture
def terminal(tmp_path):
    """A terminal with the chart, and a Gateway to apply; nothing stays in the cluster."""
    terminal = open_terminal(tmp_path)
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    yield terminal
    terminal.run("kubectl delete --ignore-not-found -f gateway.yaml", code=None)
    terminal.run(f"helm uninstall {RELEASE} {HERE} --wait --ignore-not-found", code=None)


class Asking:
    """Requests to an address one after the other, while something happens: what came of them, by status."""

    def __init__(self, address):
        self.address = address
        self.seen = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)

    def _ask(self):
        while not self._stop.is_set():
            self.seen.append(status(self.address))
            time.sleep(0.02)


def status(address):
    try:
        with urlopen(f"http://{address}/", timeout=10) as answer:
            return answer.status
    except URLError as error:
        return getattr(error, "code", None) or str(error)


def address_of(terminal):
    ran = terminal.until("kubectl get gateway chart-life", r"\d +True ")
    return ran.output.splitlines()[1].split()[2]


def test_a_release_lives(terminal):
    helm = f"helm upgrade --install {RELEASE} charts/{RELEASE} {HERE} --create-namespace --wait{image_values()}"
    notes = terminal.run(helm).output.partition("NOTES:")[2]
    for command in re.findall(r"^  (kubectl .*)$", notes, re.MULTILINE):
        terminal.run(command)

    terminal.run("kubectl apply -f gateway.yaml")
    address = address_of(terminal)
    with Asking(address) as asking:
        terminal.run(f"{helm} --set controller.replicas=2,controller.logLevel=debug")
        pods = json.loads(terminal.run(f"kubectl {HERE} get pods -o json").output)["items"]
        assert sum("deletionTimestamp" not in pod["metadata"] for pod in pods) == 2
        terminal.run(f"kubectl {HERE} get poddisruptionbudget {RELEASE}")
        terminal.run(f"helm rollback {RELEASE} 1 {HERE} --wait")
        terminal.run(f"kubectl {HERE} rollout status deployment/{RELEASE}")

        # Uninstalled, the controller is gone, and the Gateway serves on.
        terminal.run(f"helm uninstall {RELEASE} {HERE} --wait")
        terminal.run(f"kubectl {HERE} get secret {RELEASE}-tls")
        terminal.run("kubectl get crd backends.agentgateway.alibabacloud.com")
        terminal.run(helm)
        terminal.until(f"kubectl get gatewayclass {RELEASE}", r"\bTrue\b")
    assert set(asking.seen) == {404}, set(asking.seen)

    terminal.run(f"helm uninstall {RELEASE} {HERE} --wait")
    terminal.run("kubectl delete -f gateway.yaml")
    owned = "kubectl get deployments,services -l gateway.networking.k8s.io/gateway-name=chart-life"
    terminal.until(owned, r"^No resources found")
