"""The rules of a route as entries: matches, filters, backends, timeouts, retries, and what of a rule cannot be served.

Rules: nothing that the user wrote is left out in silence. A rule with a filter or another feature that is not served
answers 500 (`Rule.error`), because a request that is forwarded without its redirect, its header or its retry budget is
a wrong answer that nobody sees. A match that cannot be evaluated is dropped and makes its rule answer 500 for the
others. Invalid backendRefs, and those with filters that are not served, answer 500 for their share of the weight.

Must not: know where the route attaches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import re2

from agw.errors import Problem
from agw.resources import gateway as api
from agw.resources.durations import milliseconds
from agw.snapshot import model
from agw.translate import codes, paths
from agw.translate.backends import REFERENCE, about
from agw.translate.filters import UNSUPPORTED, Fault, FilterState, backend_filters, rule_filters
from agw.translate.graph import Ask
from agw.translate.result import Loser, ObjectKey

_ANSWERS_500, _SHARE_ANSWERS_500 = ": the rule answers 500", ": its share answers 500"
_REGEX = re2.Options()
_REGEX.log_errors = False


@dataclass(frozen=True, slots=True)
class RuleState:
    """One rule. entry: without attachments. invalid: why it answers 500 whatever its backends are ("" it does not).

    reason: of the condition Accepted, where invalid. partly: what answers 500 for its share though its reference is good.
    unresolved: (reason, message) of each backendRef, a mirror's too, that leads nowhere.
    """

    entry: model.Rule
    invalid: str = ""
    reason: str = ""
    partly: str = ""
    unresolved: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


def translate_rule(ask: Ask, route: api.HTTPRoute, index: int) -> RuleState:
    """Translate one rule of a route."""
    rule, metadata = route.spec.rules[index], route.metadata
    subject, path = ObjectKey("HTTPRoute", metadata.namespace, metadata.name), f"$.spec.rules[{index}]"
    filters = rule_filters(ask, subject, path, rule)
    matches, faults = _matches(path, rule.matches)
    faults = [*_unserved(path, rule), *filters.faults, *faults]
    backends = _backends(ask, subject, path, rule)
    faults += backends.whole
    invalid = "; ".join(fault.message for fault in faults)
    return RuleState(
        entry=model.Rule(
            route=f"{metadata.namespace}/{metadata.name}",
            index=index,
            attachments=(),
            matches=matches,
            backends=backends.made,
            name=rule.name,
            created=metadata.creation_timestamp,
            request_timeout_ms=milliseconds(rule.timeouts.request or "0s"),
            backend_timeout_ms=milliseconds(rule.timeouts.backend_request or "0s"),
            filters=filters.filters if not invalid else None,
            retry=_retry(rule.retry),
            error=invalid,
        ),
        invalid=invalid,
        reason=_reason(faults),
        partly=backends.partly,
        unresolved=(*filters.unresolved, *backends.unresolved),
        problems=(
            *(_problem(subject, fault, _ANSWERS_500) for fault in faults),
            *filters.problems,
            *backends.problems,
        ),
        losers=(
            *([Loser(subject, _reason(faults), invalid, path)] if invalid else []),
            *filters.losers,
            *backends.losers,
        ),
    )


def _problem(subject: ObjectKey, fault: Fault, what: str) -> Problem:
    return codes.error(fault.code, subject, fault.path, f"{fault.message}{what}", fault.hint)


def _reason(faults: Iterable[Fault]) -> str:
    """Give the reason that all faults share, "UnsupportedValue" where they differ, "" where there are none."""
    reasons = {fault.reason for fault in faults}
    return reasons.pop() if len(reasons) < 2 and reasons else UNSUPPORTED if reasons else ""


def _unserved(path: str, rule: api.HTTPRouteRule) -> list[Fault]:
    if rule.session_persistence is None:
        return []
    said = "sessionPersistence is not served yet"
    return [Fault(codes.RULE_UNSERVED, f"{path}.sessionPersistence", UNSUPPORTED, said)]


def _retry(retry: api.HTTPRouteRetry | None) -> model.Retry | None:
    """Translate when a request is tried again; how often is the gateway's to say where the rule does not: once."""
    if retry is None:
        return None
    return model.Retry(
        attempts=1 if retry.attempts is None else retry.attempts,
        codes=tuple(sorted(set(retry.codes))),
        backoff_ms=milliseconds(retry.backoff or "0s"),
    )


