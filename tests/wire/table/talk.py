"""Conversations as cases: what both sides do in turn, where the order matters more than the bytes.

A conversation runs a gateway of its own and asserts as it goes; how often it was played in another way (cut elsewhere,
ended otherwise) is what it gives back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.oracles.strict_http1 import Malformed
from tests.wire.table.model import Outcome, Row


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation. play: gives the number of ways in which it was played."""

    name: str
    play: Callable[[], Awaitable[int]]


async def play_conversations(row: Row, cases: Sequence[Conversation]) -> list[Outcome]:
    """Play the cases of a row, one after another."""
    return [await _play(row.number, case) for case in cases]


async def _play(row: int, case: Conversation) -> Outcome:
    outcome = Outcome(row, case.name)
    try:
        outcome.feeds = await case.play()
    except Malformed as error:
        outcome.violations.append(str(error))
    except (AssertionError, TimeoutError) as error:
        outcome.faults.append(f"{type(error).__name__}: {error}")
    return outcome
