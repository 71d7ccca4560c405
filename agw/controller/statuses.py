"""What to write into an object's status, given what the server has: the smallest honest write, or none.

Two kinds of status, by what the CRDs declare:
- Gateway, GatewayClass, Backend are ours alone; their conditions and listeners are lists that merge by key. They are
  written by server-side apply, so that conditions of others stay. What is left in the other lists of another writer, of
  an earlier release or of the controller that a Gateway had before, apply cannot take away, nor put in order: such a
  list is written whole, by a merge patch, at the resourceVersion that it was found at.
- HTTPRoute `parents` and TrafficPolicy `ancestors` are shared by all controllers and declared atomic: with server-side
  apply, whoever applies last owns the whole list, and the others' entries with it. They are written as a merge patch of
  the whole list, others' entries as they were found, guarded by the resourceVersion that they were found at. A
  controller that wrote meanwhile makes it fail, and the next look begins with what that one wrote.

Rules (Gateway API): all conditions in one write, with the generation that they are about; lastTransitionTime moves
where `status` does (metav1.Condition). Entries of dropped parentRefs go. Nothing is written where nothing differs.

Must not: know a clock (the time is given), send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from agw.translate.result import CONTROLLER
from agw.translate.status import PolicyStatus, RouteStatus, Status

Json: TypeAlias = dict[str, Any]
SHARED: Mapping[str, tuple[str, str, int]] = {
    "HTTPRoute": ("parents", "parentRef", 32),
    "TrafficPolicy": ("ancestors", "ancestorRef", 16),
}
"""Kinds with a list that all controllers share: its name, its reference's, its most entries."""


_SORTED = "supportedFeatures"  # in ascending order by name (GEP-2162)
_NAMED = ("listeners", _SORTED)  # lists of Gateways and GatewayClasses that merge by name, and are their controller's


@dataclass(frozen=True, slots=True)
class Write:
    """apply: server-side apply of `status`; else a merge patch, of that resourceVersion only."""

    status: Json
    apply: bool


def plan(kind: str, desired: Status | None, current: bytes, now: str) -> Write | None:
    """Return what to write; None where the server has it already.

    desired: None where we have nothing to say of the object. current: its status as the server has it, JSON.
    now: RFC 3339, for conditions that change.
    """
    has: Json = msgspec.json.decode(current) if current else {}
    if kind in SHARED:
        return _shared(kind, desired, has, now)
    return _own(desired, has, now) if desired is not None else None


def _shared(kind: str, desired: Status | None, has: Json, now: str) -> Write | None:
    field, reference, most = SHARED[kind]
    if isinstance(desired, RouteStatus):
        wanted: Sequence[Any] = desired.parents
    else:
        wanted = desired.ancestors if isinstance(desired, PolicyStatus) else ()
    before: list[Json] = has.get(field) or []
    ours = {_reference(entry[reference]): entry for entry in before if entry.get("controllerName") == CONTROLLER}
    made: dict[tuple[tuple[str, Any], ...], Json] = {}
    for entry in map(_plain, wanted):
        key = _reference(entry[reference])
        old = ours.get(key, {}).get("conditions", ())
        # A route may name one parent twice; the list's entries are told apart by their reference, so once is enough.
        made.setdefault(key, {**entry, "conditions": dated(entry["conditions"], old, now)})
    after: list[Json] = []
    for entry in before:
        if entry.get("controllerName") != CONTROLLER:
            after.append(entry)
        elif (mine := made.pop(_reference(entry[reference]), None)) is not None:
            after.append(mine)
    after += made.values()
    after = _within(after, most)
    return None if after == before else Write({field: after}, apply=False)


def _within(entries: list[Json], most: int) -> list[Json]:
    """Leave out the last of ours where the list would be longer than the API takes."""
    over = len(entries) - most
    for index in range(len(entries) - 1, -1, -1):
        if over <= 0:
            break
        if entries[index].get("controllerName") == CONTROLLER:
            del entries[index]
            over -= 1
    return entries


def _reference(value: Json) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(value.items()))


def _own(desired: Status, has: Json, now: str) -> Write | None:
    status: Json = _plain(desired)
    status["conditions"] = dated(status["conditions"], has.get("conditions") or (), now)
    known = {listener["name"]: listener for listener in has.get("listeners") or ()}
    for listener in status.get("listeners", ()):
        old = known.get(listener["name"], {}).get("conditions") or ()
        listener["conditions"] = dated(listener["conditions"], old, now)
    if _holds(has, status):
        return None
    return Write(_whole(has, status), apply=False) if _stale(has, status) else Write(status, apply=True)


def _stale(has: Json, status: Json) -> bool:
    """Whether a list that is ours alone has what apply would leave in it: entries of others, or ours in another order."""
    names = {field: [item["name"] for item in status.get(field, ())] for field in _NAMED}
    found = {field: [item["name"] for item in has.get(field) or ()] for field in _NAMED}
    if any(set(found[field]) - set(names[field]) for field in _NAMED):
        return True
    return set(found[_SORTED]) == set(names[_SORTED]) and found[_SORTED] != names[_SORTED]


def _whole(has: Json, status: Json) -> Json:
    """Return the status for a merge patch, which replaces lists: with the conditions of others, as they were found."""
    ours = {item["type"] for item in status["conditions"]}
    others = [item for item in has.get("conditions") or () if item["type"] not in ours]
    return {**status, "conditions": [*others, *status["conditions"]]}


def _holds(has: Json, status: Json) -> bool:
    """Whether the server has all of it; further conditions and fields are others'."""
    for field, value in status.items():
        if field == "conditions":
            if not _has_conditions(has.get(field), value):
                return False
        elif field == "listeners":
            if not _has_listeners(has.get(field) or [], value):
                return False
        elif (has.get(field) or []) != value:
            return False
    return True


def _has_conditions(has: Iterable[Json] | None, wanted: list[Json]) -> bool:
    by_type = {item["type"]: item for item in has or ()}
    return all(by_type.get(item["type"]) == item for item in wanted)


def _has_listeners(has: list[Json], wanted: list[Json]) -> bool:
    if {item["name"] for item in has} != {item["name"] for item in wanted}:
        return False
    by_name = {item["name"]: item for item in has}
    return all(
        _has_conditions(by_name[item["name"]].get("conditions"), item["conditions"])
        and {**by_name[item["name"]], "conditions": ()} == {**item, "conditions": ()}
        for item in wanted
    )


def dated(wanted: Iterable[Json], has: Iterable[Json], now: str) -> list[Json]:
    """Give conditions their lastTransitionTime: the one that they had where their status has not changed."""
    by_type = {item["type"]: item for item in has}
    result = []
    for item in wanted:
        old = by_type.get(item["type"], {})
        same = old.get("status") == item["status"] and old.get("lastTransitionTime")
        result.append({**item, "lastTransitionTime": old["lastTransitionTime"] if same else now})
    return result


def _plain(value: Any) -> Any:  # noqa: ANN401 - any status value
    """Give a status value as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))
