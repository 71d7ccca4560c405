"""Secrets and ConfigMaps that something names: which, and how they are watched.

Why not all of them: a controller that reads every Secret of a cluster is the first thing to be broken into, and holds
what nobody asked it to. Each one that is named is watched by itself, by its name in its namespace; that is a list and a
watch with a field selector, for which a Role in that namespace is enough, with resourceNames where one likes. Where one
namespace names many, one watch of the namespace takes their place (a watch is a connection), and what is not named is
not decoded.

Rules: a name is `settled` once its watch has said whether there is such an object. What is not named any more is
forgotten. A watch that is refused (RBAC) settles its names as absent: who names one is told that there is none, and the
log says why. A name that no object can have is not asked for: a reference may be any text, and one that means something
else in a selector would be refused for ever, with everybody waiting for it.

Must not: know what is in them.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agw.controller.decode import Held, reader
from agw.controller.world import Identity
from agw.kube import Batch, Client, Forbidden, Invalid, Key, NotFound, Resource, Scope, Watcher, decoder
from agw.kube.objects import Identified
from agw.resources import model
from agw.resources.meta import Object

MANY = 8
"""Names of one kind in one namespace that are still watched one by one."""

# RFC 1123, as the API server takes names of Secrets and ConfigMaps.
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LONGEST = 253

_REFUSED_POLL = 0.2  # seconds between looks whether a watch that has not answered was refused


@dataclass(frozen=True, order=True, slots=True)
class Name:
    """A Secret or ConfigMap by its plural."""

    plural: str
    namespace: str
    name: str


def of_policy(policy: model.TrafficPolicy) -> frozenset[Name]:
    """Return what a TrafficPolicy names."""
    authentication = policy.spec.traffic.authentication
    auth = authentication.api_key_auth if authentication is not None else None
    return frozenset() if auth is None else frozenset({_secret(policy.metadata.namespace, auth.secret_ref.name)})


def of_gateway(gateway: model.Gateway) -> frozenset[Name]:
    """Return what a Gateway of ours names."""
    namespace = gateway.metadata.namespace
    infrastructure = gateway.spec.infrastructure
    parameters = infrastructure.parameters_ref if infrastructure is not None else None
    found = {
        _secret(ref.namespace or namespace, ref.name)
        for listener in gateway.spec.listeners
        for ref in (listener.tls.certificate_refs if listener.tls is not None else ())
        if (ref.group, ref.kind) == ("", "Secret")
    }
    if parameters is not None and (parameters.group, parameters.kind) == ("", "ConfigMap"):
        found.add(Name("configmaps", namespace, parameters.name))
    return frozenset(found)


def of_class(found: model.GatewayClass) -> frozenset[Name]:
    """Return what a GatewayClass of ours names."""
    ref = found.spec.parameters_ref
    if ref is None or (ref.group, ref.kind) != ("", "ConfigMap") or not ref.namespace:
        return frozenset()
    return frozenset({Name("configmaps", ref.namespace, ref.name)})


def _secret(namespace: str, name: str) -> Name:
    return Name("secrets", namespace, name)


def of(value: Object) -> frozenset[Name]:
    """Return what an object names, where it is a Gateway or a GatewayClass of ours or a TrafficPolicy."""
    return frozenset(name for name in _all_of(value) if _possible(name.name) and _possible(name.namespace))


def _possible(name: str) -> bool:
    return len(name) <= _LONGEST and _SUBDOMAIN.fullmatch(name) is not None


def _all_of(value: Object) -> frozenset[Name]:
    if isinstance(value, model.TrafficPolicy):
        return of_policy(value)
    if isinstance(value, model.Gateway):
        return of_gateway(value)
    return of_class(value) if isinstance(value, model.GatewayClass) else frozenset()


class References:
    """Who names what."""

    def __init__(self) -> None:
        """Nobody names anything."""
        self._by_object: dict[Identity, frozenset[Name]] = {}
        self._counts: Counter[Name] = Counter()

    @property
    def names(self) -> frozenset[Name]:
        """All that is named."""
        return frozenset(self._counts)

    def put(self, identity: Identity, names: frozenset[Name]) -> bool:
        """Take what an object names now; say whether that is another than before."""
        old = self._by_object.pop(identity, frozenset())
        if names:
            self._by_object[identity] = names
        self._counts.update(names - old)
        for name in old - names:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]
        return names != old


def scopes(names: Iterable[Name], many: int = MANY) -> dict[tuple[str, Scope], frozenset[Key]]:
    """Return the watches for the names: (plural, scope) to the keys that it is for."""
    by_namespace: dict[tuple[str, str], set[Key]] = {}
    for name in names:
        by_namespace.setdefault((name.plural, name.namespace), set()).add(Key(name.namespace, name.name))
    found: dict[tuple[str, Scope], frozenset[Key]] = {}
    for (plural, namespace), keys in by_namespace.items():
        if len(keys) > many:
            found[plural, Scope(namespace)] = frozenset(keys)
            continue
        for key in keys:
            found[plural, Scope(namespace, fields=f"metadata.name={key.name}")] = frozenset({key})
    return found


Sink = Callable[[type[Object], Batch[Held[Any]], frozenset[Key]], None]


class _Watch:
    """One watch, and the names that it is for."""

    def __init__(self, keys: frozenset[Key]) -> None:
        self.keys = keys
        self.settled = False
        self.task: asyncio.Task[None] | None = None


class NamedWatches:
    """The watches of what is named. sink: takes batches, with the keys that a restart speaks of.

    forget: takes keys that nobody names any more. news: called when something may be settled.
    """

    def __init__(
        self,
        client: Client,
        resources: dict[type[Object], Resource],
        sink: Sink,
        forget: Callable[[type[Object], frozenset[Key]], None],
        news: Callable[[], None],
    ) -> None:
        """Watch nothing yet."""
        self._client = client
        self._kinds = {resource.plural: kind for kind, resource in resources.items()}
        self._resources = resources
        self._sink = sink
        self._forget = forget
        self._news = news
        self._watches: dict[tuple[str, Scope], _Watch] = {}
        self._settled: set[Name] = set()
        self._problems: dict[Name, str] = {}

    def settled(self, name: Name) -> bool:
        """Say whether it is known whether there is such an object."""
        return name in self._settled

    @property
    def problems(self) -> dict[Name, str]:
        """Names whose watch is refused, with the reason."""
        return self._problems

    def want(self, names: frozenset[Name], group: asyncio.TaskGroup) -> None:
        """Watch these, and nothing else."""
        wanted = scopes(names)
        for at in [at for at, watch in self._watches.items() if wanted.get(at) != watch.keys]:
            watch = self._watches.pop(at)
            if watch.task is not None:
                watch.task.cancel()
        for at, keys in wanted.items():
            if at not in self._watches:
                watch = self._watches[at] = _Watch(keys)
                watch.task = group.create_task(self._follow(at, watch))
        for gone in self._settled - names:
            self._forget(self._kinds[gone.plural], frozenset({Key(gone.namespace, gone.name)}))
            self._problems.pop(gone, None)
        self._settled &= names

    async def _follow(self, at: tuple[str, Scope], watch: _Watch) -> None:
        plural, scope = at
        kind = self._kinds[plural]
        resource = self._resources[kind]
        watcher: Watcher[Held[Any]] = Watcher(
            self._client, resource, _only(reader(kind, resource.api_version), watch.keys), scope
        )
        refused = asyncio.create_task(self._look_for_refusal(watcher, plural, watch))
        try:
            async with aclosing(aiter(watcher)) as batches:
                async for batch in batches:
                    self._sink(kind, _named(batch, watch.keys), watch.keys)
                    self._settle(plural, watch, "")
        finally:
            refused.cancel()

    async def _look_for_refusal(self, watcher: Watcher[Held[Any]], plural: str, watch: _Watch) -> None:
        while not watch.settled:
            await asyncio.sleep(_REFUSED_POLL)
            if isinstance(watcher.problem, Forbidden | Invalid | NotFound) and not watch.settled:
                self._settle(plural, watch, str(watcher.problem))

    def _settle(self, plural: str, watch: _Watch, problem: str) -> None:
        watch.settled = watch.settled or not problem
        for key in watch.keys:
            name = Name(plural, key.namespace, key.name)
            self._settled.add(name)
            if problem:
                self._problems[name] = problem
            else:
                self._problems.pop(name, None)
        self._news()


class _UnnamedError(ValueError):
    """An object that nobody names."""


def _only(read: Callable[[bytes], Held[Any]], keys: frozenset[Key]) -> Callable[[bytes], Held[Any]]:
    """Decode the named ones alone; of the others not even a copy is kept."""
    identify, wanted = decoder(Identified), {key.name for key in keys}

    def decode(data: bytes) -> Held[Any]:
        if identify(data).metadata.name not in wanted:
            raise _UnnamedError
        return read(data)

    return decode


def _named(batch: Batch[Held[Any]], keys: frozenset[Key]) -> Batch[Held[Any]]:
    """A batch without what nobody names."""
    return Batch(
        batch.restart,
        {key: held for key, held in batch.applied.items() if key in keys},
        batch.deleted & keys,
        {key: why for key, why in batch.failed.items() if key in keys},
    )
