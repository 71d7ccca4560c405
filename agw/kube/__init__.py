"""Kubernetes, as any controller needs it: requests, list-and-watch, leader election, Events and TokenReview.

It has never heard of a Gateway. A library (lightkube) finds the cluster, authenticates and does TLS; decoding is the
caller's: every call takes a function from the bytes of one JSON object to whatever the caller keeps.

    GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")

    async with Client.find(manager="example.com/controller") as client:
        one = await client.get(GATEWAYS, Key("default", "agw"), decoder(Gateway))
        await client.apply(GATEWAYS, Key("default", "agw"), {"status": {...}}, subresource="status")
        async with aclosing(aiter(Watcher(client, GATEWAYS, decoder(Gateway)))) as batches:
            async for batch in batches:  # batch.restart, .applied {Key: Gateway}, .deleted {Key}, .failed {Key: why}
                ...

Client       get, list, create, replace, apply, patch, delete, request, stream; each raises a KubeError only
Watcher      batches of one collection, for ever, whatever the server does; `synced`, `problem`, `state`
Election     one leader among several candidates, by a Lease
Recorder     Events for people: `record` never waits, `run` sends
review_token whom a token stands for
errors       NotFound, AlreadyExists, Conflict, Expired, Invalid, Forbidden, Unauthorized, TooManyRequests, ServerFailed
             are ApiError; Unreachable, Malformed, CredentialsError are not; all are KubeError with fault and retry
"""

from agw.kube.backoff import Backoff
from agw.kube.client import Client, Listed, Scope
from agw.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    CredentialsError,
    Expired,
    Forbidden,
    Invalid,
    KubeError,
    Malformed,
    NotFound,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from agw.kube.events import Recorder, Reference
from agw.kube.lease import Election, Timing
from agw.kube.objects import Decode, decoder, plain
from agw.kube.progress import Batch, State
from agw.kube.resource import Key, Resource
from agw.kube.token_review import Identity, review_token
from agw.kube.watch import Options, Watcher

__all__ = [
    "AlreadyExists",
    "ApiError",
    "Backoff",
    "Batch",
    "Client",
    "Conflict",
    "CredentialsError",
    "Decode",
    "Election",
    "Expired",
    "Forbidden",
    "Identity",
    "Invalid",
    "Key",
    "KubeError",
    "Listed",
    "Malformed",
    "NotFound",
    "Options",
    "Recorder",
    "Reference",
    "Resource",
    "Scope",
    "ServerFailed",
    "State",
    "Timing",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "Watcher",
    "decoder",
    "plain",
    "review_token",
]
