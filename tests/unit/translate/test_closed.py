"""What could not be read is closed: its requests answer 500, and its author is told why."""

from msgspec.structs import replace

from agw.errors import Reason
from agw.resources import strict
from agw.resources.agentgateway import Backend, TrafficPolicy
from agw.resources.load import load
from agw.resources.objects import Resource
from agw.snapshot.model import Policy, Rule
from agw.translate import Translator
from agw.translate.explain import explain, parse
from agw.translate.result import ObjectKey
from agw.translate.translator import translate

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: b}
spec: {type: A2A, a2a: {targets: [{name: one, static: {host: 10.0.0.1, port: 9999}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw}]
  rules:
  - name: one
    backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: b}]
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {alice: key-a}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  traffic: {authentication: {apiKeyAuth: {secretRef: {name: keys}}}}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: q}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r, sectionName: one}]
  traffic: {authentication: {apiKeyAuth: {secretRef: {name: keys}}}}
"""


def world(tmp_path):
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    loaded = load([path])
    assert loaded.ok, loaded.problems
    return loaded.resources


def closed(resources, kind, name):
    identity = (kind, "default", name)
    value = strict.stand_in(resources.get(*identity).value, "this release does not know it")
    return identity, resources.replacing({identity: Resource(value)})


def asked(translation):
    request, _ = parse("GET", "http://a.io/", (), frozenset({80}))
    return explain(translation, request)


def policies(translation):
    return [entry for entry in translation.snapshots["default/gw"].values() if isinstance(entry, Policy)]


def test_no_field_of_another_policy_takes_the_place_of_what_was_not_read(tmp_path):
    """q is more specific and has every field that p was known to have: p's unknown one holds all the same."""
    _, resources = closed(world(tmp_path), TrafficPolicy, "p")
    translation = translate(resources)
    found = asked(translation)
    assert (found.status, found.reason) == (500, Reason.POLICY_INVALID)
    (policy,) = policies(translation)
    assert policy.deny == "TrafficPolicy default/p cannot be read: $: this release does not know it"
    status = translation.statuses[ObjectKey("TrafficPolicy", "default", "p")]
    accepted, attached = status.ancestors[0].conditions
    assert (accepted.status, accepted.reason) == ("False", "Invalid")
    assert accepted.message == "$: this release does not know it: every request is refused with 500"
    assert attached.status == "True"
    assert "AGW2064" in [problem.code for problem in translation.problems]


def test_two_that_cannot_be_read_are_both_told_so(tmp_path):
    resources = world(tmp_path)
    p, resources = closed(resources, TrafficPolicy, "p")
    other = resources.get(*p).value
    metadata = replace(other.metadata, name="older", creation_timestamp="2020-01-01T00:00:00Z")
    resources = resources.replacing({(TrafficPolicy, "default", "older"): Resource(replace(other, metadata=metadata))})
    translation = translate(resources)
    for name in ("p", "older"):
        status = translation.statuses[ObjectKey("TrafficPolicy", "default", name)]
        assert status.ancestors[0].conditions[0].reason == "Invalid"


def test_a_backend_that_cannot_be_read_leads_nowhere(tmp_path):
    _, resources = closed(world(tmp_path), Backend, "b")
    translation = translate(resources)
    (rule,) = [entry for entry in translation.snapshots["default/gw"].values() if isinstance(entry, Rule)]
    assert [backend.backend for backend in rule.backends] == [""]
    status = translation.statuses[ObjectKey("Backend", "default", "b")]
    assert {(each.type, each.status, each.reason) for each in status.conditions} == {
        ("Accepted", "False", "Invalid"),
        ("ResolvedRefs", "False", "Invalid"),
    }
    parents = translation.statuses[ObjectKey("HTTPRoute", "default", "r")].parents
    resolved = next(each for each in parents[0].conditions if each.type == "ResolvedRefs")
    assert (resolved.status, resolved.reason) == ("False", "UnsupportedValue")
    assert "cannot be read" in resolved.message


def test_it_opens_again_with_the_object(tmp_path):
    resources = world(tmp_path)
    translator = Translator()
    before = translator.update(resources)
    identity, refused = closed(resources, TrafficPolicy, "p")
    assert policies(translator.update(refused, [identity]))[0].deny
    assert translator.update(resources, [identity]) == before
