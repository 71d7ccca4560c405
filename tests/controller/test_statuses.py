"""What is written into a status, given what the server has."""

import json

import pytest

from agw.controller.statuses import plan
from agw.translate.result import CONTROLLER
from agw.translate.status import (
    Address,
    AncestorStatus,
    BackendStatus,
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    ListenerStatus,
    PolicyStatus,
    Reference,
    RouteParentStatus,
    RouteStatus,
    SupportedFeature,
    SupportedKind,
)

THEN, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
ACCEPTED = Condition("Accepted", "True", "Accepted", "", 3)
REFUSED = Condition("Accepted", "False", "NoMatchingParent", "no such listener", 3)
OTHERS = {
    "parentRef": {"name": "other", "group": "gateway.networking.k8s.io", "kind": "Gateway"},
    "controllerName": "example.com/other",
    "conditions": [{"type": "Accepted", "status": "True", "reason": "Odd", "message": "", "lastTransitionTime": THEN}],
}


def parent(name, *conditions, **more):
    reference = Reference(name=name, group="gateway.networking.k8s.io", kind="Gateway", **more)
    return RouteParentStatus(reference, CONTROLLER, conditions or (ACCEPTED,))


def served(status):
    """What the server has after a write."""
    return json.dumps(status).encode()


def conditions(entry):
    return [(item["type"], item["status"], item["lastTransitionTime"]) for item in entry["conditions"]]


