"""How a data plane stands, from the Deployment and the Service."""

import msgspec
import pytest

from agw.controller import fleet
from agw.controller.fleet import standing
from agw.controller.trouble import Trouble
from agw.translate.infrastructure import Infrastructure
from agw.translate.status import Address

META = {"metadata": {"name": "gw-1", "namespace": "team"}}


def deployment(available, *conditions):
    status = {"availableReplicas": available, "conditions": list(conditions)}
    return msgspec.convert({**META, "status": status}, fleet.Deployment)


def service(*ingress, kind="LoadBalancer", ports=({"port": 80},), **spec):
    body = {
        **META,
        "spec": {"type": kind, "ports": list(ports), **spec},
        "status": {"loadBalancer": {"ingress": list(ingress)}},
    }
    return msgspec.convert(body, fleet.Service)


def wanted(*addresses):
    return Infrastructure("team", "gw", "1", (80,), addresses=addresses)


def outcome(infrastructure, deployed, served):
    found = standing(infrastructure, deployed, served, 7)
    assert found.programmed.observed_generation == 7
    return found.programmed.status, found.programmed.reason, [address.value for address in found.addresses]


UP = deployment(1)
AT = service({"ip": "192.0.2.1"})


@pytest.mark.parametrize(
    ("asked", "deployed", "served", "expected"),
    [
        ((), None, None, ("False", "AddressNotAssigned", [])),
        ((), UP, service(), ("False", "AddressNotAssigned", [])),
        ((), deployment(0), AT, ("False", "Pending", ["192.0.2.1"])),
        ((), None, AT, ("False", "Pending", ["192.0.2.1"])),
        ((), UP, AT, ("True", "Programmed", ["192.0.2.1"])),
        ((), UP, service({"hostname": "lb.example.com"}), ("True", "Programmed", ["lb.example.com"])),
        (("192.0.2.1",), UP, AT, ("True", "Programmed", ["192.0.2.1"])),
        (("192.0.2.9",), UP, AT, ("False", "AddressNotUsable", ["192.0.2.1"])),
        (("192.0.2.9",), UP, service(), ("False", "AddressNotUsable", [])),
        (("192.0.2.1", "192.0.2.9"), UP, AT, ("False", "AddressNotUsable", ["192.0.2.1"])),
        ((), UP, service(kind="ClusterIP", clusterIP="10.96.0.7"), ("True", "Programmed", ["10.96.0.7"])),
        ((), UP, service(kind="ClusterIP", clusterIP="None"), ("False", "AddressNotAssigned", [])),
        ((), UP, service(kind="ClusterIP", clusterIP="None", clusterIPs=["None"]), ("False", "AddressNotAssigned", [])),
        ((), UP, service(kind="ClusterIP", clusterIP="10.96.0.7", clusterIPs=["10.96.0.7", "fd00::7"]),
         ("True", "Programmed", ["10.96.0.7", "fd00::7"])),
        (("10.96.0.7",), UP, service(kind="ClusterIP", clusterIP="10.96.0.7"), ("False", "AddressNotUsable", ["10.96.0.7"])),
    ],
)  # fmt: skip
def test_standing(asked, deployed, served, expected):
    assert outcome(wanted(*asked), deployed, served) == expected


def test_a_name_is_an_address_of_its_own_type():
    found = standing(wanted(), UP, service({"hostname": "lb.example.com"}, {"ip": "192.0.2.1"}), 1)
    assert found.addresses == (Address("Hostname", "lb.example.com"), Address("IPAddress", "192.0.2.1"))


def test_why_pods_cannot_be_made_is_said():
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    found = standing(wanted(), deployment(0, failure), AT, 1)
    assert found.programmed.reason == "NoResources"
    assert "exceeded quota" in found.programmed.message


def test_a_service_without_a_listeners_port_is_not_programmed():
    found = standing(Infrastructure("team", "gw", "1", (80, 8080)), UP, AT, 1)
    assert (found.programmed.status, found.programmed.reason) == ("False", "Pending")
    assert found.programmed.message == "its Service has no port 8080 yet"


def test_what_cannot_be_made_is_not_programmed_though_something_serves():
    found = standing(wanted(), UP, AT, 1, Trouble("Service gw-1: denied", "NoResources"))
    assert (found.programmed.status, found.programmed.reason) == ("False", "NoResources")
    assert found.programmed.message == "its data plane cannot be made: Service gw-1: denied"
    assert [address.value for address in found.addresses] == ["192.0.2.1"]


def test_what_is_served_without_is_said_beside():
    found = standing(wanted(), UP, AT, 1, Trouble("PodDisruptionBudget gw-1: denied", serves=True))
    assert found.programmed.status == "True"
    assert found.programmed.message == "served at 192.0.2.1; but cannot be made: PodDisruptionBudget gw-1: denied"
