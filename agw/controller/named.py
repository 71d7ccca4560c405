"""The watches of Secrets and ConfigMaps that something names.

Why not of all of them: a controller that reads every Secret of a cluster is the first thing to be broken into, and holds
what nobody asked it to. Each one that is named is watched by itself, by its name in its namespace; that is a list and a
watch with a field selector, for which a Role in that namespace is enough, with resourceNames where one likes. Where one
namespace names many, one watch of the namespace takes their place (a watch is a connection), and what is not named is
not decoded.

Rules: a name is `settled` once its watch has said whether there is such an object. What is not named any more is
forgotten. A watch that is refused (RBAC) settles its names as absent, and so does the bound: there are `MOST` watches,
those that were wanted first; `unwatched` has what to say to who names one of the others, and the log says it too.

Must not: know what is in them, or who names them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from agw.controller.decode import Held, reader
from agw.controller.references import Name
from agw.kube import Batch, Client, Forbidden, Invalid, Key, NotFound, Resource, Scope, Watcher, decoder
from agw.kube.objects import Identified
from agw.resources.meta import Object

MANY = 8
"""Names of one kind in one namespace that are still watched one by one."""

MOST = 2000
"""Watches of named objects at once. Each is a connection, of some 50 KB; other controllers want the server too."""

_REFUSED_POLL = 0.2  # seconds between looks whether a watch that has not answered was refused


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
        self._refused: dict[Name, str] = {}  # by the API server
        self._over: dict[Name, str] = {}
        self._told: dict[Name, str] = {}

    def settled(self, name: Name) -> bool:
        """Say whether it is known whether there is such an object, or that it is not watched."""
        return name in self._settled or name in self._over

    @property
    def unwatched(self) -> Mapping[Name, str]:
        """Names that nothing is known of, with the reason."""
        return self._refused | self._over

    def retold(self) -> dict[Name, str]:
        """Return the names of which something else is to be said than at the last time; "" where nothing is any more."""
        now, before = self.unwatched, self._told
        self._told = dict(now)
        return {name: now.get(name, "") for name in now.keys() | before.keys() if now.get(name) != before.get(name)}

    def want(self, names: Iterable[Name], over: Mapping[Name, str], group: asyncio.TaskGroup) -> None:
        """Watch these, and nothing else; where they are too many, those that came first.

        over: names that are not watched for a reason of the caller's.
        """
        names = tuple(names)
        wanted = scopes(names)
        before = {(plural, scope.namespace) for plural, scope in self._watches}
        for at in [at for at, watch in self._watches.items() if wanted.get(at) != watch.keys]:
            watch = self._watches.pop(at)
            if watch.task is not None:
                watch.task.cancel()
        self._over = dict(over)
        room = MOST - len(self._watches)
        # Who has watches keeps its place when one of the namespace takes that of several; else as they came.
        for at, keys in sorted(wanted.items(), key=lambda item: (item[0][0], item[0][1].namespace) not in before):
            if at in self._watches:
                continue
            if room <= 0:
                said = f"there are {MOST} watches of Secrets and ConfigMaps, which is as many as there may be"
                self._over |= {Name(at[0], key.namespace, key.name): said for key in keys}
                continue
            room -= 1
            watch = self._watches[at] = _Watch(keys)
            watch.task = group.create_task(self._follow(at, watch))
        self._forget_all_but(frozenset(names) - self._over.keys())

    def _forget_all_but(self, names: frozenset[Name]) -> None:
        for gone in self._settled - names:
            self._forget(self._kinds[gone.plural], frozenset({Key(gone.namespace, gone.name)}))
        self._refused = {name: why for name, why in self._refused.items() if name in names}
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
                self._refused[name] = problem
            else:
                self._refused.pop(name, None)
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