def test_the_first_write_has_everything():
    write = plan("HTTPRoute", RouteStatus((parent("gw", section_name="http"),)), b"", NOW)
    assert not write.apply
    assert write.status == {
        "parents": [
            {
                "parentRef": {
                    "name": "gw",
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "sectionName": "http",
                },
                "controllerName": CONTROLLER,
                "conditions": [
                    {
                        "type": "Accepted",
                        "status": "True",
                        "reason": "Accepted",
                        "message": "",
                        "observedGeneration": 3,
                        "lastTransitionTime": NOW,
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("HTTPRoute", RouteStatus((parent("gw"), parent("gw", section_name="b")))),
        ("TrafficPolicy", PolicyStatus((AncestorStatus(Reference("gw", kind="Gateway"), CONTROLLER, (ACCEPTED,)),))),
        ("Backend", BackendStatus((ACCEPTED,))),
        ("GatewayClass", GatewayClassStatus((ACCEPTED,), (SupportedFeature("Gateway"), SupportedFeature("HTTPRoute")))),
        (
            "Gateway",
            GatewayStatus(
                (ACCEPTED,),
                (
                    ListenerStatus("a", 2, (SupportedKind("g", "HTTPRoute"),), (ACCEPTED,)),
                    ListenerStatus("b", 0, (), (REFUSED,)),
                ),
                (Address("IPAddress", "192.0.2.1"),),
            ),
        ),
        ("Gateway", GatewayStatus((ACCEPTED,), (), ())),
    ],
)
def test_what_was_written_is_not_written_again(kind, status):
    write = plan(kind, status, b"", THEN)
    assert plan(kind, status, served(write.status), NOW) is None


def test_entries_of_others_stay_where_they_are():
    ours = plan("HTTPRoute", RouteStatus((parent("gw"),)), b"", THEN).status["parents"]
    has = {"parents": [OTHERS, *ours]}
    write = plan("HTTPRoute", RouteStatus((parent("gw", REFUSED), parent("second"))), served(has), NOW)
    assert [entry["parentRef"]["name"] for entry in write.status["parents"]] == ["other", "gw", "second"]
    assert write.status["parents"][0] == OTHERS


def test_entries_of_dropped_parents_go_and_nothing_else():
    both = plan("HTTPRoute", RouteStatus((parent("gw"), parent("old"))), b"", THEN).status["parents"]
    has = {"parents": [both[0], OTHERS, both[1]]}
    assert plan("HTTPRoute", RouteStatus((parent("gw"),)), served(has), NOW).status["parents"] == [both[0], OTHERS]
    assert plan("HTTPRoute", None, served(has), NOW).status["parents"] == [OTHERS]


def test_nothing_of_ours_is_nothing_to_say():
    assert plan("HTTPRoute", None, served({"parents": [OTHERS]}), NOW) is None
    assert plan("HTTPRoute", None, b"", NOW) is None
    assert plan("Gateway", None, b'{"conditions": []}', NOW) is None


def test_a_list_is_never_longer_than_the_api_takes():
    others = [{**OTHERS, "parentRef": {"name": f"other-{number}"}} for number in range(31)]
    write = plan("HTTPRoute", RouteStatus((parent("a"), parent("b"))), served({"parents": others}), NOW)
    assert [entry["parentRef"]["name"] for entry in write.status["parents"][31:]] == ["a"]
    assert plan("HTTPRoute", RouteStatus((parent("a"), parent("b"))), served(write.status), NOW) is None


def test_the_same_parent_twice_is_one_entry():
    write = plan("HTTPRoute", RouteStatus((parent("a"), parent("a"))), b"", NOW)
    assert len(write.status["parents"]) == 1


def test_the_time_of_a_transition_moves_with_the_status_alone():
    other_words = Condition("Accepted", "True", "Accepted", "in other words", 4)
    has = plan("HTTPRoute", RouteStatus((parent("gw"),)), b"", THEN).status
    write = plan("HTTPRoute", RouteStatus((parent("gw", other_words),)), served(has), NOW)
    assert conditions(write.status["parents"][0]) == [("Accepted", "True", THEN)]
    write = plan("HTTPRoute", RouteStatus((parent("gw", REFUSED),)), served(has), NOW)
    assert conditions(write.status["parents"][0]) == [("Accepted", "False", NOW)]


def test_the_defaults_of_the_crd_are_replaced():
    waiting = [
        {
            "type": kind,
            "status": "Unknown",
            "reason": "Pending",
            "message": "Waiting for controller",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
        for kind in ("Accepted", "Programmed")
    ]
    status = GatewayStatus((ACCEPTED, Condition("Programmed", "False", "Pending", "", 3)), (), ())
    write = plan("Gateway", status, served({"conditions": waiting}), NOW)
    assert write.apply
    assert conditions(write.status) == [("Accepted", "True", NOW), ("Programmed", "False", NOW)]


def test_conditions_of_others_on_a_gateway_are_let_alone():
    status = GatewayStatus((ACCEPTED,), (), ())
    has = plan("Gateway", status, b"", THEN).status
    has["conditions"].append({"type": "example.com/Odd", "status": "True", "reason": "R", "message": ""})
    assert plan("Gateway", status, served(has), NOW) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"addresses": []},
        {"listeners": []},
        {"conditions": []},
        {"listeners": [{"name": "a", "attachedRoutes": 1, "supportedKinds": [], "conditions": []}]},
    ],
)
def test_what_somebody_took_away_is_written_again(changed):
    listener = ListenerStatus("a", 2, (SupportedKind("g", "HTTPRoute"),), (ACCEPTED,))
    status = GatewayStatus((ACCEPTED,), (listener,), (Address("IPAddress", "192.0.2.1"),))
    has = plan("Gateway", status, b"", THEN).status | changed
    assert plan("Gateway", status, served(has), NOW) is not None


FEATURES = GatewayClassStatus((ACCEPTED,), tuple(map(SupportedFeature, ("Gateway", "HTTPRoute", "ReferenceGrant"))))


@pytest.mark.parametrize(
    "found",
    [
        ["Gateway", "GRPCRoute", "HTTPRoute", "ReferenceGrant"],
        ["HTTPRoute", "Gateway", "ReferenceGrant"],
        ["GRPCRoute"],
    ],
)
def test_features_of_an_earlier_release_go(found):
    """Server-side apply would leave them: another manager has them, or they are in another order."""
    odd = {"type": "example.com/Odd", "status": "True", "reason": "R", "message": ""}
    has = {"conditions": [odd], "supportedFeatures": [{"name": name} for name in found]}
    write = plan("GatewayClass", FEATURES, served(has), NOW)
    assert not write.apply
    assert [item["name"] for item in write.status["supportedFeatures"]] == ["Gateway", "HTTPRoute", "ReferenceGrant"]
    assert write.status["conditions"][0] == odd
    assert plan("GatewayClass", FEATURES, served(write.status), NOW) is None


def test_features_that_are_only_fewer_are_applied():
    has = {"conditions": [], "supportedFeatures": [{"name": "HTTPRoute"}]}
    assert plan("GatewayClass", FEATURES, served(has), NOW).apply


def test_a_listener_of_the_gateways_former_controller_goes():
    listener = ListenerStatus("a", 2, (SupportedKind("g", "HTTPRoute"),), (ACCEPTED,))
    status = GatewayStatus((ACCEPTED,), (listener,), ())
    has = plan("Gateway", status, b"", THEN).status
    has["listeners"].append({"name": "old", "attachedRoutes": 0, "supportedKinds": [], "conditions": []})
    write = plan("Gateway", status, served(has), NOW)
    assert not write.apply
    assert [item["name"] for item in write.status["listeners"]] == ["a"]
