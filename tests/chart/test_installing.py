"""The chart on a real API server, with RBAC on: the server takes all of it, and a second installation is refused."""

from pathlib import Path

import pytest
import yaml

from tests.chart.helm import CHART, RELEASE, template
from tests.chart.installing import Server

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name.removesuffix(".values.yaml") for path in GOLDEN.glob("*.values.yaml"))
LABEL = "agentgateway.alibabacloud.com/installation"


@pytest.fixture
def server(own_apiserver):
    """A server on which nothing is installed, neither before nor after."""
    made = Server.on(own_apiserver)
    yield made
    made.uninstall()


@pytest.mark.parametrize("name", CASES)
def test_the_server_takes_what_is_rendered(server, name):
    values = ("--values", GOLDEN / f"{name}.values.yaml")
    server.namespace(RELEASE, "agents", "more-agents")
    rendered = template(*values)
    server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", body=rendered)
    server.install(RELEASE, RELEASE, *values)
    found = yaml.safe_load_all(server.kubectl("get", "-f", "-", "-o", "yaml", body=rendered))
    assert sum(len(each["items"]) for each in found) == len([each for each in yaml.safe_load_all(rendered) if each])
    server.helm("upgrade", RELEASE, CHART, "-n", RELEASE, *values)


def test_the_class_says_whose_it_is(server):
    server.install(RELEASE, "somewhere")
    found = yaml.safe_load(server.kubectl("get", "gatewayclass", RELEASE, "-o", "yaml"))
    assert found["metadata"]["labels"][LABEL] == "somewhere"


@pytest.mark.parametrize("create", ["true", "false"])
def test_a_second_installation_is_refused(server, create):
    server.install()
    refused = server.install("other", "elsewhere", f"--set=gatewayClass.create={create}", code=1)
    assert f"belongs to the installation in the namespace {RELEASE}" in refused
    assert "helm list -n ack-agent-gateway" in refused
    assert not server.kubectl("get", "clusterroles", "-o", "name").count("elsewhere")


def test_a_second_release_in_the_namespace_is_refused(server):
    server.install("first", RELEASE, "--set=gatewayClass.create=false")
    refused = server.install("second", RELEASE, "--set=gatewayClass.create=false", code=1)
    assert "is installed in the namespace ack-agent-gateway already, as release first" in refused


def test_a_class_that_was_left_behind_can_be_handed_over(server):
    server.kubectl("apply", "-f", "-", body=yaml.safe_dump(left_behind("gone")))
    refused = server.install(RELEASE, RELEASE, "--set=gatewayClass.create=false", code=1)
    command = refused.partition("hand the class over: kubectl ")[2].splitlines()[0].split()
    server.kubectl(*command)
    server.install(RELEASE, RELEASE, "--set=gatewayClass.create=false")
    server.kubectl("delete", "gatewayclass", "left-behind")


def left_behind(namespace):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "left-behind", "labels": {LABEL: namespace}},
        "spec": {"controllerName": "agentgateway.alibabacloud.com/controller"},
    }
