"""What agw means to reach, as data, and whether a comparison shows it.

A goal is about a figure of a scenario: agw's over another proxy's in the same rounds, agw's in the last variant over its own in
the first, or as it is. Reports name each of theirs as met or missed. Ratios only are asked of a machine nobody knows;
the absolute ones are of memory, which is the same anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report import Comparison, Figure, over
from bench.stats import Spread, ratios, spread

SUBJECT = "agw"
FIRST = "its first"


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit on a figure. against: a proxy, FIRST, or "" for the figure itself. variant: in which, "" in all.

    least: it is a lower limit. cores: it means something only where the proxies' cores are their own.
    """

    figure: str
    limit: float
    against: str = ""
    variant: str = ""
    least: bool = False
    cores: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a goal."""

    met: bool
    text: str


GOALS = {
    "post300": (
        Goal("worker_us", 1.15, "relay"),
        Goal("worker_us", 0.80, "nginx"),
        Goal("worker_us", 0.75, "haproxy"),
        Goal("worker_us", 0.25, "envoy"),
    ),
    "post1m": (Goal("worker_us", 1.0, "nginx"),),
    "fresh": (Goal("worker_us", 1.0, "nginx"),),
    "routes": (Goal("worker_us", 1.1, FIRST, "10,000 routes"),),
    "keys": (Goal("worker_us", 1.1, FIRST, "100,000 keys"),),
    "sse200": (Goal("event_us", 0.9, "nginx"),),
    "sse5000": (Goal("event_us", 0.9, "nginx"),),
    "latency": (Goal("added_p50_us", 1.0, "nginx"), Goal("added_p99_us", 1.0, "nginx")),
    "memory": (
        Goal("start", 30, variant="1 route"),
        Goal("start", 40, variant="5,000 routes"),
        Goal("each", 1_500),
    ),
    "churn": (Goal("p99_us", 1.1, FIRST, "10 changes a second"),),
    "workers": (Goal("rate", 1.9, FIRST, "2 workers", least=True, cores=True),),
}


def seen(comparison: Comparison, name: str, goal: Goal, figure: Figure) -> tuple[Spread, str] | None:
    """The figure that a goal is about for one of agw's entrants, and its name; None where it was not measured."""
    own = comparison.values(name, goal.figure)
    if not goal.against:
        return spread(own), figure.heading
    place = comparison.place(name)
    other = comparison.first(name) if goal.against == FIRST else ""
    for one in comparison.samples:
        if goal.against == comparison.place(one).peer and comparison.place(one).variant == place.variant:
            other = one
    if not other or not over(comparison, name, other, figure):
        return None
    return ratios(own, comparison.values(other, goal.figure)), f"{figure.heading} over {goal.against}"


def judged(scenario: str, comparison: Comparison, goals: Sequence[Goal] | None = None) -> list[Judged]:
    """Every goal of a scenario that the comparison can say something about."""
    found = []
    figures = {figure.of: figure for figure in comparison.figures}
    for goal in GOALS.get(scenario, ()) if goals is None else goals:
        for name in comparison.samples:
            place = comparison.place(name)
            if place.peer != SUBJECT or (goal.variant and goal.variant != place.variant):
                continue
            what = seen(comparison, name, goal, figures[goal.figure])
            if what is None or (goal.cores and comparison.cores.shared):
                continue
            value, of = what
            met = value.median >= goal.limit if goal.least else value.median <= goal.limit
            bound = f"{'at least' if goal.least else 'at most'} {goal.limit:g}"
            found.append(
                Judged(met, f"{'met' if met else 'MISSED'}: {name}, {of}: {value.median:.2f}, {bound} is wanted")
            )
    return found