def _matches(path: str, matches: tuple[api.HTTPRouteMatch, ...]) -> tuple[tuple[model.Match, ...], list[Fault]]:
    made, faults = [], []
    for index, match in enumerate(matches or (api.HTTPRouteMatch(),)):
        where = f"{path}.matches[{index}]"
        found = [
            Fault(codes.MATCH_INVALID, f"{where}{field}", UNSUPPORTED, said) for field, said in _bad_conditions(match)
        ]
        faults += found
        if not found:
            made.append(_match(match))
    return tuple(made), faults


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


@dataclass(slots=True)
class _Backends:
    """The backendRefs of a rule. whole: faults of them that leave nothing of the rule. partly: of those that do not."""

    made: tuple[model.WeightedBackend, ...] = ()
    whole: tuple[Fault, ...] = ()
    partly: str = ""
    unresolved: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    losers: list[Loser] = field(default_factory=list)


def _backends(ask: Ask, subject: ObjectKey, path: str, rule: api.HTTPRouteRule) -> _Backends:
    found = _Backends()
    filtered = [backend_filters(ask, subject, path, rule, index) for index in range(len(rule.backend_refs))]
    found.made = tuple(
        _backend(ask, subject, f"{path}.backendRefs[{index}]", ref, filtered[index], found)
        for index, ref in enumerate(rule.backend_refs)
    )
    live = [state for state, ref in zip(filtered, rule.backend_refs, strict=True) if ref.weight]
    faults = tuple(fault for state in filtered for fault in state.faults)
    if live and all(state.faults for state in live):
        found.whole = faults
    else:
        found.partly = "; ".join(fault.message for fault in faults)
        found.problems += [_problem(subject, fault, _SHARE_ANSWERS_500) for fault in faults]
    empty = _without_backend(rule)
    if empty:
        found.problems.append(codes.warning(codes.RULE_WITHOUT_BACKEND, subject, path, f"{empty}{_ANSWERS_500}"))
        found.losers.append(Loser(subject, "NoBackend", empty, path))
    return found


def _backend(
    ask: Ask, subject: ObjectKey, place: str, ref: api.HTTPBackendRef, filtered: FilterState, found: _Backends
) -> model.WeightedBackend:
    namespace = subject.namespace if ref.namespace is None else ref.namespace
    route, backend = f"{subject.kind}/{subject.namespace}", f"{namespace}/{ref.name}"
    state = ask(REFERENCE, route, f"{ref.group}/{ref.kind}", backend, ref.port or 0)
    found.problems += about(subject, place, state)
    if state.reason:
        found.unresolved.append((state.reason, state.message))
        found.losers.append(Loser(subject, state.reason, state.message, place))
    said = "; ".join(fault.message for fault in filtered.faults)
    if said:
        found.losers.append(Loser(subject, _reason(filtered.faults), said, place))
    return model.WeightedBackend(
        backend=state.key, weight=ref.weight, error=state.message or said, filters=filtered.filters
    )


def _without_backend(rule: api.HTTPRouteRule) -> str:
    """Say why a rule has nowhere to send to; "" where it has, or where a redirect answers instead."""
    if not rule.backend_refs:
        return "" if any(item.type == "RequestRedirect" for item in rule.filters) else "no backendRefs"
    return "" if any(ref.weight for ref in rule.backend_refs) else "every backendRef has weight 0"
