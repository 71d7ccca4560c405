"""What is said of objects that cannot be used."""

import json

import msgspec

from agw.controller import refusals
from agw.controller.decode import Held, reader
from agw.controller.world import World
from agw.kube import Batch, Key
from agw.resources import model
from agw.resources.meta import Object, ObjectMeta
from agw.translate.result import CONTROLLER
from agw.translate.status import (
    FALSE,
    TRUE,
    AncestorStatus,
    Condition,
    GatewayStatus,
    PolicyStatus,
    Reference,
    RouteParentStatus,
    RouteStatus,
)

FINE = (Condition("Accepted", TRUE, "Accepted", "", 1), Condition("ResolvedRefs", TRUE, "ResolvedRefs", "", 1))
OWN = "agentgateway.alibabacloud.com/v1alpha1"
TARGET = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}


def held(kind, status=b""):
    return Held(Object("v1", kind, ObjectMeta("a", "team", generation=2)), "7", status, "broken")


def accepted(conditions):
    return next((each.status, each.reason, each.observed_generation) for each in conditions if each.type == "Accepted")


def test_what_is_in_force_is_told_as_it_is_and_the_new_as_refused():
    former = RouteStatus((RouteParentStatus(Reference("gw"), CONTROLLER, FINE),))
    found = refusals.status("HTTPRoute", held("HTTPRoute"), former, "broken")
    assert accepted(found.parents[0].conditions) == (FALSE, "UnsupportedValue", 2)
    assert found.parents[0].conditions[0].message == "it cannot be used: broken; what was in force before stays so"
    assert FINE[1] in found.parents[0].conditions
    former = PolicyStatus((AncestorStatus(Reference("gw"), CONTROLLER, FINE),))
    found = refusals.status("TrafficPolicy", held("TrafficPolicy"), former, "broken")
    assert accepted(found.ancestors[0].conditions) == (FALSE, "Invalid", 2)
    found = refusals.status("Gateway", held("Gateway"), GatewayStatus(FINE), "broken")
    assert accepted(found.conditions) == (FALSE, "Invalid", 2)


def test_a_policy_without_targets_is_told_at_itself():
    found = refusals.status("TrafficPolicy", held("TrafficPolicy"), None, "broken")
    (entry,) = found.ancestors
    assert (entry.ancestor_ref.kind, entry.ancestor_ref.name) == ("TrafficPolicy", "a")
    assert [(each.type, each.status) for each in entry.conditions] == [("Accepted", FALSE), ("Attached", FALSE)]


def test_a_route_of_an_earlier_term_keeps_its_parents():
    def entry(controller):
        fields = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1}
        conditions = [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", **fields}]
        return {"parentRef": {"name": controller}, "controllerName": controller, "conditions": conditions}

    before = json.dumps({"parents": [entry(CONTROLLER), entry("example.com/other")]}).encode()
    found = refusals.status("HTTPRoute", held("HTTPRoute", before), None, "broken")
    assert [each.parent_ref.name for each in found.parents] == [CONTROLLER]
    assert accepted(found.parents[0].conditions) == (FALSE, "UnsupportedValue", 2)
    assert refusals.status("HTTPRoute", held("HTTPRoute"), None, "broken") is None


def test_nothing_is_said_of_what_may_be_anothers():
    for kind in ("Gateway", "GatewayClass"):
        assert refusals.status(kind, held(kind), None, "broken") is None


class TestFromTheServer:
    """Decoding and the world: a refusal is a value, and stays until the same object changes."""

    def read(self, kind, **fields):
        body = {"metadata": {"name": "a", "namespace": "team", "resourceVersion": "7", "generation": 2}, **fields}
        return reader(kind, OWN)(msgspec.json.encode({"apiVersion": OWN, "kind": kind.__name__, **body}))

    def world(self, *founds, kind=model.TrafficPolicy):
        world = World()
        for found in founds:
            self.apply(world, found, kind)
        return world

    def apply(self, world, found, kind=model.TrafficPolicy):
        world.apply(kind, Batch(restart=False, applied={Key("team", "a"): found}, deleted=frozenset(), failed={}))

    def test_a_stand_in_takes_the_place_of_the_former_value(self):
        good = self.read(model.TrafficPolicy, spec={"targetRefs": [TARGET], "traffic": {"timeouts": {"request": "0s"}}})
        bad = self.read(model.TrafficPolicy, spec={"targetRefs": [TARGET], "traffic": {"new": 1}})
        assert bad.refusal == "$.spec.traffic.new: this release does not know the field"
        assert not bad.blank
        world = self.world(good)
        world.take()
        self.apply(world, bad)
        assert world.take() == ((model.TrafficPolicy, "team", "a"),)
        assert world.resources.get(model.TrafficPolicy, "team", "a").value.unread
        assert world.newly_unreadable() == ((model.TrafficPolicy, "team", "a"),)
        self.apply(world, bad)
        assert world.newly_unreadable() == (), "a write of its status is no news"
        self.apply(world, good)
        assert world.unreadable == {}

    def test_without_a_target_the_former_value_stays_and_the_refusal_too(self):
        good = self.read(model.TrafficPolicy, spec={"targetRefs": [TARGET], "traffic": {"timeouts": {"request": "0s"}}})
        bad = self.read(model.TrafficPolicy, spec={"targets": "all"}, status={"ancestors": []})
        assert bad.blank
        assert (bad.version, bad.status, bad.value.metadata.generation) == ("7", b'{"ancestors":[]}', 2)
        world = self.world(good)
        world.take()
        world.stated()
        self.apply(world, bad)
        assert world.take() == ()
        assert world.refused(model.TrafficPolicy, "team", "a") is bad
        assert world.held(model.TrafficPolicy, "team", "a") is good
        assert world.stated() == {(model.TrafficPolicy, "team", "a")}
        self.apply(world, bad)
        assert (world.stated(), len(world.newly_unreadable())) == (frozenset(), 1)
        self.apply(world, good)
        assert world.refused(model.TrafficPolicy, "team", "a") is None
        assert world.stated() == {(model.TrafficPolicy, "team", "a")}, "its status is said anew"

    def test_what_is_refused_goes_with_its_object(self):
        bad = self.read(model.TrafficPolicy, spec=None)
        world = self.world(bad)
        world.apply(model.TrafficPolicy, Batch(restart=True, applied={}, deleted=frozenset(), failed={}))
        assert (world.unreadable, world.refused(model.TrafficPolicy, "team", "a")) == ({}, None)

    def test_a_backend_is_a_stand_in(self):
        bad = self.read(model.Backend, spec={"type": "A2A", "a2a": {"targets": [{"name": "x", "tls": {}}]}})
        assert bad.value.unread
        assert bad.value.spec.a2a.targets == ()

    def test_a_route_that_cannot_be_read_says_why(self):
        bad = self.read(model.HTTPRoute, spec={"rules": 5})
        assert bad.blank
        assert "array" in bad.refusal
