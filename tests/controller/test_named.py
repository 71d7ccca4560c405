"""What is named, and how it is watched."""

import asyncio

import msgspec
import pytest

from agw.controller import named, references, refusals
from agw.controller.named import MANY, NamedWatches, scopes
from agw.controller.references import Grants, Name, References
from agw.kube import Key, Resource, Scope
from agw.resources import model
from agw.translate.status import AncestorStatus, Condition, GatewayStatus, ListenerStatus, PolicyStatus, Reference


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


def grant(namespace="other", of="team", kind="Gateway", to="Secret", name=None):
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "g", "namespace": namespace},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": of}],
            "to": [{"group": "", "kind": to, **({"name": name} if name else {})}],
        },
    }
    return msgspec.convert(body, model.ReferenceGrant)


NONE = Grants()


def test_what_objects_name():
    listener = {"name": "a", "port": 443, "protocol": "HTTPS"}
    refs = [{"name": "own"}, {"name": "far", "namespace": "other"}, {"name": "x", "kind": "ConfigMap"}]
    parameters = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "mine"}}
    found = references.of(
        gateway(listeners=[{**listener, "tls": {"certificateRefs": refs}}], infrastructure=parameters),
        Grants([grant()]),
    )
    assert found == {
        Name("secrets", "team", "own"),
        Name("secrets", "other", "far"),
        Name("configmaps", "team", "mine"),
    }
    assert references.of(policy("keys"), NONE) == {Name("secrets", "team", "keys")}
    assert references.of(policy(""), NONE) == frozenset()
    assert (
        references.of(gateway(infrastructure={"parametersRef": {"group": "x", "kind": "Y", "name": "z"}}), NONE)
        == set()
    )


def test_names_that_no_object_can_have_are_not_asked_for():
    for name in ("a,b", "metadata.namespace=x", "A", "a_b", "-a", "a..b", "a" * 254, ""):
        assert references.of(policy(name), NONE) == frozenset()
        assert (
            references.of(
                gateway(infrastructure={"parametersRef": {"group": "", "kind": "ConfigMap", "name": name}}), NONE
            )
            == set()
        )
    assert references.of(policy("a" * 253), NONE) == {Name("secrets", "team", "a" * 253)}
    assert references.of(policy("a.b-c.9"), NONE) == {Name("secrets", "team", "a.b-c.9")}


def test_a_name_is_wanted_as_long_as_somebody_names_it():
    found = References()
    one, other = Name("secrets", "a", "one"), Name("secrets", "a", "other")
    assert found.put((model.TrafficPolicy, "a", "p"), frozenset({one}))
    assert found.put((model.TrafficPolicy, "a", "q"), frozenset({one, other}))
    assert not found.put((model.TrafficPolicy, "a", "q"), frozenset({one, other}))
    found.put((model.TrafficPolicy, "a", "p"), frozenset())
    assert set(found.names) == {one, other}
    found.put((model.TrafficPolicy, "a", "q"), frozenset({other}))
    assert set(found.names) == {other}


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


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [grant("team")],
        [grant(of="third")],
        [grant(kind="HTTPRoute")],
        [grant(to="Service")],
        [grant(name="another")],
    ],
)
def test_what_is_not_granted_is_not_named(grants):
    """Else whoever may write a Gateway makes the controller watch in every namespace of the cluster."""
    tls = {"certificateRefs": [{"name": "far", "namespace": "other"}]}
    value = gateway(listeners=[{"name": "a", "port": 443, "protocol": "HTTPS", "tls": tls}])
    assert references.of(value, Grants(grants)) == set()
    assert references.of(value, Grants([*grants, grant(name="far")])) == {Name("secrets", "other", "far")}


def names(*numbers, namespace="a"):
    return frozenset(Name("secrets", namespace, f"s{number}") for number in numbers)


def identity(name, namespace="a"):
    return (model.TrafficPolicy, namespace, name)


def test_the_objects_of_one_namespace_have_a_bound_of_names():
    found = References(most=2)
    found.put(identity("p"), names(1, 2))
    found.put(identity("q"), names(0, 2))
    found.put(identity("p", "b"), names(1, 2, namespace="b"))
    assert set(found.names) == names(1, 2) | names(1, 2, namespace="b"), "those that were named first"
    (only,) = found.over.items()
    assert only == (
        Name("secrets", "a", "s0"),
        "the objects of namespace a name more than 2 Secrets and ConfigMaps",
    )
    assert found.naming(names(0)) == [identity("q")]
    found.put(identity("p"), names(2))
    assert (set(found.names) & names(0, 1, 2), found.over) == (names(0, 2), {})
    found.put(identity("c", ""), frozenset({Name("configmaps", "a", "c")}))
    assert Name("configmaps", "a", "c") in found.names


class Watches(NamedWatches):
    """Watches that ask nobody."""

    def __init__(self):
        self.forgotten = []
        resources = {model.Secret: Resource("", "v1", "secrets", "Secret")}
        super().__init__(None, resources, None, lambda _, keys: self.forgotten.extend(keys), lambda: None)

    async def _follow(self, at, watch):
        await asyncio.Event().wait()


def test_watches_have_a_bound_in_all_and_what_is_over_it_is_said(monkeypatch):
    monkeypatch.setattr(named, "MOST", 2)

    async def run():
        async with asyncio.TaskGroup() as group:
            watches = Watches()
            one, two, three = (Name("secrets", namespace, "x") for namespace in "abc")
            watches.want([one, two], {}, group)
            assert (set(watches._watches), watches.unwatched, watches.retold()) == (set(scopes([one, two])), {}, {})
            watches.want([three, one, two], {}, group)
            assert set(watches._watches) == set(scopes([one, two])), "who came first stays"
            assert watches.settled(three)
            assert not watches.settled(one)
            assert watches.retold() == {three: watches.unwatched[three]}
            assert watches.retold() == {}
            assert "2 watches" in watches.unwatched[three]
            many = [Name("secrets", "a", f"y{number}") for number in range(MANY)]
            watches.want([three, *many, one, two], {}, group)
            assert set(watches._watches) == {*scopes([two]), ("secrets", Scope("a"))}, "another watch of one namespace"
            watches.want([three, two], {}, group)
            assert (set(watches._watches), watches.settled(three)) == (set(scopes([two, three])), False)
            assert watches.retold() == {three: ""}
            watches.want([], {}, group)

    asyncio.run(run())


def test_who_names_what_is_not_watched_is_told():
    fine = Condition("Attached", "True", "Attached", "")
    missing = Condition("Accepted", "False", "Invalid", "there is no Secret a/x: every request is answered 401")
    status = PolicyStatus((AncestorStatus(Reference("gw"), "c", (missing, fine)),))
    found = refusals.explained(status, {"Secret a/x": "too many", "Secret a/x2": "", "Secret /x": ""})
    assert found.ancestors[0].conditions[1] is fine
    assert found.ancestors[0].conditions[0].message == f"{missing.message}; Secret a/x is not watched: too many"
    resolved = Condition("ResolvedRefs", "False", "InvalidCertificateRef", "there is no Secret a/x")
    status = GatewayStatus((fine,), (ListenerStatus("http", 0, (), (resolved,)),))
    found = refusals.explained(status, {"Secret a/x": "too many"})
    assert found.listeners[0].conditions[0].message == "there is no Secret a/x; Secret a/x is not watched: too many"
