"""What is named, and how it is watched."""

import msgspec

from agw.controller import named
from agw.controller.named import MANY, Name, References, scopes
from agw.kube import Key, Scope
from agw.resources import model


def gateway(**spec):
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "team"},
        "spec": {"gatewayClassName": "agw", **spec},
    }
    return msgspec.convert(body, model.Gateway)


def policy(secret):
    auth = {"authentication": {"apiKeyAuth": {"secretRef": {"name": secret}}}} if secret else {}
    body = {
        "apiVersion": "agentgateway.alibabacloud.com/v1alpha1",
        "kind": "TrafficPolicy",
        "metadata": {"name": "p", "namespace": "team"},
        "spec": {"targetRefs": [], "traffic": auth},
    }
    return msgspec.convert(body, model.TrafficPolicy)


def test_what_objects_name():
    listener = {"name": "a", "port": 443, "protocol": "HTTPS"}
    refs = [{"name": "own"}, {"name": "far", "namespace": "other"}, {"name": "x", "kind": "ConfigMap"}]
    parameters = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "mine"}}
    found = named.of(gateway(listeners=[{**listener, "tls": {"certificateRefs": refs}}], infrastructure=parameters))
    assert found == {
        Name("secrets", "team", "own"),
        Name("secrets", "other", "far"),
        Name("configmaps", "team", "mine"),
    }
    assert named.of(policy("keys")) == {Name("secrets", "team", "keys")}
    assert named.of(policy("")) == frozenset()
    assert named.of(gateway(infrastructure={"parametersRef": {"group": "x", "kind": "Y", "name": "z"}})) == frozenset()


def test_names_that_no_object_can_have_are_not_asked_for():
    for name in ("a,b", "metadata.namespace=x", "A", "a_b", "-a", "a..b", "a" * 254, ""):
        assert named.of(policy(name)) == frozenset()
        assert (
            named.of(gateway(infrastructure={"parametersRef": {"group": "", "kind": "ConfigMap", "name": name}}))
            == set()
        )
    assert named.of(policy("a" * 253)) == {Name("secrets", "team", "a" * 253)}
    assert named.of(policy("a.b-c.9")) == {Name("secrets", "team", "a.b-c.9")}


def test_a_name_is_wanted_as_long_as_somebody_names_it():
    references = References()
    one, other = Name("secrets", "a", "one"), Name("secrets", "a", "other")
    assert references.put((model.TrafficPolicy, "a", "p"), frozenset({one}))
    assert references.put((model.TrafficPolicy, "a", "q"), frozenset({one, other}))
    assert not references.put((model.TrafficPolicy, "a", "q"), frozenset({one, other}))
    references.put((model.TrafficPolicy, "a", "p"), frozenset())
    assert references.names == {one, other}
    references.put((model.TrafficPolicy, "a", "q"), frozenset({other}))
    assert references.names == {other}


def test_few_are_watched_one_by_one():
    names = [Name("secrets", "a", "x"), Name("secrets", "b", "x"), Name("configmaps", "a", "x")]
    assert scopes(names) == {
        ("secrets", Scope("a", fields="metadata.name=x")): {Key("a", "x")},
        ("secrets", Scope("b", fields="metadata.name=x")): {Key("b", "x")},
        ("configmaps", Scope("a", fields="metadata.name=x")): {Key("a", "x")},
    }


def test_many_of_one_namespace_are_one_watch():
    many = [Name("secrets", "a", f"s{number}") for number in range(MANY + 1)]
    found = scopes([*many, Name("secrets", "b", "x")])
    assert set(found) == {("secrets", Scope("a")), ("secrets", Scope("b", fields="metadata.name=x"))}
    assert found["secrets", Scope("a")] == {Key("a", name.name) for name in many}
