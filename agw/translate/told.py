"""The problems of a translation, with their places in the files.

Rules: a state says what is wrong and where in its object; the file, line and column are looked up here, since lines
move while objects stay the same. What has not moved is not looked up again, and where nothing is new the list is the
same object as before.

Must not: decide what is a problem.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from agw.errors import Problem
from agw.resources.meta import Object
from agw.resources.model import KINDS
from agw.resources.objects import Resource, ResourceSet
from agw.translate import codes
from agw.translate.graph import Key
from agw.translate.result import Loser, ObjectKey

_UNTOLD = {"Shadowed": codes.RULE_SHADOWED, "NotReferenced": codes.BACKEND_UNUSED}
"""Losers that no state can see by itself, so that none reports them."""


@dataclass(slots=True)
class _Found:
    """Problems of one object. resource: where they were last looked up; placed: with what was found there."""

    kind: type[Object]
    problems: tuple[Problem, ...]
    resource: Resource[Object] | None = None
    placed: tuple[Problem, ...] | None = None


class Told:
    """All problems, by the state that tells them."""

    def __init__(self) -> None:
        """Start with none."""
        self._found: dict[Key, _Found] = {}
        self._losers: dict[ObjectKey, tuple[Loser, ...]] = {}
        self._last: tuple[Problem, ...] = ()
        self._fresh = False

    def keep(self, key: Key, kind: type[Object], problems: tuple[Problem, ...]) -> None:
        """Take a state's problems instead of those that it had. key: (who tells, namespace, name)."""
        if problems:
            self._found[key] = _Found(kind, problems)
            self._fresh = True
        elif self._found.pop(key, None) is not None:
            self._fresh = True

    def keep_losers(self, losers: Iterable[Loser]) -> None:
        """Take the losers; those that no state reports become problems."""
        untold: dict[ObjectKey, tuple[Loser, ...]] = {}
        for loser in losers:
            if loser.reason in _UNTOLD:
                untold[loser.object] = (*untold.get(loser.object, ()), loser)
        for subject in self._losers.keys() | untold.keys():
            if self._losers.get(subject) != untold.get(subject):
                problems = tuple(map(_problem, untold.get(subject, ())))
                self.keep((subject.kind, subject.namespace, subject.name), KINDS[subject.kind].type, problems)
        self._losers = untold

    def problems(self, resources: ResourceSet) -> tuple[Problem, ...]:
        """Give all problems in the order of files, documents and lines."""
        for key, found in self._found.items():
            resource = resources.get(found.kind, key[1], key[2])
            if found.placed is None or resource is not found.resource:
                found.resource = resource
                placed = tuple(_placed(problem, resource) for problem in found.problems)
                self._fresh |= placed != found.placed
                found.placed = placed
        if self._fresh:
            every = dict.fromkeys(problem for found in self._found.values() for problem in found.placed or ())
            self._last = tuple(sorted(every, key=_order))
            self._fresh = False
        return self._last


def _problem(loser: Loser) -> Problem:
    tell = codes.warning if loser.reason == "Shadowed" else codes.info
    return tell(_UNTOLD[loser.reason], loser.object, loser.path or "$", loser.message)


def _placed(problem: Problem, resource: Resource[Object] | None) -> Problem:
    """Give the problem with its file, document and position, as the set has them now."""
    if resource is None:
        return problem
    source, path = resource.source, problem.path or "$"
    position = source.position_of(path)
    if problem.path.startswith("$.data.") and position in {source.position_of(), source.position_of("$.data")}:
        path = "$.stringData" + problem.path.removeprefix("$.data")  # where most people write a Secret's entries
        position = source.position_of(path)
    return replace(problem, document=source.document, path=problem.path and path, position=position)


def _order(problem: Problem) -> tuple[Any, ...]:
    at = problem.position
    return (at.file, problem.document, at.line, at.column, problem.object, problem.path, problem.code, problem.message)
