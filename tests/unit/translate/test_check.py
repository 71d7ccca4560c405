"""The report of `agw check`: a row for everything that has conditions, and one verdict."""

import json
from pathlib import Path

import pytest
import yaml

from agw.resources.load import load
from agw.translate import translate
from agw.translate.check import report
from agw.translate.result import ObjectKey

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "translate"


def check(*paths):
    loaded = load(paths)
    return report(loaded.resources, translate(loaded.resources))


def golden(name):
    return check(GOLDEN / f"{name}.in.yaml")


def test_the_examples_are_the_seed():
    found = check(ROOT / "examples" / "seed")
    assert found.ok
    assert found.statuses == golden("seed").statuses
    assert [(row.object.kind, row.part, row.note) for row in found.rows] == [
        ("Gateway", "", ""),
        ("Gateway", "listener http", "1 route"),
        ("HTTPRoute", "parent default/test-a2a-gateway", ""),
        ("Backend", "", ""),
        ("TrafficPolicy", "ancestor default/test-a2a-gateway", ""),
    ]


@pytest.mark.parametrize(
    "name",
    ["class-unknown", "listener-protocols", "route-bad-regex", "refs-grants", "policy-secret", "policy-conflict"],
)
def test_what_is_not_accepted_fails(name):
    assert not golden(name).ok


@pytest.mark.parametrize("name", ["seed", "class-other-controller", "policy-overridden", "gateway-unserved"])
def test_what_others_own_or_warnings_do_not_fail(name):
    assert golden(name).ok


def test_a_route_to_a_missing_gateway_is_an_orphan():
    found = golden("route-parents")
    orphans = [(row.object, row.part, row.note) for row in found.rows if row.orphan]
    key = ObjectKey("HTTPRoute", "default", "no-gateway")
    assert orphans == [(key, "parentRefs[0]", "there is no Gateway default/gone")]


def test_trouble_is_what_is_not_as_it_should_be():
    found = golden("route-bad-regex")
    row = next(row for row in found.rows if row.object.kind == "HTTPRoute")
    assert [condition.type for condition in row.trouble] == ["PartiallyInvalid"]


def test_the_document_is_plain_data():
    document = golden("policy-keys").document()
    assert json.loads(json.dumps(document)) == document
    assert yaml.safe_load(yaml.safe_dump(document)) == document
    assert document["ok"] is False
    first = document["objects"][0]
    assert (first["kind"], first["name"], first["status"]["listeners"][0]["attachedRoutes"]) == ("Gateway", "gw", 1)
    assert {"code", "severity", "object", "path", "file", "line", "column", "message"} <= document["problems"][0].keys()


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml")))
def test_no_key_is_ever_shown(name):
    found = golden(name)
    shown = json.dumps(found.document()) + repr(found)
    for canary in ("key-value", "alice-key", "bob-key"):
        assert canary not in shown
