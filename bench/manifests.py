"""Manifests of any size for the comparisons that ask what size costs, made from the seed's own resources.

A fleet: each HTTPRoute has a hostname that a hundred routes share and a path prefix of its own, as an operator with
many agents per domain would write it; all go to one Backend. A key ring: the seed with as many keys as wanted in its Secret.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator

from bench.scenario import Scenario, post

PER_HOST = 100
MOST_REQUESTS = 10_000  # in a script: enough to meet every route, or a tenth of the keys, in random order

BACKEND = """\
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: agent}
spec: {type: A2A, a2a: {targets: [{name: agent, static: {host: demo-a2a-agent-server, port: 9999}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec: {gatewayClassName: ack-agent-gateway, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: front}}]
  hostnames: [{host}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}}]
"""
KEYS_ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: front}]
  rules: [{backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}]}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: all}]
  traffic: {authentication: {apiKeyAuth: {secretRef: {name: keys}}}}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData:
"""


def place(number: int) -> tuple[str, str]:
    """Host and path prefix of a fleet's route."""
    return f"fleet{number // PER_HOST}.example.com", f"/agents/a{number % PER_HOST}"


def route(number: int, path: str = "") -> str:
    """One route of a fleet as a YAML document; path: another prefix than its usual one."""
    host, usual = place(number)
    return ROUTE.format(name=f"r{number}", host=host, path=path or usual)


def fleet(routes: int) -> str:
    """A gateway with that many routes."""
    return BACKEND + "".join(route(number) for number in range(routes))


def key(number: int) -> str:
    """A key of a key ring. Ten characters: a Secret holds 1 MiB (Kubernetes' limit, and agw's), and a hundred thousand must fit."""
    return base64.b32encode(hashlib.sha256(str(number).encode()).digest())[:10].decode()


def key_ring(keys: int) -> str:
    """A gateway with one route, and a policy with that many keys."""
    return BACKEND + KEYS_ROUTE + "".join(f"  k{number}: '{key(number)}'\n" for number in range(keys))


def shuffled(count: int) -> Iterator[int]:
    """At most MOST_REQUESTS of the numbers below count, in an order that is random and the same in every run."""
    numbers = random.Random(count).sample(range(count), min(count, MOST_REQUESTS))
    yield from numbers


def fleet_scenario(routes: int) -> Scenario:
    """Requests to all routes of a fleet."""
    places = (place(number) for number in shuffled(routes))
    requests = tuple(post(host=host, path=f"{path}/v1/rpc") for host, path in places)
    return Scenario(f"{routes} routes", "300-byte POST, 130-byte reply, routes in random order, no policy", requests)


def key_scenario(keys: int) -> Scenario:
    """Requests with the keys of a key ring."""
    requests = tuple(post(key=key(number)) for number in shuffled(keys))
    return Scenario(f"{keys} keys", "300-byte POST, 130-byte reply, keys in random order, one route", requests)
