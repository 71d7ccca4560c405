"""The payload of `agw check`: what a controller would write about each object, and whether all is well.

Rules: a row is one object, or one part of it that has conditions of its own (a listener, a parent, an ancestor). What a
controller would be silent about, because there is no Gateway to say it for, is a row as well (`orphan`). The verdict is
bad where something is not accepted, not resolved, in conflict, partly invalid or an orphan, or where a problem is an
error; what belongs to another controller is listed and judged by nobody.

Must not: print; `document()` is for JSON and YAML, rows are for a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from agw.errors import Problem, Severity
from agw.resources.objects import ResourceSet
from agw.translate import codes
from agw.translate.result import ObjectKey, Translation
from agw.translate.status import (
    FALSE,
    TRUE,
    Condition,
    GatewayStatus,
    PolicyStatus,
    Reference,
    RouteStatus,
    Status,
)

_ORDER = ("GatewayClass", "Gateway", "HTTPRoute", "Backend", "TrafficPolicy")
_GOOD_WHEN_TRUE = frozenset({"Accepted", "ResolvedRefs", "Programmed"})
_GOOD_WHEN_FALSE = frozenset({"Conflicted", "PartiallyInvalid"})
_ORPHANS = frozenset({codes.PARENT_MISSING, codes.CLASS_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Row:
    """One object or part. part: "listener http", "parent default/gw", "ancestor default/gw", "" the object.

    note: what is to be said besides the conditions: attached routes, or why there are none.
    """

    object: ObjectKey
    part: str
    conditions: tuple[Condition, ...]
    ok: bool
    note: str = ""
    orphan: bool = False

    @property
    def trouble(self) -> tuple[Condition, ...]:
        """The conditions that are not as they should be."""
        return tuple(condition for condition in self.conditions if _bad(condition))


@dataclass(frozen=True, slots=True)
class Report:
    """rows by kind and name; problems as translation found them; others: objects that are another controller's."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    others: tuple[tuple[ObjectKey, str], ...]
    statuses: tuple[tuple[ObjectKey, Status], ...]

    @property
    def ok(self) -> bool:
        """Whether everything is accepted: exit 0, else 1."""
        return all(row.ok for row in self.rows) and not any(
            problem.severity is Severity.ERROR for problem in self.problems
        )

    def document(self) -> dict[str, Any]:
        """Give plain data for JSON and YAML; statuses in the API's own shape."""
        return {
            "ok": self.ok,
            "objects": [
                _named(key) | {"status": msgspec.json.decode(msgspec.json.encode(status))}
                for key, status in self.statuses
            ],
            "orphans": [_named(row.object) | {"part": row.part, "reason": row.note} for row in self.rows if row.orphan],
            "notOurs": [_named(key) | {"reason": reason} for key, reason in self.others],
            "problems": [problem_document(problem) for problem in self.problems],
        }


def problem_document(problem: Problem) -> dict[str, Any]:
    """Give a problem as plain data, without the fields that are not known."""
    at = problem.position
    fields = {
        "code": problem.code,
        "severity": problem.severity.value,
        "object": problem.object,
        "path": problem.path,
        "file": at.file,
        "line": at.line,
        "column": at.column,
        "message": problem.message,
        "hint": problem.hint,
    }
    return {name: value for name, value in fields.items() if value not in {"", 0}}


def report(resources: ResourceSet, translation: Translation) -> Report:
    """Make the report; objects without a status that should have one are orphans."""
    statuses = sorted(translation.statuses.items(), key=lambda item: (_ORDER.index(item[0].kind), item[0]))
    rows = [row for key, status in statuses for row in _rows(key, status)]
    rows += _orphans(translation)
    rows.sort(key=lambda row: (_ORDER.index(row.object.kind), row.object, row.orphan))
    others = [
        (loser.object, loser.message)
        for loser in translation.losers
        if loser.reason == "NotOurs" and not loser.path and loser.object not in {row.object for row in rows}
    ]
    known = {(resource.kind, resource.namespace, resource.name) for resource in resources}
    return Report(
        rows=tuple(rows),
        problems=translation.problems,
        others=tuple((key, reason) for key, reason in others if tuple(key) in known),
        statuses=tuple(statuses),
    )


def _orphans(translation: Translation) -> list[Row]:
    """Find what no status speaks of: parents that do not exist, Gateways whose class is nobody's."""
    rows = []
    for problem in translation.problems:
        if problem.code in _ORPHANS and problem.severity is not Severity.INFO:
            kind, _, rest = problem.object.partition(" ")
            namespace, _, name = rest.rpartition("/")
            part = problem.path.removeprefix("$.spec.").removesuffix(".name") if problem.path != "$.spec" else ""
            rows.append(Row(ObjectKey(kind, namespace, name), part, (), ok=False, note=problem.message, orphan=True))
    return rows


def _rows(key: ObjectKey, status: Status) -> list[Row]:
    if isinstance(status, RouteStatus):
        return [_row(key, f"parent {_reference(key, item.parent_ref)}", item.conditions) for item in status.parents]
    if isinstance(status, PolicyStatus):
        return [
            _row(key, f"ancestor {_reference(key, item.ancestor_ref)}", item.conditions) for item in status.ancestors
        ]
    rows = [_row(key, "", status.conditions)]
    if isinstance(status, GatewayStatus):
        rows += [
            _row(key, f"listener {item.name}", item.conditions, _attached(item.attached_routes))
            for item in status.listeners
        ]
    return rows


def _attached(count: int) -> str:
    return f"{count} route{'' if count == 1 else 's'}"


def _row(key: ObjectKey, part: str, conditions: tuple[Condition, ...], note: str = "") -> Row:
    return Row(key, part, conditions, ok=not any(_bad(condition) for condition in conditions), note=note)


def _bad(condition: Condition) -> bool:
    if condition.type in _GOOD_WHEN_TRUE:
        return condition.status == FALSE
    return condition.type in _GOOD_WHEN_FALSE and condition.status == TRUE


def _reference(key: ObjectKey, ref: Reference) -> str:
    kind = "" if ref.kind in {None, "Gateway"} else f"{ref.kind} "
    section = f" {ref.section_name}" if ref.section_name else ""
    port = f":{ref.port}" if ref.port else ""
    return f"{kind}{ref.namespace or key.namespace}/{ref.name}{section}{port}"


def _named(key: ObjectKey) -> dict[str, str]:
    named = {"kind": key.kind, "namespace": key.namespace, "name": key.name}
    return {field: value for field, value in named.items() if value}
