"""What a Backend's host names: on a laptop, and in a cluster, where other namespaces need a grant."""

import pytest

from agw.resources.load import load
from agw.snapshot.model import Backend, Endpoint
from agw.translate import Translator
from agw.translate.hosts import Place, in_cluster, on_laptop
from agw.translate.result import ObjectKey

LOCAL = "cluster.local"


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("web", Place("web", "team", "web", whole=True)),
        ("web.victim", Place("web.victim", "victim", "web", whole=True)),
        ("web.victim.svc", Place("web.victim.svc", "victim", "web", whole=True, inside=True)),
        (
            "web.victim.svc.cluster.local",
            Place("web.victim.svc.cluster.local", "victim", "web", whole=True, inside=True),
        ),
        ("web-0.web.victim", Place("web-0.web.victim")),
        ("agents.example.com", Place("agents.example.com")),
    ],
)
def test_on_a_laptop(host, found):
    assert on_laptop(host, "team") == found


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("web", Place("web", "team", "web", whole=True)),
        ("Web.", Place("web", "team", "web", whole=True)),
        ("web.victim", Place("web.victim", "victim", "web", whole=True)),
        ("web.victim.svc", Place("web.victim.svc.k8s.corp", "victim", "web", whole=True, inside=True)),
        ("web.victim.svc.", Place("web.victim.svc.k8s.corp", "victim", "web", whole=True, inside=True)),
        ("WEB.victim.SVC.k8s.corp.", Place("web.victim.svc.k8s.corp", "victim", "web", whole=True, inside=True)),
        (
            "web.victim.svc.cluster.local",
            Place("web.victim.svc.cluster.local", "victim", "web", whole=True, inside=True),
        ),
        ("web-0.web.victim.svc", Place("web-0.web.victim.svc.k8s.corp", "victim", "web", inside=True)),
        ("_a._tcp.web.victim.svc", Place("_a._tcp.web.victim.svc.k8s.corp", "victim", "web", inside=True)),
        ("10-0-0-1.victim.pod", Place("10-0-0-1.victim.pod.k8s.corp", "victim", inside=True)),
        ("10-0-0-1.victim.pod.k8s.corp", Place("10-0-0-1.victim.pod.k8s.corp", "victim", inside=True)),
        ("web.victim.svc.clusterset.local", Place("web.victim.svc.clusterset.local", "victim", "web", inside=True)),
        ("victim.svc.k8s.corp", Place("victim.svc.k8s.corp", inside=True)),
        ("web.k8s.corp", Place("web.k8s.corp", inside=True)),
        ("k8s.corp", Place("k8s.corp", inside=True)),
        ("cluster.local.", Place("cluster.local", inside=True)),
        ("web-0.web.victim", Place("web-0.web.victim")),
        ("agents.example.com.", Place("agents.example.com")),
        ("notk8s.corp.example", Place("notk8s.corp.example")),
    ],
)
def test_in_a_cluster(host, found):
    assert in_cluster(host, "team", "k8s.corp") == found


WORLD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: team}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: team, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.1.0.1]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: victim}
spec: {ports: [{port: 80}]}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: b, namespace: team}
spec: {type: A2A, a2a: {targets: [{name: one, static: {host: HOST, port: 80}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agw}
spec: {controllerName: agentgateway.alibabacloud.com/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: team}
spec:
  gatewayClassName: agw
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: team}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: b}]}]
"""
GRANT = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: victim}
spec:
  from: [{group: agentgateway.alibabacloud.com, kind: Backend, namespace: team}]
  to: [{group: "", kind: Service NAME}]
"""


@pytest.fixture
def target(tmp_path):
    """(target, reason of ResolvedRefs or "") of a Backend with that host, in a cluster."""

    def of(host, grant=None, **how):
        path = tmp_path / "world.yaml"
        name = f", name: {grant}" if grant else ""
        granted = GRANT.replace(" NAME", name) if grant is not None else ""
        path.write_text(WORLD.replace("HOST", host) + granted)
        loaded = load([path])
        assert loaded.ok, loaded.problems
        translation = Translator(**({"in_cluster": True} | how)).update(loaded.resources)
        conditions = translation.statuses[ObjectKey("Backend", "team", "b")].conditions
        (resolved,) = [each for each in conditions if each.type == "ResolvedRefs"]
        entries = translation.snapshots["team/gw"].values()
        found = next((each.targets[0] for each in entries if isinstance(each, Backend)), None)
        return found, "" if resolved.status == "True" else resolved.reason

    return of


VICTIMS = ["web.victim", "web.victim.svc", "web-0.web.victim.svc", "web-0.web.victim.svc.cluster.local"]
PODS = ["10-0-0-1.victim.pod", "10-0-0-1.victim.pod.cluster.local"]


@pytest.mark.parametrize("host", [*VICTIMS, *PODS])
def test_what_is_in_another_namespace_needs_a_grant(target, host):
    assert target(host) == (None, "RefNotPermitted")
    assert target(host, grant="another") == (None, "RefNotPermitted")
    found, reason = target(host, grant="")
    assert (found.error, reason) == ("", "")


def test_a_grant_of_one_service_is_one_of_its_pods_and_of_no_pod_by_its_address(target):
    for host in VICTIMS:
        assert target(host, grant="web")[1] == ""
    for host in PODS:
        assert target(host, grant="web") == (None, "RefNotPermitted")


def test_names_that_search_domains_would_complete_are_names_of_the_outside(target):
    """The data plane looks them up as they are, so that they lead nowhere in the cluster."""
    for host in ("web-0.web.victim", "web.victim.svc.example.com", "agents.example.com"):
        found, reason = target(host)
        assert (found.host, found.dns, reason) == (host, True, "")


def test_ones_own_namespace_needs_none(target):
    for host in ("web", "web.team", "web.team.svc", "web.team.svc.cluster.local", "WEB.team.svc."):
        found, reason = target(host)
        assert (found.endpoints, found.dns, reason) == ((Endpoint("10.1.0.1", 8080),), False, "")
    for host in ("web-0.web.team.svc", "web-0.web.team.svc.cluster.local"):
        found, reason = target(host)
        assert (found.host, found.dns, reason) == ("web-0.web.team.svc.cluster.local", True, "")
    found, reason = target("10-0-0-1.team.pod", domain="k8s.corp")
    assert (found.host, found.dns, reason) == ("10-0-0-1.team.pod.k8s.corp", True, "")


def test_what_is_below_the_domain_and_nobodys_is_nothing(target):
    assert target("victim.svc.cluster.local") == (None, "BackendNotFound")
    assert target("dns-version.k8s.corp", domain="k8s.corp") == (None, "BackendNotFound")


def test_on_a_laptop_nothing_is_another(target):
    found, reason = target("web-0.web.team.svc", in_cluster=False)
    assert (found.endpoints, reason) == ((Endpoint("10.1.0.1", 8080),), "")
