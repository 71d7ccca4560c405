"""Puts a translation together, and keeps it up to date at the cost of what changed.

    ResourceSet --Index--> inputs --Graph--> states that changed --Board--> entries per Gateway, statuses, problems

Rules: what did not change stays the same object, down to the maps of Gateways that nothing concerned. Problems get
their positions here and nowhere else, since lines move without anything else changing. The same set gives the same
translation, whatever came before it (a property test holds this).

Must not: decide anything about an object; the queries do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from agw.errors import Problem
from agw.resources.agentgateway import Backend, TrafficPolicy
from agw.resources.core import Secret
from agw.resources.gateway import Gateway, GatewayClass, HTTPRoute
from agw.resources.meta import Object
from agw.resources.objects import ResourceSet
from agw.snapshot.model import Entry
from agw.translate.backends import BACKEND, SERVICE
from agw.translate.credentials import CREDENTIALS
from agw.translate.gateways import CLASS, GATEWAY, GatewayState
from agw.translate.graph import Change, Graph, Key, Query
from agw.translate.inputs import Index
from agw.translate.policies import POLICY, PolicyField
from agw.translate.policy_status import POLICY_STATUS
from agw.translate.result import Loser, ObjectKey, Translation
from agw.translate.routes import ROUTE, RouteState, Share
from agw.translate.shadow import Shadows, rules_of
from agw.translate.status import RouteStatus, Status
from agw.translate.told import Told

_ROOTS: Mapping[type[Object], Query[Any]] = {
    GatewayClass: CLASS,
    Gateway: GATEWAY,
    HTTPRoute: ROUTE,
    Backend: BACKEND,
    TrafficPolicy: POLICY_STATUS,
}
_SUBJECTS: Mapping[Query[Any], type[Object]] = {
    CLASS: GatewayClass,
    GATEWAY: Gateway,
    ROUTE: HTTPRoute,
    BACKEND: Backend,
    POLICY: TrafficPolicy,
    POLICY_STATUS: TrafficPolicy,
    CREDENTIALS: Secret,
}


class _State(Protocol):
    """What every state that speaks of an object has; some have losers and a status too."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What to say, without positions."""


def translate(resources: ResourceSet) -> Translation:
    """Translate a set from nothing."""
    return Translator().update(resources)


class Translator:
    """Translates one set after another."""

    def __init__(self) -> None:
        """Start with no objects."""
        self._index = Index()
        self._graph = Graph()
        self._board = _Board()

    def update(self, resources: ResourceSet) -> Translation:
        """Translate the next set; the work is what changed since the last one."""
        changes = self._index.follow(resources)
        report = self._graph.update(
            changes.inputs,
            add=[(root, namespace, name) for kind, namespace, name in changes.added if (root := _ROOTS.get(kind))],
            remove=[(root, namespace, name) for kind, namespace, name in changes.removed if (root := _ROOTS.get(kind))],
        )
        return self._board.post(report, resources)


