"""Puts a translation together, and keeps it up to date at the cost of what changed.

    ResourceSet --Index--> inputs --Graph--> states that changed --Board--> entries per Gateway, statuses, problems

Rules: what did not change stays the same object, down to the maps of Gateways that nothing concerned. Problems get
their positions here and nowhere else, since lines move without anything else changing. The same set gives the same
translation, whatever came before it (a property test holds this).

Must not: decide anything about an object; the queries do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from agw.errors import Problem
from agw.resources.agentgateway import Backend, TrafficPolicy
from agw.resources.core import Secret
from agw.resources.gateway import Gateway, GatewayClass, HTTPRoute
from agw.resources.meta import Object
from agw.resources.objects import ResourceSet
from agw.snapshot.chunked import ChunkedMap
from agw.translate.backends import BACKEND, SERVICE
from agw.translate.credentials import CREDENTIALS
from agw.translate.gateways import CLASS, GATEWAY, GatewayState
from agw.translate.graph import Change, Graph, Key, Query
from agw.translate.hosts import CLUSTER_LOCAL
from agw.translate.infrastructure import Infrastructure
from agw.translate.inputs import CLUSTER_DOMAIN, IN_CLUSTER, Identity, Index
from agw.translate.policies import POLICY, PolicyField
from agw.translate.policy_status import POLICY_STATUS
from agw.translate.result import Loser, ObjectKey, Translation
from agw.translate.routes import ROUTE, Share
from agw.translate.shadow import Shadows, rules_of
from agw.translate.shelves import Shelves
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

    def __init__(self, *, in_cluster: bool = False, domain: str = CLUSTER_LOCAL) -> None:
        """Start with no objects.

        domain: of a cluster's own DNS names. in_cluster: a Gateway is ours only where its GatewayClass exists and is; and what is said is in the statuses alone,
        since problems, losers and origins are lists of everything, which nobody there reads after each change.
        """
        self._given: dict[Key, Any] = {(IN_CLUSTER,): True, (CLUSTER_DOMAIN,): domain} if in_cluster else {}
        self._index = Index()
        self._graph = Graph()
        self._board = _Board(terse=in_cluster)

    def update(self, resources: ResourceSet, changed: Iterable[Identity] | None = None) -> Translation:
        """Translate the next set; the work is what changed since the last one.

        changed: the identities that may differ from the last set, where the source knows them; None compares the sets.
        """
        changes = self._index.follow(resources, changed)
        given, self._given = self._given, {}
        report = self._graph.update(
            changes.inputs | given,
            add=[(root, namespace, name) for kind, namespace, name in changes.added if (root := _ROOTS.get(kind))],
            remove=[(root, namespace, name) for kind, namespace, name in changes.removed if (root := _ROOTS.get(kind))],
        )
        return self._board.post(report, resources)


class _Board:
    """What is in force, by Gateway and by object. Its maps are its own; what it gives is frozen.

    terse: without problems, losers and origins.
    """

    def __init__(self, *, terse: bool) -> None:
        self._terse = terse
        self._shelves = Shelves()
        self._gateways: dict[str, GatewayState] = {}
        self._idle: dict[str, ObjectKey] = {}  # Backends that could be used and are not
        self._backends: dict[str, ObjectKey] = {}
        self._statuses: dict[ObjectKey, Status] = {}
        self._stated: ChunkedMap[ObjectKey, Status] = ChunkedMap()
        self._origins: dict[str, tuple[PolicyField, ...]] = {}
        self._losers: dict[Key, tuple[Loser, ...]] = {}
        self._told = Told()
        self._shadows = Shadows()
        self._recount: set[str] = set()
        self._restated: set[ObjectKey] = set()
        self._traced = self._reshaped = False
        self._last = Translation()

    def post(self, report: Mapping[Key, Change], resources: ResourceSet) -> Translation:
        """Take the states that changed and give the whole."""
        self._recount, self._restated, self._traced, self._reshaped = set(), set(), False, False
        ranked = sorted(report.items(), key=lambda item: item[0][0].rank)
        for key, change in ranked:
            if key[0] is GATEWAY:
                self._gateway(change)
            elif key[0] in {BACKEND, SERVICE, CREDENTIALS}:
                self._share(key, change)
            elif key[0] is ROUTE:  # ranked above both: the shelves that it goes to are there
                self._route(key, change)
            self._tell(key, change.new)
        for gateway in self._recount:
            self._state_gateway(gateway)
        self._last = self._publish(resources)
        return self._last

    def _gateway(self, change: Change) -> None:
        state: GatewayState | None = change.new
        ref = (change.new or change.old).ref
        self._reshaped |= _shape(change.old) != _shape(change.new)
        if state is None or not state.ours:
            self._gateways.pop(ref, None)
            self._shelves.close(ref)
            self._state(ObjectKey("Gateway", *ref.split("/")), None)
        else:
            self._gateways[ref] = state
            self._shelves.open(ref, state.entries())
            self._recount.add(ref)

    def _share(self, key: Key, change: Change) -> None:
        """Take a backend's or a credential set's entry."""
        entry_key = (change.new or change.old).key
        self._shelves.share(entry_key, change.new.entry if change.new is not None else None)
        if key[0] is BACKEND:
            if change.new is None or change.new.reason:
                self._backends.pop(entry_key, None)  # whoever names it has no use of it, and both are told why
            else:
                self._backends[entry_key] = ObjectKey("Backend", key[1], key[2])
            self._look_for_users((entry_key,))

    def _look_for_users(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key in self._backends and not self._shelves.used(key):
                self._idle[key] = self._backends[key]
            else:
                self._idle.pop(key, None)

    def _route(self, key: Key, change: Change) -> None:
        old: tuple[Share, ...] = change.old.shares if change.old is not None else ()
        new: tuple[Share, ...] = change.new.shares if change.new is not None else ()
        for share in old:
            self._shelves.withdraw(share)
        for share in new:
            self._shelves.add(share)
        for share in (*old, *new):
            self._recount.add(share.gateway)
            self._look_for_users(share.uses)
        if self._terse:
            return
        self._shadows.replace(f"{key[1]}/{key[2]}", [rule for share in new for rule in rules_of(share.entries)])
        self._trace(
            change.old.origins if change.old is not None else {}, change.new.origins if change.new is not None else {}
        )

    def _trace(self, old: Mapping[str, tuple[PolicyField, ...]], new: Mapping[str, tuple[PolicyField, ...]]) -> None:
        """Keep where the fields of a policy came from while some Gateway has the policy."""
        if old == new:
            return
        self._traced = True
        self._origins |= new
        for key in old.keys() - new.keys():
            if not self._shelves.holds(key):
                self._origins.pop(key, None)

    def _tell(self, key: Key, state: _State | None) -> None:
        """Keep what a state says of its object: status, problems, losers."""
        kind = _SUBJECTS.get(key[0])
        if kind is None:
            return
        if not self._terse:
            self._keep_told(key, kind, state)
        if key[0] in {CLASS, ROUTE, BACKEND, POLICY_STATUS}:
            status: Status | None = getattr(state, "status", None)
            if isinstance(status, RouteStatus) and not status.parents:
                status = None  # no Gateway of ours: nothing to say
            self._state(ObjectKey(kind.__name__, key[1], key[2]), status)

    def _keep_told(self, key: Key, kind: type[Object], state: _State | None) -> None:
        self._told.keep(key, kind, state.problems if state is not None else ())
        losers: tuple[Loser, ...] = getattr(state, "losers", ())
        if losers:
            self._losers[key] = losers
        else:
            self._losers.pop(key, None)

    def _state_gateway(self, ref: str) -> None:
        gateway = self._gateways.get(ref)
        if gateway is not None:
            self._state(ObjectKey("Gateway", *ref.split("/")), gateway.status(self._shelves.attached(ref)))

    def _state(self, subject: ObjectKey, status: Status | None) -> None:
        if status is None:
            if self._statuses.pop(subject, None) is not None:
                self._restated.add(subject)
        elif self._statuses.get(subject) != status:
            self._statuses[subject] = status
            self._restated.add(subject)

    def _publish(self, resources: ResourceSet) -> Translation:
        last = self._last
        snapshots, changed = self._shelves.publish()
        losers: tuple[Loser, ...] = ()
        if not self._terse:
            losers = self._all_losers()
            self._told.keep_losers(losers)
        return Translation(
            snapshots=snapshots,
            statuses=self._given_statuses(),
            problems=() if self._terse else self._told.problems(resources),
            losers=losers,
            origins=dict(self._origins) if self._traced else last.origins,
            infrastructure={ref: state.infrastructure for ref, state in self._gateways.items()}
            if self._reshaped
            else last.infrastructure,
            changed=changed,
            restated=frozenset(self._restated),
        )

    def _given_statuses(self) -> ChunkedMap[ObjectKey, Status]:
        """Return all statuses, sharing with the last time what did not change."""
        if self._restated:
            put = {key: self._statuses[key] for key in self._restated if key in self._statuses}
            self._stated = self._stated.replacing(put, self._restated - put.keys())
        return self._stated

    def _all_losers(self) -> tuple[Loser, ...]:
        losers = [loser for found in self._losers.values() for loser in found]
        losers += self._shadows.losers()
        losers += [
            Loser(subject, "NotReferenced", "no route that is served names it") for subject in self._idle.values()
        ]
        return tuple(sorted(losers, key=lambda loser: (loser.object, loser.path, loser.reason, loser.message)))


def _shape(state: GatewayState | None) -> tuple[bool, Infrastructure | None]:
    return (False, None) if state is None else (state.ours, state.infrastructure)
