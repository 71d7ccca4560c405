"""The chart: `golden/NAME.values.yaml` with all that it renders in `golden/NAME.out.yaml`, and values that are refused.

`make test TESTS=tests/chart ARGS=--update-golden` rewrites the outputs; the diff is the review.
"""

import re
from pathlib import Path

import pytest
import yaml

from agw import __version__
from tests.chart.helm import CHART, KUBE_VERSION, helm, template

HERE = Path(__file__).parent
CASES = sorted(path.name.removesuffix(".values.yaml") for path in (HERE / "golden").glob("*.values.yaml"))
REFUSED = yaml.safe_load((HERE / "refused.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def documents(text):
    return [each for each in yaml.safe_load_all(text) if each]


def of_kind(text, kind):
    return [each for each in documents(text) if each["kind"] == kind]


def test_lint_finds_nothing():
    found = helm("lint", "--strict", CHART)
    assert "0 chart(s) failed" in found
    assert "WARNING" not in found


@pytest.mark.parametrize("name", CASES)
def test_golden(name, update_golden):
    text = template("--values", HERE / "golden" / f"{name}.values.yaml")
    golden = HERE / "golden" / f"{name}.out.yaml"
    if update_golden:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", CASES)
def test_every_pod_is_confined(name):
    text = template("--values", HERE / "golden" / f"{name}.values.yaml")
    for deployment in of_kind(text, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= set(container["resources"])


def test_every_rule_of_a_role_says_why():
    for name in ("clusterrole.yaml", "role.yaml"):
        lines = (CHART / "templates" / name).read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("- apiGroups:"):
                before = lines[number - 1]
                assert before.startswith(("#", "  verbs:")), f"{name}:{number + 1}: a rule without its reason"


def test_no_role_has_a_wildcard():
    for role in of_kind(template(), "ClusterRole") + of_kind(template(), "Role"):
        for rule in role["rules"]:
            assert "*" not in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}


def test_the_image_is_this_version_by_default():
    (deployment,) = of_kind(template(), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"agw:{__version__}"


def cluster_wide(namespace):
    """Names of what a release in that namespace makes outside of any."""
    text = helm("template", "ack-agent-gateway", CHART, "-n", namespace, "--kube-version", KUBE_VERSION)
    named = {
        (each["kind"], each["metadata"]["name"]) for each in documents(text) if "namespace" not in each["metadata"]
    }
    return named - {("GatewayClass", "ack-agent-gateway")}


def test_releases_of_two_namespaces_share_no_name():
    assert cluster_wide("ack-agent-gateway")
    assert not cluster_wide("ack-agent-gateway") & cluster_wide("another")


def levels(values, path=()):
    """Every map among the values that the chart reads, by its path."""
    yield path
    for key, value in values.items():
        if isinstance(value, dict):
            yield from levels(value, (*path, key))


FREE = {"podAnnotations", "podLabels", "annotations", "nodeSelector", "requests", "limits"}  # the keys are the user's
CLOSED = [path for path in levels(VALUES) if not path or path[-1] not in FREE]


@pytest.mark.parametrize("path", CLOSED, ids=lambda path: ".".join(path) or "top")
def test_an_unknown_key_is_refused_at_every_level(path):
    refused = template("--set", ".".join((*path, "unheardOf")) + "=1", code=1)
    assert re.search(r"unheardOf", refused)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["why"])
def test_refused(case, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(case["values"]))
    assert case["says"] in template("--values", values, code=1)


def test_every_value_is_in_the_schema_with_a_description():
    import json

    schema = json.loads((CHART / "values.schema.json").read_text())

    def walk(values, node, path):
        for key, value in values.items():
            assert key in node["properties"], f"{path}{key}"
            below = node["properties"][key]
            assert below.get("description") or below.get("properties"), f"{path}{key}"
            if isinstance(value, dict) and below.get("additionalProperties") is False:
                walk(value, below, f"{path}{key}.")

    walk(VALUES, schema, "")