class _Board:
    """Everything that is in force, by Gateway and by object. The working maps are its own; what it gives are copies."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}
        self._shared: dict[str, Entry] = {}
        self._users: dict[str, Counter[str]] = {}
        self._entry_counts: Counter[tuple[str, str]] = Counter()
        self._attached: dict[str, Counter[str]] = {}
        self._gateways: dict[str, GatewayState] = {}
        self._backends: dict[str, ObjectKey] = {}
        self._statuses: dict[ObjectKey, Status] = {}
        self._origins: dict[str, tuple[PolicyField, ...]] = {}
        self._losers: dict[Key, tuple[Loser, ...]] = {}
        self._told = Told()
        self._shadows = Shadows()
        self._touched: set[str] = set()
        self._recount: set[str] = set()
        self._restated = self._traced = False
        self._last = Translation()

    def post(self, report: Mapping[Key, Change], resources: ResourceSet) -> Translation:
        """Take the states that changed and give the whole."""
        self._touched, self._recount, self._restated, self._traced = set(), set(), False, False
        ranked = sorted(report.items(), key=lambda item: item[0][0].rank)
        for key, change in ranked:
            if key[0] is GATEWAY:
                self._gateway(change)
        for key, change in ranked:
            self._shared_entry(key, change)
        for key, change in ranked:
            if key[0] is ROUTE:
                self._route(key, change)
            self._tell(key, change.new)
        for gateway in self._recount:
            self._state_gateway(gateway)
        self._last = self._publish(resources)
        return self._last

    def _gateway(self, change: Change) -> None:
        old: GatewayState | None = change.old
        new: GatewayState | None = change.new
        ref = (new or old).ref  # type: ignore[union-attr] # one of the two is there
        for key in old.entries() if old is not None else ():
            self._entries[ref].pop(key, None)
        if new is None or not new.ours:
            self._gateways.pop(ref, None)
            self._entries.pop(ref, None)
            self._state(ObjectKey("Gateway", *ref.split("/")), None)
        else:
            self._gateways[ref] = new
            self._entries.setdefault(ref, {}).update(new.entries() if new.served else {})
            self._recount.add(ref)
        self._touched.add(ref)

    def _shared_entry(self, key: Key, change: Change) -> None:
        """Take a backend's or a credential set's entry, and put it where it is used."""
        if key[0] not in {BACKEND, SERVICE, CREDENTIALS}:
            return
        entry_key = (change.new or change.old).key
        entry = change.new.entry if change.new is not None else None
        if entry is None:
            self._shared.pop(entry_key, None)
            self._backends.pop(entry_key, None)
            return
        self._shared[entry_key] = entry
        if key[0] is BACKEND:
            self._backends[entry_key] = ObjectKey("Backend", key[1], key[2])
            if change.new.reason:
                del self._backends[entry_key]  # whoever names it has no use of it, and both are told why
        for gateway in self._users.get(entry_key, ()):
            if gateway in self._entries:
                self._entries[gateway][entry_key] = entry
                self._touched.add(gateway)

    def _route(self, key: Key, change: Change) -> None:
        old: RouteState | None = change.old
        new: RouteState | None = change.new
        route = f"{key[1]}/{key[2]}"
        for share in old.shares if old is not None else ():
            self._withdraw(share)
        rules = []
        for share in new.shares if new is not None else ():
            self._add(share)
            rules += rules_of(share.entries)
        self._shadows.replace(route, rules)
        self._trace(old.origins if old is not None else {}, new.origins if new is not None else {})

    def _trace(self, old: Mapping[str, tuple[PolicyField, ...]], new: Mapping[str, tuple[PolicyField, ...]]) -> None:
        """Keep where the fields of a policy came from while some Gateway has the policy."""
        if old == new:
            return
        self._traced = True
        self._origins |= new
        for key in old.keys() - new.keys():
            if not any(key in entries for entries in self._entries.values()):
                self._origins.pop(key, None)

    def _add(self, share: Share) -> None:
        entries = self._entries.setdefault(share.gateway, {})
        for key, entry in share.entries.items():
            self._entry_counts[share.gateway, key] += 1
            entries[key] = entry
        for key in share.uses:
            users = self._users.setdefault(key, Counter())
            users[share.gateway] += 1
            if key in self._shared:
                entries[key] = self._shared[key]
        self._attached.setdefault(share.gateway, Counter()).update(share.counted)
        self._touched.add(share.gateway)
        self._recount.add(share.gateway)

    def _withdraw(self, share: Share) -> None:
        entries = self._entries.get(share.gateway, {})
        for key in share.entries:
            self._entry_counts[share.gateway, key] -= 1
            if not self._entry_counts[share.gateway, key]:
                del self._entry_counts[share.gateway, key]
                entries.pop(key, None)
        for key in share.uses:
            users = self._users[key]
            users[share.gateway] -= 1
            if not users[share.gateway]:
                del users[share.gateway]
                entries.pop(key, None)
            if not users:
                del self._users[key]
        self._attached[share.gateway].subtract(share.counted)
        self._touched.add(share.gateway)
        self._recount.add(share.gateway)

    def _tell(self, key: Key, state: _State | None) -> None:
        """Keep what a state says of its object: status, problems, losers."""
        kind = _SUBJECTS.get(key[0])
        if kind is None:
            return
        self._told.keep(key, kind, state.problems if state is not None else ())
        _keep(self._losers, key, getattr(state, "losers", ()))
        if key[0] in {CLASS, ROUTE, BACKEND, POLICY_STATUS}:
            status: Status | None = getattr(state, "status", None)
            if isinstance(status, RouteStatus) and not status.parents:
                status = None  # no Gateway of ours: nothing to say
            self._state(ObjectKey(kind.__name__, key[1], key[2]), status)

    def _state_gateway(self, ref: str) -> None:
        gateway = self._gateways.get(ref)
        if gateway is not None:
            self._state(ObjectKey("Gateway", *ref.split("/")), gateway.status(self._attached.get(ref, {})))

    def _state(self, subject: ObjectKey, status: Status | None) -> None:
        if status is None:
            self._restated |= self._statuses.pop(subject, None) is not None
        elif self._statuses.get(subject) != status:
            self._statuses[subject] = status
            self._restated = True

    def _publish(self, resources: ResourceSet) -> Translation:
        last = self._last
        snapshots = last.snapshots
        if self._touched:
            snapshots = {
                ref: dict(self._entries[ref]) if ref in self._touched or ref not in snapshots else snapshots[ref]
                for ref in self._gateways
            }
        losers = self._all_losers()
        self._told.keep_losers(losers)
        return Translation(
            snapshots=snapshots,
            statuses=dict(self._statuses) if self._restated else last.statuses,
            problems=self._told.problems(resources),
            losers=losers,
            origins=dict(self._origins) if self._traced else last.origins,
        )

    def _all_losers(self) -> tuple[Loser, ...]:
        losers = [loser for found in self._losers.values() for loser in found]
        losers += self._shadows.losers()
        losers += [
            Loser(subject, "NotReferenced", "no route that is served names it")
            for key, subject in self._backends.items()
            if key not in self._users
        ]
        return tuple(sorted(losers, key=lambda loser: (loser.object, loser.path, loser.reason, loser.message)))


def _keep(into: dict[Key, Any], key: Key, values: tuple[Any, ...]) -> None:
    if values:
        into[key] = values
    else:
        into.pop(key, None)
