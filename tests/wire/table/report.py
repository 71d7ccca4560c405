"""Play rows, and say what came of the table as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
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


# What a test run has played so far.
PLAYED: list[Outcome] = []


async def play_row(row: Row) -> list[Outcome]:
    """Play all cases of a row, those of one kind together."""
    kinds = dict.fromkeys(type(case) for case in row.cases)
    return [
        outcome
        for kind in kinds
        for outcome in await PLAYERS[kind](row, [case for case in row.cases if type(case) is kind])
    ]


def summary(outcomes: Iterable[Outcome]) -> list[str]:
    """The table in five lines."""
    outcomes = list(outcomes)
    rows: dict[int, bool] = {}
    for outcome in outcomes:
        rows[outcome.row] = rows.get(outcome.row, True) and outcome.good
    return [
        f"rows done          {sum(rows.values())} / {COUNT}",
        f"variants           {len(outcomes)}",
        f"feeds              {sum(outcome.feeds for outcome in outcomes)}",
        f"violations         {sum(len(outcome.violations) for outcome in outcomes)}",
        f"split divergences  {sum(len(outcome.divergences) for outcome in outcomes)}",
        f"other faults       {sum(len(outcome.faults) for outcome in outcomes)}",
    ]
