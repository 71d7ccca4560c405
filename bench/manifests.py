"""Manifests of any size for the comparisons that ask what size costs, made from the seed's own resources.

A fleet: each HTTPRoute has a hostname that a hundred routes share and a path prefix of its own, as an operator with
many agents per domain would write it; all go to one Backend. A key ring: as many keys as wanted in one Secret.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence

from bench.scenario import KEYS, request

PER_HOST = 100
MOST_BYTES = 32 * 1_048_576  # of a script: which route is asked is nothing beside a body of a mebibyte
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
AGENT = "{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}"
SERVICE = "{name: demo-a2a-agent-server, port: 9999}"
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
ONE_ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: all}}
spec:
  parentRefs: [{{name: front}}]
  rules: [{{backendRefs: [{backend}]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: demo-a2a-agent-server}}
spec: {{ports: [{{port: 9999}}]}}
"""
POLICY = """\
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  traffic:
    authentication: {apiKeyAuth: {secretRef: {name: keys}}}
"""
DECISIONS = """\
    authorization:
      rules:
      - {operations: [CancelTask], action: Deny}
      - {consumers: [k0], operations: [SendMessage, GetTask], action: Allow}
      - {consumers: [k1], action: Allow}
    rateLimit:
      local:
      - {requests: 100000000, unit: Second, per: Consumer, operations: [SendMessage]}
      - {requests: 100000000, unit: Second, per: Route}
"""
SECRET = """\
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


def one_route(backend: str = AGENT) -> str:
    """A gateway whose one route takes all; backend: the Backend, or the plain SERVICE that is nobody's A2A agent."""
    return BACKEND + ONE_ROUTE.format(backend=backend)


def locked(keys: Sequence[str], decisions: str = "") -> str:
    """What makes a gateway ask for one of these keys. decisions: what else its policy decides."""
    return POLICY + decisions + SECRET + "".join(f"  k{number}: '{key}'\n" for number, key in enumerate(keys))


def key(number: int) -> str:
    """A key of a key ring. Ten characters: a Secret holds 1 MiB (Kubernetes' limit, and agw's), and a hundred thousand must fit."""
    return base64.b32encode(hashlib.sha256(str(number).encode()).digest())[:10].decode()


def degree(of: str) -> str:
    """A gateway with two keys that knows so much of A2A: `plain` nothing, `a2a` what is asked, `decided` decides by it."""
    backend = SERVICE if of == "plain" else AGENT
    return one_route(backend) + locked(KEYS, DECISIONS if of == "decided" else "")


def key_ring(keys: int) -> tuple[str, ...]:
    """That many keys."""
    return tuple(key(number) for number in range(keys))


def shuffled(count: int) -> Iterator[int]:
    """At most MOST_REQUESTS of the numbers below count, in an order that is random and the same in every run."""
    numbers = random.Random(count).sample(range(count), min(count, MOST_REQUESTS))
    yield from numbers


def fleet_requests(routes: int, keys: Sequence[str] = (), size: int = 300, *, last: bool = False) -> tuple[bytes, ...]:
    """Requests to all routes of a fleet, with each of the keys in turn."""
    places = map(place, itertools.islice(shuffled(routes), max(MOST_BYTES // max(size, 1), 1)))
    return tuple(
        request(size, key=keys[at % len(keys)] if keys else "", host=host, path=f"{path}/v1/rpc", last=last)
        for at, (host, path) in enumerate(places)
    )


def key_requests(keys: int) -> tuple[bytes, ...]:
    """Requests with the keys of a key ring."""
    return tuple(request(key=key(number)) for number in shuffled(keys))
