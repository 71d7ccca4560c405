"""Every rule of a schema, by a manifest that it refuses and the nearest that it does not.

The table is data: CRDS rows are for a real API server too, whose verdict must be the same.
"""

import copy

import pytest

from agw.resources import codes
from agw.resources.rules import RULES, normal
from agw.resources.schema import checker, structural
from agw.resources.walk import Walk

OWN = "agentgateway.alibabacloud.com/v1alpha1"
API = "gateway.networking.k8s.io/v1"


def backend(**a2a):
    return {
        "apiVersion": OWN, "kind": "Backend", "metadata": {"name": "x"},
        "spec": {"type": "A2A", "a2a": {"targets": [{"name": "a", "static": {"host": "a", "port": 1}}], **a2a}},
    }  # fmt: skip


def policy(targets=None, sources=None):
    auth = {"secretRef": {"name": "s"}} | ({"sources": sources} if sources else {})
    return {
        "apiVersion": OWN, "kind": "TrafficPolicy", "metadata": {"name": "x"},
        "spec": {"targetRefs": targets or [target()], "traffic": {"authentication": {"apiKeyAuth": auth}}},
    }  # fmt: skip


def target(**more):
    return {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r", **more}


def gateway(*listeners, **spec):
    listeners = listeners or ({"name": "http", "port": 80, "protocol": "HTTP"},)
    return {
        "apiVersion": API, "kind": "Gateway", "metadata": {"name": "x"},
        "spec": {"gatewayClassName": "c", "listeners": list(listeners), **spec},
    }  # fmt: skip


def listener(protocol="HTTP", name="l", port=80, **more):
    return {"name": name, "port": port, "protocol": protocol, **more}


def route(*rules, **spec):
    return {
        "apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": "x"}, "spec": {"rules": list(rules) or [{}], **spec},
    }  # fmt: skip


def path(value, kind="PathPrefix"):
    return route({"matches": [{"path": {"type": kind, "value": value}}]})


def filters(*items):
    return route({"filters": list(items)})


REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"hostname": "a"}}
STRIP = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
EXACT = {"path": {"type": "Exact", "value": "/a"}}
PREFIX = {"path": {"type": "PathPrefix", "value": "/a"}}
SERVICE = {"name": "s", "port": 80}


def mirror(**more):
    return filters({"type": "RequestMirror", "requestMirror": {"backendRef": SERVICE, **more}})


def service(name="s", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def labelled(kind, **labels):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "labels": labels}}


def secret(**more):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, **more}


def endpoints(family, *addresses):
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "x"}, "addressType": family,
        "endpoints": [{"addresses": list(addresses)}],
    }  # fmt: skip


def cors(**more):
    return filters({"type": "CORS", "cors": more})


EDGE = {"name": "edge"}
AUTH = {"type": "ExternalAuth"}
CHECK = {"backendRef": SERVICE, "protocol": "HTTP"}

# What is wrong, what is next to it and right, and where the fault is shown.
CRDS = [
    ({**backend(), "spec": {"type": "A2A"}}, backend(), ("spec",)),
    (backend(health={"interval": "0s"}), backend(health={}), ("spec", "a2a", "health")),
    (backend(health={"interval": "1s"}), backend(health={"interval": "2s"}), ("spec", "a2a", "health")),
    (policy([target(), target()]), policy([target(), target(sectionName="a")]), ("spec", "targetRefs", 1)),
    (policy(sources=[{}]), policy(sources=[{"query": "k"}]), None),
    (policy(sources=[{"header": "a", "cookie": "b"}]), policy(sources=[{"header": "a"}, {"cookie": "b"}]), None),
    (policy(sources=[{"query": "k", "scheme": "x"}]), policy(sources=[{"header": "k", "scheme": "x"}]), None),
]

