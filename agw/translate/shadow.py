"""Which matches can never be met, because an equal one of another rule comes first.

Rules: a match stands for its listener, hostname, path, method, headers and query parameters; of those that stand for
the same, the older route has the requests, then "namespace/name", then the order within the route (Gateway API,
HTTPRouteRule.matches). Kept per route, so that one changed route costs its own matches.

Must not: judge matches that overlap without being equal; precedence decides those per request.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from agw.snapshot.model import Entry, Match, Rule
from agw.translate.result import Loser, ObjectKey

Signature: TypeAlias = tuple[object, ...]


class Claim(NamedTuple):
    """One match of one rule; the smallest wins."""

    created: str
    route: str
    rule: int
    match: int


class Shadows:
    """All claims, by what they stand for."""

    def __init__(self) -> None:
        """Start with no claims."""
        self._claims: dict[Signature, list[Claim]] = {}
        self._by_route: dict[str, tuple[tuple[Signature, Claim], ...]] = {}
        self._contested: set[Signature] = set()

    def replace(self, route: str, rules: Iterable[Rule]) -> None:
        """Take a route's rules instead of those that it had; none where it is gone."""
        for signature, claim in self._by_route.pop(route, ()):
            claims = self._claims[signature]
            claims.remove(claim)
            if not claims:
                del self._claims[signature]
            if len(claims) < 2:
                self._contested.discard(signature)
        fresh = tuple(_claims(rules))
        for signature, claim in fresh:
            claims = self._claims.setdefault(signature, [])
            insort(claims, claim)
            if len(claims) > 1:
                self._contested.add(signature)
        if fresh:
            self._by_route[route] = fresh

    def losers(self) -> list[Loser]:
        """Give each match that another one has everywhere it is served."""
        lost: dict[Claim, Claim] = {}
        for signature in self._contested:
            first, *rest = self._claims[signature]
            for claim in rest:
                lost[claim] = min(first, lost.get(claim, first))
        served = {
            claim
            for route in {claim.route for claim in lost}
            for signature, claim in self._by_route[route]
            if self._claims[signature][0] == claim
        }
        return [_loser(claim, winner) for claim, winner in sorted(lost.items()) if claim not in served]


def rules_of(entries: Mapping[str, Entry]) -> list[Rule]:
    """Give the rules among entries."""
    return [entry for entry in entries.values() if isinstance(entry, Rule)]


def _claims(rules: Iterable[Rule]) -> Iterable[tuple[Signature, Claim]]:
    return (
        ((attachment.listener, hostname, *_conditions(match)), Claim(rule.created, rule.route, rule.index, number))
        for rule in rules
        for attachment in rule.attachments
        for hostname in attachment.hostnames
        for number, match in enumerate(rule.matches)
    )


def _conditions(match: Match) -> Signature:
    return (match.path, match.method, frozenset(match.headers), frozenset(match.queries))


def _loser(claim: Claim, winner: Claim) -> Loser:
    namespace, _, name = claim.route.partition("/")
    who = "an earlier match of this route" if winner.route == claim.route else f"HTTPRoute {winner.route}"
    said = f"{who} takes the same requests first: rules[{winner.rule}].matches[{winner.match}]"
    path = f"$.spec.rules[{claim.rule}].matches[{claim.match}]"
    return Loser(ObjectKey("HTTPRoute", namespace, name), "Shadowed", said, path)
