"""Our own kinds from a server whose CRD is another release's: wholly, or as a stand-in that says why."""

import pytest

from agw.resources import strict
from agw.resources.agentgateway import Backend, PolicyTargetRef, TrafficPolicy
from agw.resources.meta import ObjectMeta

API = "agentgateway.alibabacloud.com/v1alpha1"
META = ObjectMeta("p", "team", generation=3)
GROUP = "gateway.networking.k8s.io"
TARGET = {"group": GROUP, "kind": "HTTPRoute", "name": "r"}
AUTH = {"authentication": {"apiKeyAuth": {"secretRef": {"name": "keys"}}}}
HOST = {"host": "agent", "port": 9999}


def policy(spec):
    return strict.read(TrafficPolicy, API, META, spec)


def backend(spec):
    return strict.read(Backend, API, META, spec)


def test_what_is_known_is_read_with_its_defaults():
    found = policy({"targetRefs": [TARGET], "traffic": AUTH})
    assert found.unread == ()
    assert found.spec.traffic.authentication.api_key_auth.sources[1].header == "X-API-Key"
    assert (found.kind, found.api_version, found.metadata) == ("TrafficPolicy", API, META)
    found = backend({"type": "A2A", "a2a": {"targets": [{"name": "one", "static": HOST}]}})
    assert (found.unread, found.spec.a2a.targets[0].weight) == ((), 1)


@pytest.mark.parametrize(
    ("traffic", "path"),
    [
        ({"ofNextYear": {"rules": []}}, "$.spec.traffic.ofNextYear"),
        (AUTH | {"ofNextYear": 1}, "$.spec.traffic.ofNextYear"),
        ({"authentication": {"jwt": {}}}, "$.spec.traffic.authentication.jwt"),
        (
            {"authentication": {"apiKeyAuth": {"secretRef": {"name": "k"}, "scopes": []}}},
            "$.spec.traffic.authentication.apiKeyAuth.scopes",
        ),
        (
            {"authentication": {"apiKeyAuth": {"secretRef": {"name": "k"}, "mode": "Lenient"}}},
            "$.spec.traffic.authentication.apiKeyAuth.mode",
        ),
        ({"authentication": {"apiKeyAuth": {"secretRef": "k"}}}, "$.spec.traffic.authentication.apiKeyAuth.secretRef"),
        (
            {"authorization": {"rules": [{"action": "Audit"}]}},
            "$.spec.traffic.authorization.rules[0].action",
        ),
        ({}, "$.spec.traffic"),
        (None, "$.spec.traffic"),
        ([], "$.spec.traffic"),
    ],
)
def test_a_policy_with_what_is_not_known_is_a_stand_in_for_its_targets(traffic, path):
    found = policy({"targetRefs": [TARGET], "traffic": traffic})
    assert path in [each.path for each in found.unread]
    assert found.spec.target_refs == (PolicyTargetRef(GROUP, "HTTPRoute", "r"),)
    assert found.spec.traffic.authentication is None


@pytest.mark.parametrize(
    ("refs", "targets"),
    [
        ([TARGET | {"matchLabels": {"a": "b"}}], [("HTTPRoute", "r", None)]),
        ([TARGET | {"sectionName": 7}], [("HTTPRoute", "r", None)]),
        ([TARGET | {"sectionName": "one", "port": 80}], [("HTTPRoute", "r", "one")]),
        ([{"kind": "Gateway", "name": "gw"}], [("Gateway", "gw", None)]),
        ([TARGET, {"kind": "HTTPRoute", "selector": {}}, 5], [("HTTPRoute", "r", None)]),
        ([TARGET, TARGET], [("HTTPRoute", "r", None)]),
        ([TARGET | {"kind": "OfNextYear"}, TARGET], [("OfNextYear", "r", None), ("HTTPRoute", "r", None)]),
    ],
)
def test_targets_are_read_as_far_as_they_can_be_and_never_narrowed(refs, targets):
    found = policy({"targetRefs": refs, "traffic": AUTH})
    assert found.unread
    assert [(each.kind, each.name, each.section_name) for each in found.spec.target_refs] == targets


def test_other_ways_to_name_targets_are_not_passed_over():
    found = policy({"targetRefs": [TARGET], "targetSelectors": [{"kind": "HTTPRoute"}], "traffic": AUTH})
    assert [each.path for each in found.unread] == ["$.spec.targetSelectors"]


@pytest.mark.parametrize("spec", [None, 5, [], {}, {"targetRefs": {}}, {"targetRefs": []}, {"targetRefs": [{}, None]}])
def test_without_a_target_there_is_nothing_to_close(spec):
    with pytest.raises(strict.UnreadableError, match=r"no target can be read: \$\.spec"):
        policy(spec)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (
            {"type": "A2A", "a2a": {"targets": [{"name": "one", "static": HOST, "tls": {}}]}},
            "$.spec.a2a.targets[0].tls",
        ),
        ({"type": "MCP", "mcp": {}}, "$.spec.type"),
        ({"type": "A2A"}, "$.spec"),
        (None, "$.spec"),
    ],
)
def test_a_backend_is_never_half_read(spec, path):
    found = backend(spec)
    assert path in [each.path for each in found.unread]
    assert found.spec.a2a.targets == ()


def test_what_cannot_be_read_is_said_by_its_path():
    found = policy({"targetRefs": [TARGET], "traffic": {"ofNextYear": {}}})
    assert strict.summary(found.unread) == "$.spec.traffic.ofNextYear: this release does not know the field"
