"""One object that translation stumbles over does not stop the others."""

import msgspec
import pytest

from agw.controller import careful
from agw.controller.careful import CarefulTranslator
from agw.resources import model
from agw.resources.objects import Resource, ResourceSet
from agw.translate import CONTROLLER, Translator

CLASS = msgspec.convert(
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "agw"},
        "spec": {"controllerName": CONTROLLER},
    },
    model.GatewayClass,
)


def gateway(name, generation=1, port=80):
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": "a", "generation": generation},
        "spec": {"gatewayClassName": "agw", "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]},
    }
    return msgspec.convert(body, model.Gateway)


def identity(name):
    return (model.Gateway, "a", name)


class Stumbling(Translator):
    """Fails where a Gateway named `bad` has generation 2, after having changed what it knows."""

    def update(self, resources, changed=None):
        translation = super().update(resources, changed)
        bad = resources.get(*identity("bad"))
        if bad is not None and bad.value.metadata.generation == 2:
            raise ZeroDivisionError
        return translation


@pytest.fixture
def translator(monkeypatch):
    monkeypatch.setattr(careful, "Translator", Stumbling)
    return CarefulTranslator()


def test_the_others_go_on(translator):
    first = ResourceSet.of_values(CLASS, gateway("bad"), gateway("good"))
    outcome = translator.update(first, [(model.GatewayClass, "", "agw"), identity("bad"), identity("good")])
    assert not outcome.whole
    second = first.replacing(
        {identity("bad"): Resource(gateway("bad", 2)), identity("good"): Resource(gateway("good", 5))}
    )
    outcome = translator.update(second, [identity("bad"), identity("good")])
    assert outcome.whole
    assert outcome.failed.keys() == {identity("bad")}
    assert outcome.translation == Translator(in_cluster=True).update(
        ResourceSet.of_values(CLASS, gateway("bad"), gateway("good", 5))
    )


def test_what_failed_is_tried_when_it_changes(translator):
    first = ResourceSet.of_values(CLASS, gateway("bad", 2))
    outcome = translator.update(first, [(model.GatewayClass, "", "agw"), identity("bad")])
    assert outcome.failed.keys() == {identity("bad")}
    assert outcome.translation.snapshots == {}
    mended = first.replacing({identity("bad"): Resource(gateway("bad", 3))})
    outcome = translator.update(mended, [identity("bad")])
    assert (outcome.whole, outcome.failed, set(outcome.translation.snapshots)) == (False, {}, {"a/bad"})


def test_without_its_class_a_gateway_is_nobodys():
    outcome = CarefulTranslator().update(ResourceSet.of_values(gateway("gw")), [identity("gw")])
    assert (outcome.translation.snapshots, outcome.translation.statuses) == ({}, {})


def test_a_pods_own_port_is_no_listeners():
    resources = ResourceSet.of_values(CLASS, gateway("gw", port=15000))
    outcome = CarefulTranslator().update(resources, [(model.GatewayClass, "", "agw"), identity("gw")])
    (status,) = [status for key, status in outcome.translation.statuses.items() if key.kind == "Gateway"]
    accepted = status.listeners[0].conditions[0]
    assert (accepted.status, accepted.reason) == ("False", "PortUnavailable")
    assert outcome.translation.infrastructure == {"a/gw": None}
    assert Translator().update(ResourceSet.of_values(gateway("gw", port=15000))).snapshots["a/gw"], "a laptop has it"


def test_in_a_cluster_statuses_say_it_all():
    """Lists of everything would have to be made anew at each change."""
    resources = ResourceSet.of_values(CLASS, gateway("gw", port=15000))
    said = Translator(in_cluster=True).update(resources)
    assert (said.problems, said.losers, said.origins) == ((), (), {})
    of_files = Translator().update(ResourceSet.of_values(CLASS, gateway("gw")))
    assert said.statuses.keys() == of_files.statuses.keys()


POLICY = msgspec.convert(
    {
        "apiVersion": "agentgateway.alibabacloud.com/v1alpha1",
        "kind": "TrafficPolicy",
        "metadata": {"name": "p", "namespace": "a"},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}],
            "traffic": {},
        },
    },
    model.TrafficPolicy,
)
OF_POLICY = (model.TrafficPolicy, "a", "p")


class StumblingOverPolicies(Translator):
    """Fails where there is a policy that was read."""

    def update(self, resources, changed=None):
        translation = super().update(resources, changed)
        found = resources.get(*OF_POLICY)
        if found is not None and not found.value.unread:
            raise ZeroDivisionError
        return translation


def test_a_policy_that_cannot_be_translated_is_closed(monkeypatch):
    monkeypatch.setattr(careful, "Translator", StumblingOverPolicies)
    translator = CarefulTranslator()
    first = ResourceSet.of_values(CLASS, gateway("gw"), POLICY)
    outcome = translator.update(first, [(model.GatewayClass, "", "agw"), identity("gw"), OF_POLICY])
    assert outcome.failed.keys() == outcome.closed == {OF_POLICY}
    ((accepted, _),) = [
        each.conditions for key, status in outcome.translation.statuses.items() if key.kind == "TrafficPolicy"
        for each in status.ancestors
    ]  # fmt: skip
    assert (accepted.status, accepted.reason) == ("False", "Invalid")
    assert "translation failed: ZeroDivisionError" in accepted.message


def test_what_failed_is_not_forgotten_when_something_else_changes_first(translator):
    first = ResourceSet.of_values(CLASS, gateway("bad", 2))
    translator.update(first, [(model.GatewayClass, "", "agw"), identity("bad")])
    second = first.replacing({identity("good"): Resource(gateway("good"))})
    outcome = translator.update(second, [identity("good")])
    assert (outcome.whole, set(outcome.translation.snapshots)) == (False, {"a/good"}), "it is not tried in vain"
    third = second.replacing({identity("bad"): Resource(gateway("bad", 3))})
    outcome = translator.update(third, [identity("bad")])
    assert set(outcome.translation.snapshots) == {"a/bad", "a/good"}
    assert {key.name for key in outcome.translation.statuses if key.kind == "Gateway"} == {"bad", "good"}
