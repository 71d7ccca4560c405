"""What errors of the API server mean for a Gateway."""

import msgspec
import pytest

from agw.controller.provision import AUTOSCALERS, DEPLOYMENTS, SERVICES
from agw.controller.trouble import Failure, NotMadeError, ending, judged
from agw.kube import Key
from agw.kube.errors import Unreachable, from_answer

KEY = Key("team", "gw-1")


def refusal(code, reason="", message="no", **details):
    body = {"code": code, "reason": reason, "message": message, "details": details}
    return from_answer(code, msgspec.json.encode(body), "PATCH /somewhere")


def failed(*pairs):
    return NotMadeError([Failure(resource, KEY, error) for resource, error in pairs])


def test_each_object_is_named_with_the_servers_words():
    trouble = judged(failed((SERVICES, refusal(403, message="over quota")), (DEPLOYMENTS, refusal(422))), 1)
    assert trouble.said == "Service gw-1: over quota; Deployment gw-1: no"
    assert trouble.reason == "NoResources"
    assert not trouble.serves


def test_what_is_served_without_matters_less():
    assert judged(failed((AUTOSCALERS, refusal(403))), 1).serves
    both = judged(failed((AUTOSCALERS, refusal(403)), (SERVICES, refusal(422))), 1)
    assert (both.said, both.reason, both.serves) == ("Service gw-1: no", "Invalid", False)


@pytest.mark.parametrize("error", [refusal(500), refusal(429), refusal(409, "Conflict"), Unreachable("no answer")])
def test_what_may_pass_counts_when_it_does_not(error):
    assert judged(failed((SERVICES, error)), 1) is None
    assert judged(failed((SERVICES, error)), 2) is None
    assert judged(failed((SERVICES, error)), 3).reason == "Invalid"


def test_many_are_counted():
    everything = judged(failed(*[(SERVICES, refusal(403))] * 5), 1)
    assert everything.said.endswith("; and 2 more")


def test_a_fault_of_our_own_is_said_too():
    assert judged(KeyError("x"), 1).said == "'x'"


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (refusal(403, "Forbidden", causes=[{"reason": "NamespaceTerminating"}]), True),
        (refusal(404, "NotFound", kind="namespaces"), True),
        (refusal(403, "Forbidden"), False),
        (refusal(404, "NotFound", kind="horizontalpodautoscalers"), False),
        (refusal(500), False),
        (Unreachable("no answer"), False),
    ],
)
def test_a_namespace_that_ends(error, ends):
    assert ending(error) is ends
