"""The chart's CRDs on a real API server: it takes them, agrees with `agw check`, and kubectl shows what a person needs."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from agw.data import crd_files
from agw.resources.agentgateway import BackendTarget
from tests.unit.resources.test_rules import CRDS

VALID = (Path(__file__).parents[1] / "unit" / "resources" / "valid" / "own.yaml").read_text().split("\n---\n")
POLICY = next(document for document in VALID if "kind: TrafficPolicy" in document)
GROUP = "agentgateway.alibabacloud.com"


@pytest.fixture
def kubectl(kubeconfig, unique):
    """Runs kubectl in a namespace of its own, on a server that has our CRDs; gives its output, or with code 1 its errors."""
    program = shutil.which("kubectl", path=os.environ.get("KUBEBUILDER_ASSETS", "")) or shutil.which("kubectl")
    if not program:
        pytest.skip("THE CRDS ARE NOT TRIED: there is no kubectl in PATH or in the folder of KUBEBUILDER_ASSETS")
    namespace = unique("crds")

    def run(*arguments, body="", code=0):
        done = subprocess.run(
            [program, f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", *arguments],
            input=body if isinstance(body, str) else json.dumps(body),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    for path in crd_files():
        run("apply", "--server-side", "--force-conflicts", "-f", str(path))
    run("wait", "--for=condition=Established", "--timeout=60s", "crd", *(f"{kind}.{GROUP}" for kind in KINDS))
    run("create", "namespace", namespace)
    yield run
    # Nobody ends a namespace on a bare server: what a later test's controller should not see is deleted.
    run("delete", "--all", ",".join(f"{kind}.{GROUP}" for kind in KINDS))
    run("delete", "namespace", namespace, "--wait=false")


KINDS = ("backends", "trafficpolicies")


def backend(name="hello"):
    targets = [{"name": "a", "static": {"host": "agent", "port": 9999}}]
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Backend",
        "metadata": {"name": name},
        "spec": {"type": "A2A", "a2a": {"targets": targets}},
    }


def test_the_server_finds_nothing_wrong_with_the_schemas(kubectl):
    for kind in KINDS:
        found = json.loads(kubectl("get", "crd", f"{kind}.{GROUP}", "-o", "json"))
        states = {each["type"]: each["status"] for each in found["status"]["conditions"]}
        assert states["Established"] == "True"
        assert states["NamesAccepted"] == "True"
        assert "NonStructuralSchema" not in states


@pytest.mark.parametrize("document", VALID)
def test_the_server_takes_what_we_take(kubectl, document):
    kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", body=document)


@pytest.mark.parametrize(("wrong", "right"), [row[:2] for row in CRDS])
def test_the_server_refuses_what_we_refuse(kubectl, wrong, right):
    kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", body=right)
    refused = kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", body=wrong, code=1)
    assert "is invalid" in refused


def test_an_unknown_field_is_refused(kubectl):
    body = backend()
    body["spec"]["a2a"]["target"] = []
    assert 'unknown field "spec.a2a.target"' in kubectl("create", "--validate=strict", "-f", "-", body=body, code=1)


def test_the_server_fills_in_the_defaults_that_we_do(kubectl):
    kubectl("create", "-f", "-", body=backend())
    (target,) = json.loads(kubectl("get", "backend", "hello", "-o", "json"))["spec"]["a2a"]["targets"]
    assert target["weight"] == {field.name: field.default for field in msgspec.structs.fields(BackendTarget)}["weight"]


def test_kubectl_shows_what_a_person_needs(kubectl):
    kubectl("create", "-f", "-", body=backend())
    status = {
        "targets": 1,
        "endpoints": "2/3",
        "agent": {"name": "Hello World Agent", "protocolVersions": ["0.3", "1.0"]},
        "conditions": [
            {
                "type": "Accepted",
                "status": "True",
                "reason": "Accepted",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "observedGeneration": 1,
            }
        ],
    }
    kubectl("patch", "backend", "hello", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
    head, line = kubectl("get", "agbe").splitlines()
    assert head.split() == ["NAME", "TYPE", "TARGETS", "READY", "AGENT", "ACCEPTED", "AGE"]
    assert line.split()[:7] == ["hello", "A2A", "1", "2/3", "Hello", "World", "Agent"]
    wide = kubectl("get", "agbe", "-o", "wide")
    assert "0.3" in wide
    assert "1.0" in wide


def test_short_names_and_the_category(kubectl):
    kubectl("create", "-f", "-", body=backend())
    kubectl("create", "-f", "-", body=POLICY)
    everything = kubectl("get", "agw")
    assert f"backend.{GROUP}/hello" in everything
    assert f"trafficpolicy.{GROUP}/full" in everything
    short = json.loads(kubectl("get", "--raw", f"/apis/{GROUP}/v1alpha1"))
    names = {each["kind"]: each.get("shortNames") for each in short["resources"] if "/" not in each["name"]}
    assert all(names.values()), names


def test_every_field_is_explained(kubectl):
    told = kubectl("explain", "backend.spec.a2a.targets", "--recursive")
    assert "static" in told
    assert "Example:" in kubectl("explain", "trafficpolicy.spec.traffic")
