"""Which agent has which row of figures, and what the rows of all workers say together.

An agent is a Backend or Service that speaks A2A. The first 128 of a configuration have a row each, all others share one
(`other`), so that neither memory nor the number of metrics depends on how many there are. An agent keeps its row for as
long as the supervisor lives and the row is not needed for another: only that of one that is in no configuration any
more, and of which nothing is in progress, is given on, and what had been counted there until then is taken off.

Must not: know of processes or of pages; it is told what is configured and what the rows hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from agw._fastpath.agents import (
    ACTIVE,
    AGENT_SLOTS,
    AGENT_WORDS,
    CARDS_UNREAD,
    DURATION,
    DURATIONS,
    FIRST_BYTE,
    OPERATION,
    OUTCOME,
    OUTCOMES,
    STREAMS,
    STREAMS_ACTIVE,
    TASK_STATE,
    VERSION,
)
from agw._fastpath.record import A2A_VERSIONS, BUCKETS_US, HISTOGRAM_OVER, HISTOGRAM_SUM, STATES
from agw.a2a.operations import OPERATIONS
from agw.snapshot.model import Backend, Entry

OTHER = "other"
UNKNOWN = "unknown"
MICROSECONDS = 1_000_000

Row = tuple[int, ...]
NO_ROW: Row = (0,) * AGENT_WORDS
GAUGES = (ACTIVE, STREAMS_ACTIVE)


def name_of(key: str) -> str:
    """Name a backend by its key: `namespace/name`, and with its kind in front where that is not Backend."""
    return key.removeprefix("backend/").removeprefix("Backend/")


def add(rows: Iterable[Row]) -> Row:
    """Add rows up."""
    return tuple(map(sum, zip(*rows, strict=True))) or NO_ROW


def without_gauges(row: Row) -> Row:
    """Give what is left of a row when its process has ended."""
    return tuple(0 if index in GAUGES else value for index, value in enumerate(row))


@dataclass(frozen=True, slots=True)
class Figures:
    """What an agent was asked since the gateway began. Durations in seconds.

    outcomes, versions, states, operations: by word; only states that were told, and operations that were asked for, with
    "unknown" for what is none, or was not read. first_byte: requests in each bucket, the last one
    above all bounds (agw._fastpath.record.BUCKETS_US). cards_unread: passed on with the agent's own URLs.
    """

    agent: str
    outcomes: Mapping[str, int]
    versions: Mapping[str, int]
    states: Mapping[str, int]
    operations: Mapping[str, int]
    in_flight: int
    streams: int
    streams_begun: int
    ended: int
    seconds: float
    first_byte: tuple[int, ...]
    first_byte_seconds: float
    cards_unread: int

    @classmethod
    def of(cls, agent: str, row: Row) -> Figures:
        """Read a row."""
        states = {word: row[TASK_STATE + at] for at, word in enumerate(STATES) if word and row[TASK_STATE + at]}
        return cls(
            agent=agent,
            outcomes={word: row[OUTCOME + at] for at, word in enumerate(OUTCOMES)},
            versions={word: row[VERSION + at] for at, word in enumerate(A2A_VERSIONS) if word},
            states=states,
            operations={
                word or UNKNOWN: row[OPERATION + at] for at, word in enumerate(OPERATIONS) if row[OPERATION + at]
            },
            in_flight=row[ACTIVE],
            streams=row[STREAMS_ACTIVE],
            streams_begun=row[STREAMS],
            ended=row[DURATIONS],
            seconds=row[DURATION] / MICROSECONDS,
            first_byte=row[FIRST_BYTE : FIRST_BYTE + HISTOGRAM_OVER + 1],
            first_byte_seconds=row[FIRST_BYTE + HISTOGRAM_SUM] / MICROSECONDS,
            cards_unread=row[CARDS_UNREAD],
        )


class Roster:
    """Who has which row. rows: reads one, over all processes that there were and are."""

    def __init__(self, row: Callable[[int], Row]) -> None:
        """Begin with nobody."""
        self._row = row
        self._rows: dict[str, int] = {}
        self._configured: set[str] = set()
        self._before: dict[int, Row] = {}  # what was counted in a row before it went to who has it now

    @property
    def numbers(self) -> dict[str, int]:
        """The row of each agent that has one."""
        return dict(self._rows)

    def follow(self, entries: Mapping[str, Entry], changed: Iterable[str] | None, serving: Mapping[str, Entry]) -> bool:
        """Take a configuration; tell whether an agent has another row.

        changed: the keys that may differ from the last one; None: any. serving: what workers may still serve.
        """
        for key in self._configured | entries.keys() if changed is None else changed:
            entry = entries.get(key)
            if isinstance(entry, Backend) and entry.protocol == "A2A":
                self._configured.add(key)
            else:
                self._configured.discard(key)
        before = dict(self._rows)
        for key in sorted(self._configured - self._rows.keys()):
            number = self._free(serving)
            if number is None:
                break
            self._rows[key] = number
        return self._rows != before

    def figures(self) -> list[Figures]:
        """Read all rows that have an agent, by name, and what all others were asked where that is anything."""
        told = [
            Figures.of(name_of(key), _less(self._row(number), self._before.get(number, NO_ROW)))
            for key, number in self._rows.items()
        ]
        others = self._row(AGENT_SLOTS)
        if any(others):
            told.append(Figures.of(OTHER, others))
        return sorted(told, key=lambda each: (each.agent == OTHER, each.agent))

    def _free(self, serving: Mapping[str, Entry]) -> int | None:
        """Find a row: one that nobody ever had, or that of an agent which is gone."""
        if len(self._rows) < AGENT_SLOTS:
            taken = set(self._rows.values())
            return next(number for number in range(AGENT_SLOTS) if number not in taken)
        for key, number in self._rows.items():
            if key in self._configured or key in serving:
                continue
            row = self._row(number)
            if not any(row[gauge] for gauge in GAUGES):
                self._before[number] = row
                del self._rows[key]
                return number
        return None


def _less(row: Row, before: Row) -> Row:
    return tuple(value - earlier for value, earlier in zip(row, before, strict=True))


def quantile(buckets: Sequence[int], share: float) -> float:
    """Estimate the value in seconds below which this share of a histogram is, as Prometheus does; 0 where it is empty.

    What is above all bounds is said to be at the last one.
    """
    rank = share * sum(buckets)
    if not rank:
        return 0.0
    sums = list(accumulate(buckets))
    at = next(slot for slot, count in enumerate(sums) if count >= rank)
    if at >= len(BUCKETS_US):
        return BUCKETS_US[-1] / MICROSECONDS
    low = BUCKETS_US[at - 1] if at else 0
    within = (rank - (sums[at] - buckets[at])) / buckets[at]
    return (low + (BUCKETS_US[at] - low) * within) / MICROSECONDS
