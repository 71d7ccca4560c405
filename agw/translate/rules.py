"""The rules of a route as entries: matches, backends, timeouts, and what of a rule cannot be served.

Rules: nothing that the user wrote is left out in silence. A rule with a filter or another feature that is not served
answers 500 (`Rule.error`), because a request that is forwarded without its redirect, its header or its retry budget is
a wrong answer that nobody sees. A match that cannot be evaluated is dropped and makes its rule answer 500 for the
others. Invalid backendRefs answer 500 for their share of the weight.

Must not: know where the route attaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import re2

from agw.errors import Problem
from agw.resources import gateway as api
from agw.resources.durations import milliseconds
from agw.snapshot import model
from agw.translate import codes, paths
from agw.translate.backends import REFERENCE, RefState
from agw.translate.graph import Ask
from agw.translate.result import Loser, ObjectKey

_ANSWERS_500 = ": the rule answers 500"
_REGEX = re2.Options()
_REGEX.log_errors = False


@dataclass(frozen=True, slots=True)
class RuleState:
    """One rule. entry: without attachments. invalid: why it answers 500 whatever its backends are ("" it does not).

    unresolved: (reason, message) of each backendRef that leads nowhere.
    """

    entry: model.Rule
    invalid: str = ""
    unresolved: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


def translate_rule(ask: Ask, route: api.HTTPRoute, index: int) -> RuleState:
    """Translate one rule of a route."""
    rule, metadata = route.spec.rules[index], route.metadata
    subject, path = ObjectKey("HTTPRoute", metadata.namespace, metadata.name), f"$.spec.rules[{index}]"
    problems = [
        codes.error(codes.RULE_UNSERVED, subject, f"{path}{field}", f"{said}{_ANSWERS_500}")
        for field, said in _unserved(rule)
    ]
    matches, bad = _matches(subject, path, rule.matches)
    problems += bad
    invalid = "; ".join(problem.message.removesuffix(_ANSWERS_500) for problem in problems)
    backends, unresolved, about, lost = _backends(ask, subject, path, rule)
    return RuleState(
        entry=model.Rule(
            route=f"{metadata.namespace}/{metadata.name}",
            index=index,
            attachments=(),
            matches=matches,
            backends=backends,
            name=rule.name,
            created=metadata.creation_timestamp,
            request_timeout_ms=milliseconds(rule.timeouts.request or "0s"),
            backend_timeout_ms=milliseconds(rule.timeouts.backend_request or "0s"),
            error=invalid,
        ),
        invalid=invalid,
        unresolved=unresolved,
        problems=(*problems, *about),
        losers=(*([Loser(subject, "UnsupportedValue", invalid, path)] if invalid else []), *lost),
    )


def _unserved(rule: api.HTTPRouteRule) -> list[tuple[str, str]]:
    """(path within the rule, what is not served)."""
    found = [
        (f".filters[{index}].type", f"filter {item.type} is not served yet") for index, item in enumerate(rule.filters)
    ]
    found += [
        (f".backendRefs[{at}].filters[{index}].type", f"filter {item.type} is not served yet")
        for at, ref in enumerate(rule.backend_refs)
        for index, item in enumerate(ref.filters)
    ]
    if rule.retry is not None:
        found.append((".retry", "retry is not served yet"))
    if rule.session_persistence is not None:
        found.append((".sessionPersistence", "sessionPersistence is not served yet"))
    return found


def _matches(
    subject: ObjectKey, path: str, matches: tuple[api.HTTPRouteMatch, ...]
) -> tuple[tuple[model.Match, ...], list[Problem]]:
    made, problems = [], []
    for index, match in enumerate(matches or (api.HTTPRouteMatch(),)):
        where = f"{path}.matches[{index}]"
        found = [
            codes.error(codes.MATCH_INVALID, subject, f"{where}{field}", f"{said}{_ANSWERS_500}")
            for field, said in _bad_conditions(match)
        ]
        problems += found
        if not found:
            made.append(_match(match))
    return tuple(made), problems


def _bad_conditions(match: api.HTTPRouteMatch) -> list[tuple[str, str]]:
    """(path within the match, why it cannot be evaluated)."""
    found = []
    if match.path.type == "RegularExpression":
        found += [(".path.value", said) for said in _bad_regex(match.path.value)]
    else:
        try:
            paths.normalise(match.path.value)
        except ValueError as error:
            found.append((".path.value", f"{match.path.value!r} matches no request: {error}"))
    fields = [(f".headers[{index}].value", item.type, item.value) for index, item in enumerate(match.headers)]
    fields += [(f".queryParams[{index}].value", item.type, item.value) for index, item in enumerate(match.query_params)]
    found += [(path, said) for path, kind, value in fields if kind == "RegularExpression" for said in _bad_regex(value)]
    return found


def _bad_regex(pattern: str) -> list[str]:
    try:
        re2.compile(pattern, _REGEX)
    except re2.error as error:
        said = error.args[0] if error.args else "it does not compile"
        said = said.decode(errors="replace") if isinstance(said, bytes) else said
        return [f"{pattern!r} is no regular expression of RE2: {said}"]
    return []


def _match(match: api.HTTPRouteMatch) -> model.Match:
    """Translate a match whose conditions are sound. Of headers or parameters of one name the first counts."""
    value = match.path.value
    if match.path.type == "PathPrefix":
        value = paths.prefix(value)
    elif match.path.type == "Exact":
        value = paths.normalise(value)
    headers: dict[str, model.FieldMatch] = {}
    for header in match.headers:
        name = header.name.lower()
        headers.setdefault(name, model.FieldMatch(name, header.value, regex=header.type == "RegularExpression"))
    queries: dict[str, model.FieldMatch] = {}
    for query in match.query_params:
        regex = query.type == "RegularExpression"
        queries.setdefault(query.name, model.FieldMatch(query.name, query.value, regex=regex))
    return model.Match(
        path=model.PathMatch(match.path.type, value),
        method=match.method,
        headers=tuple(headers.values()),
        queries=tuple(queries.values()),
    )


def _backends(
    ask: Ask, subject: ObjectKey, path: str, rule: api.HTTPRouteRule
) -> tuple[tuple[model.WeightedBackend, ...], tuple[tuple[str, str], ...], list[Problem], list[Loser]]:
    """(backends with their weights, what does not resolve, what to say, what loses)."""
    made: list[model.WeightedBackend] = []
    unresolved: list[tuple[str, str]] = []
    problems: list[Problem] = []
    losers: list[Loser] = []
    for index, ref in enumerate(rule.backend_refs):
        namespace = subject.namespace if ref.namespace is None else ref.namespace
        route, backend = f"{subject.kind}/{subject.namespace}", f"{namespace}/{ref.name}"
        state = ask(REFERENCE, route, f"{ref.group}/{ref.kind}", backend, ref.port or 0)
        made.append(model.WeightedBackend(backend=state.key, weight=ref.weight, error=state.message))
        place = f"{path}.backendRefs[{index}]"
        problems += _about(subject, place, state)
        if state.reason:
            unresolved.append((state.reason, state.message))
            losers.append(Loser(subject, state.reason, state.message, place))
    empty = _without_backend(rule)
    if empty:
        problems.append(codes.warning(codes.RULE_WITHOUT_BACKEND, subject, path, f"{empty}{_ANSWERS_500}"))
        losers.append(Loser(subject, "NoBackend", empty, path))
    return tuple(made), tuple(unresolved), problems, losers


def _without_backend(rule: api.HTTPRouteRule) -> str:
    """Say why a rule has nowhere to send to; "" where it has, or where a filter answers instead."""
    if not rule.backend_refs:
        return "" if rule.filters else "no backendRefs"
    return "" if any(ref.weight for ref in rule.backend_refs) else "every backendRef has weight 0"


def _about(subject: ObjectKey, path: str, state: RefState) -> list[Problem]:
    if state.note is not None:
        return [codes.info(state.note.code, subject, f"{path}.name", state.note.message, state.note.hint)]
    if not state.reason:
        return []
    return [codes.error(state.code, subject, f"{path}.{state.field}", state.message, state.hint)]
