"""Play rows, and say what came of the table as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from tests.wire.table.model import Outcome, Request, Row
from tests.wire.table.play import play_requests
from tests.wire.table.rows import COUNT
from tests.wire.table.talk import Conversation, play_conversations
from tests.wire.table.upstream import Answer, play_answers

# Who plays which kind of case.
PLAYERS: dict[type, Callable[[Row, Sequence[Any]], Awaitable[list[Outcome]]]] = {
    Request: play_requests,
    Answer: play_answers,
    Conversation: play_conversations,
}


PROPERTY = "played"  # the name under which a test's report carries its tally


@dataclass(frozen=True, slots=True)
class Tally:
    """What a row came to, in numbers: they travel from the process that has played it. good: 1 where all was as it says."""

    good: int
    variants: int
    feeds: int
    violations: int
    divergences: int
    faults: int


async def play_row(row: Row) -> list[Outcome]:
    """Play all cases of a row, those of one kind together."""
    kinds = dict.fromkeys(type(case) for case in row.cases)
    return [
        outcome
        for kind in kinds
        for outcome in await PLAYERS[kind](row, [case for case in row.cases if type(case) is kind])
    ]


def tally(outcomes: Sequence[Outcome]) -> Tally:
    """Count what came of one row."""
    return Tally(
        good=int(all(outcome.good for outcome in outcomes)),
        variants=len(outcomes),
        feeds=sum(outcome.feeds for outcome in outcomes),
        violations=sum(len(outcome.violations) for outcome in outcomes),
        divergences=sum(len(outcome.divergences) for outcome in outcomes),
        faults=sum(len(outcome.faults) for outcome in outcomes),
    )


def summary(rows: Iterable[Tally]) -> list[str]:
    """The table in six lines."""
    good, variants, feeds, violations, divergences, faults = map(sum, zip(*map(astuple, rows), strict=True))
    return [
        f"rows done          {good} / {COUNT}",
        f"variants           {variants}",
        f"feeds              {feeds}",
        f"violations         {violations}",
        f"split divergences  {divergences}",
        f"other faults       {faults}",
    ]
