"""What is told to people."""

import json

import msgspec

from agw.controller.decode import Held
from agw.controller.events import of_write
from agw.resources import model
from agw.translate.result import CONTROLLER, ObjectKey

KEY = ObjectKey("Gateway", "team", "gw")
GATEWAY = msgspec.convert(
    {
        "apiVersion": "v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "team", "uid": "1-2"},
        "spec": {"gatewayClassName": "agw"},
    },
    model.Gateway,
)


def condition(kind, status, reason, message="why"):
    return {"type": kind, "status": status, "reason": reason, "message": message}


def told(before, after):
    held = Held(GATEWAY, "1", json.dumps(before).encode() if before else b"")
    return [(event.reason, event.message, event.warning) for event in of_write(KEY, held, after)]


def test_what_turns_bad_is_told_once():
    bad = {"conditions": [condition("Accepted", "False", "InvalidParameters")]}
    assert told({}, bad) == [("InvalidParameters", "why", True)]
    assert told(bad, bad) == []
    assert told({"conditions": [condition("Accepted", "True", "Accepted")]}, bad) == [
        ("InvalidParameters", "why", True)
    ]


def test_what_is_waited_for_is_not_told_and_success_is():
    waiting = {"conditions": [condition("Programmed", "False", "AddressNotAssigned")]}
    up = {"conditions": [condition("Programmed", "True", "Programmed", "served at 192.0.2.1")]}
    assert told({}, waiting) == []
    assert told(waiting, up) == [("Programmed", "served at 192.0.2.1", False)]


def test_listeners_and_entries_say_where():
    listeners = {
        "listeners": [{"name": "https", "conditions": [condition("ResolvedRefs", "False", "RefNotPermitted")]}]
    }
    assert told({}, listeners) == [("RefNotPermitted", "listener https: why", True)]
    ours = {
        "parentRef": {"name": "gw", "sectionName": "http"},
        "controllerName": CONTROLLER,
        "conditions": [condition("Accepted", "False", "NoMatchingParent")],
    }
    assert told({}, {"parents": [ours, {**ours, "controllerName": "x/y"}]}) == [
        ("NoMatchingParent", "Gateway gw/http: why", True)
    ]


def test_conditions_that_are_good_when_false():
    assert told({}, {"conditions": [condition("Conflicted", "False", "NoConflicts")]}) == []
    assert told({}, {"conditions": [condition("Conflicted", "True", "HostnameConflict")]}) != []
