"""The generated parts of docs/ are what their sources give."""

import re
import subprocess
import sys

import pytest
import yaml

from agw.errors import Severity
from agw.resources.load import load
from agw.translate import translate
from tests.house.tree import ROOT

GENERATOR = ROOT / "docs" / "generate.py"


def test_the_pages_are_up_to_date():
    checked = subprocess.run(
        [sys.executable, GENERATOR, "--check"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


PARTS = """
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: edge}, spec: {gatewayClassName: ack-agent-gateway,
 listeners: [{name: http, port: 80, protocol: HTTP}]}}
---
{apiVersion: agentgateway.alibabacloud.com/v1alpha1, kind: Backend, metadata: {name: hello},
 spec: {type: A2A, a2a: {targets: [{name: only, static: {host: 127.0.0.1, port: 9999}}]}}}
---
{apiVersion: agentgateway.alibabacloud.com/v1alpha1, kind: Backend, metadata: {name: next},
 spec: {type: A2A, a2a: {targets: [{name: only, static: {host: 127.0.0.1, port: 9998}}]}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: route-for-a2a-backend},
 spec: {parentRefs: [{name: edge}], rules: [{matches: [{path: {value: /a2a}}],
  backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: hello}]}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: a2a-api-key}, stringData: {key1: one, key2: two}}
"""


@pytest.mark.parametrize(
    "example",
    [
        example
        for page in ("routing", "policies")
        for example in re.findall(
            r"^```yaml\n(.*?)^```$", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE | re.DOTALL
        )
    ],
)
def test_an_example_is_served_as_it_stands(example, tmp_path):
    (tmp_path / "example.yaml").write_text(example)
    documents = yaml.safe_load_all(PARTS)
    (tmp_path / "parts.yaml").write_text(yaml.safe_dump_all(documents))
    loaded = load([tmp_path])
    assert loaded.problems == ()
    problems = translate(loaded.resources).problems
    assert [str(problem) for problem in problems if problem.severity is not Severity.INFO] == []


def test_every_part_has_a_place():
    placed = [
        name
        for page in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"^<!-- generated: ([\w-]+) -->$", page.read_text(), re.MULTILINE)
    ]
    assert sorted(placed) == sorted(re.findall(r'^    "([\w-]+)": ', GENERATOR.read_text(), re.MULTILINE))