READ = [
    (gateway(listener("TLS")), gateway(listener("TLS", tls={"mode": "Passthrough"})), ("spec", "listeners", 0)),
    (gateway(addresses=[{"type": "Hostname", "value": "a_b"}]), gateway(addresses=[{"type": "Hostname", "value": "*.a.b"}]),
     ("spec", "addresses", 0, "value")),
    (filters({**AUTH, "externalAuth": CHECK}), filters({**AUTH, "externalAuth": {**CHECK, "http": {}}}), None),
    (filters({**AUTH, "externalAuth": {**CHECK, "http": {}, "grpc": {}}}),
     filters({**AUTH, "externalAuth": {**CHECK, "protocol": "GRPC", "grpc": {}}}), None),
    (route(parentRefs=[{**EDGE, "sectionName": "a"}, {**EDGE, "port": 80}]),
     route(parentRefs=[{**EDGE, "sectionName": "a", "port": 80}, {**EDGE, "sectionName": "b"}]), None),
    (route(parentRefs=[{**EDGE, "sectionName": "a"}, {**EDGE, "sectionName": "a", "port": 80}]),
     route(parentRefs=[{**EDGE, "sectionName": "a", "port": 81}, {**EDGE, "sectionName": "a", "port": 80}]), None),
    (gateway(listener(), listener(name="m")), gateway(listener(), listener(name="m", hostname="a")),
     ("spec", "listeners", 1)),
    (gateway(listener(tls={"certificateRefs": [EDGE]})), gateway(listener("HTTPS", tls={"certificateRefs": [EDGE]})),
     ("spec", "listeners", 0, "tls")),
    (gateway(listener("HTTPS", tls={"mode": "Passthrough"})), gateway(listener("TLS", tls={"mode": "Passthrough"})),
     ("spec", "listeners", 0, "tls", "mode")),
    (gateway(listener("TCP", hostname="a")), gateway(listener("TCP")), ("spec", "listeners", 0, "hostname")),
    (gateway(listener("HTTPS", tls={})), gateway(listener("HTTPS", tls={"options": {"a": "b"}})),
     ("spec", "listeners", 0, "tls")),
    (gateway(addresses=[{"value": "a"}]), gateway(addresses=[{"value": "::1"}]), ("spec", "addresses", 0, "value")),
    (gateway(addresses=[{"value": "::1"}, {"value": "::1"}]), gateway(addresses=[{}, {}]), ("spec", "addresses", 1)),
    (gateway(listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {
        "matchExpressions": [{"key": "a", "operator": "In"}]}}})),
     gateway(listener(allowedRoutes={"namespaces": {"from": "Selector", "selector": {
         "matchExpressions": [{"key": "a", "operator": "Exists"}]}}})), None),
    (gateway(infrastructure={"labels": {"a b": "c"}}), gateway(infrastructure={"labels": {"a.b/c": "c"}}), None),
    (route({"name": "a"}, {"name": "a"}), route({"name": "a"}, {"name": "b"}, {}), ("spec", "rules", 1)),
    (route(*[{"matches": [PREFIX] * 43}] * 3), route(*[{"matches": [PREFIX] * 42}] * 3), ("spec",)),
    (route(parentRefs=[EDGE, EDGE]), route(parentRefs=[EDGE, {**EDGE, "namespace": "n"}]), ("spec", "parentRefs", 1)),
    (route(parentRefs=[EDGE, {**EDGE, "port": 80}]), route(parentRefs=[{**EDGE, "port": 81}, {**EDGE, "port": 80}]),
     ("spec", "parentRefs")),
    (route({"filters": [REDIRECT], "backendRefs": [SERVICE]}), route({"filters": [REDIRECT], "backendRefs": []}), None),
    (route({"filters": [STRIP], "matches": [EXACT]}), route({"filters": [STRIP], "matches": [PREFIX]}), None),
    (route({"filters": [STRIP], "matches": [PREFIX, PREFIX]}), route({"filters": [STRIP]}), None),
    (route({"matches": [EXACT], "backendRefs": [{**SERVICE, "filters": [STRIP]}]}),
     route({"matches": [PREFIX], "backendRefs": [{**SERVICE, "filters": [STRIP]}]}), None),
    (path("a"), path("a", "RegularExpression"), ("spec", "rules", 0, "matches", 0, "path", "value")),
    (path("/a//b"), path("/a/b/"), ("spec", "rules", 0, "matches", 0, "path", "value")),
    (path("/a/../b"), path("/a/..b"), None),
    (path("/a/.."), path("/a.."), None),
    (path("/a%2fb"), path("/a%2eb"), None),
    (path("/a b"), path("/a%20b"), None),
    (path("/a?b"), path("/a:b"), None),
    (filters(REDIRECT, REWRITE), filters(REDIRECT), ("spec", "rules", 0, "filters")),
    (filters(HEADERS, HEADERS), filters(HEADERS, REWRITE), ("spec", "rules", 0, "filters")),
    (filters({"type": "URLRewrite"}), filters(REWRITE), ("spec", "rules", 0, "filters", 0)),
    (filters({**REWRITE, "requestRedirect": {}}), filters(REWRITE), None),
    (mirror(percent=1, fraction={"numerator": 1}), mirror(percent=1), None),
    (mirror(fraction={"numerator": 2, "denominator": 1}), mirror(fraction={"numerator": 1, "denominator": 1}), None),
    (route({"backendRefs": [{"name": "s"}]}), route({"backendRefs": [SERVICE, {"name": "s", "kind": "B", "group": "b"}]}),
     ("spec", "rules", 0, "backendRefs", 0)),
    (filters({"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}),
     filters({"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": ""}}}), None),
    (cors(allowOrigins=["*", "https://a"]), cors(allowOrigins=["*"]), None),
    (route({"timeouts": {"request": "1s", "backendRequest": "1001ms"}}),
     route({"timeouts": {"request": "0s", "backendRequest": "1h"}}), ("spec", "rules", 0, "timeouts", "backendRequest")),
    (labelled("Namespace", **{"a/b/c": "x"}), labelled("Namespace", **{"b.c/d_e": "x"}), ("metadata", "labels", "a/b/c")),
    (labelled("Namespace", **{"": "x"}), labelled("Namespace", a="x"), None),
    (secret(stringData={"a b": "c"}), secret(stringData={"a_b.c-d": "c"}), ("stringData", "a b")),
    (service(type="ExternalName"), service(type="ExternalName", externalName="a"), ("spec",)),
    (service(), service(clusterIP="None"), ("spec",)),
    (service(ports=[{"port": 1}, {"port": 2}]), service(ports=[{"port": 1, "name": "a"}, {"port": 2, "name": "b"}]), None),
    (service(ports=[{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]),
     service(ports=[{"port": 1, "name": "a"}, {"port": 1, "name": "b", "protocol": "UDP"}]), ("spec", "ports", 1)),
    (endpoints("FQDN", "a b"), endpoints("FQDN", "a.b"), ("endpoints", 0, "addresses", 0)),
    (endpoints("IPv4", "10.0.0.1", "::1"), endpoints("IPv6", "::1"), ("endpoints", 0, "addresses", 1)),
]  # fmt: skip


def findings(manifest):
    walk = Walk()
    checker(manifest["kind"]).check(copy.deepcopy(manifest), walk)
    return walk.findings


@pytest.mark.parametrize(("wrong", "right", "where"), [*CRDS, *READ])
def test_rule(wrong, right, where):
    assert findings(right) == []
    found = findings(wrong)
    assert found
    assert {one.code for one in found} == {codes.RULE}
    if where is not None:
        assert found[0].path == where


def test_the_table_has_every_rule(monkeypatch):
    """A rule that no row makes fail is a rule that nobody has seen work."""

    def rules_of(schema):
        for rule in schema.get("x-kubernetes-validations", ()):
            yield rule["message"], normal(rule["rule"])
        for sub in schema.get("properties", {}).values():
            yield from rules_of(sub)
        for inner in ("items", "additionalProperties"):
            if isinstance(schema.get(inner), dict):
                yield from rules_of(schema[inner])

    failed = set()
    for wrong, _, _ in [*CRDS, *READ]:
        messages = {one.message for one in findings(wrong)}
        failed |= {rule for message, rule in rules_of(structural(wrong["kind"])) if message in messages}
    assert failed == set(RULES)
