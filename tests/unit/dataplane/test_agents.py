"""Who has which row of figures, what the rows say, and what stays true when agents come and go."""

from __future__ import annotations

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

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
from agw.a2a.operations import OPERATIONS, Operation
from agw.a2a.states import TaskState
from agw.dataplane.agents import NO_ROW, Figures, Roster, add, name_of, quantile, without_gauges
from agw.dataplane.metrics import agent_families, render
from agw.dataplane.pages import agents_page
from agw.dataplane.shared import SharedMemory
from agw.snapshot.model import Backend, Policy


def row(**values: int) -> tuple[int, ...]:
    places = {
        "active": ACTIVE,
        "streams": STREAMS_ACTIVE,
        "ok": OUTCOME,
        "refused": OUTCOME + 1,
        "v10": VERSION + 2,
        "completed": TASK_STATE + TaskState.COMPLETED,
        "sends": OPERATION + Operation.SEND_MESSAGE,
        "unread": OPERATION,
        "ended": DURATIONS,
        "us": DURATION,
        "first": FIRST_BYTE,
        "first_us": FIRST_BYTE + HISTOGRAM_SUM,
    }
    made = list(NO_ROW)
    for name, value in values.items():
        made[places[name]] = value
    return tuple(made)


def agents(*names: str):
    return {f"backend/Backend/d/{name}": Backend(ref=f"d/{name}", protocol="A2A") for name in names}


class Rows(dict):
    """Rows of nobody are empty."""

    def __missing__(self, number):
        return NO_ROW


@pytest.mark.parametrize(
    ("key", "name"),
    [("backend/Backend/d/a", "d/a"), ("backend/Service/d/a:80", "Service/d/a:80")],
)
def test_an_agent_is_called_as_the_configuration_calls_it(key, name):
    assert name_of(key) == name


def test_only_agents_have_rows():
    roster = Roster(Rows().__getitem__)
    entries = {**agents("a"), "backend/Backend/d/plain": Backend(ref="d/plain"), "policy/x": Policy()}
    assert roster.follow(entries, None, {})
    assert roster.numbers == {"backend/Backend/d/a": 0}
    assert not roster.follow(entries, None, entries)
    assert not roster.follow(entries, entries.keys(), entries)


def test_an_agent_keeps_its_row_while_others_come_and_go():
    roster = Roster(Rows().__getitem__)
    roster.follow(agents("a", "b"), None, {})
    kept = roster.numbers["backend/Backend/d/b"]
    roster.follow(agents("b", "c"), {*agents("a"), *agents("c")}, agents("a", "b"))
    roster.follow(agents("a", "b", "c"), None, agents("b", "c"))
    assert roster.numbers["backend/Backend/d/b"] == kept
    assert sorted(roster.numbers.values()) == [0, 1, 2]


def many(first: int, count: int):
    return agents(*(f"a{number:04}" for number in range(first, first + count)))


def test_more_than_there_are_rows_for_share_one():
    rows = Rows({AGENT_SLOTS: row(ok=5)})
    roster = Roster(rows.__getitem__)
    roster.follow(many(0, 1000), None, {})
    told = roster.figures()
    assert len(roster.numbers) == AGENT_SLOTS
    assert set(roster.numbers.values()) == set(range(AGENT_SLOTS))
    assert (len(told), told[-1].agent, told[-1].outcomes["ok"]) == (AGENT_SLOTS + 1, "other", 5)


def test_a_row_of_one_that_is_gone_begins_again_for_another():
    rows = Rows({number: row(ok=7, ended=7, us=7_000_000) for number in range(AGENT_SLOTS)})
    roster = Roster(rows.__getitem__)
    before = many(0, AGENT_SLOTS)
    roster.follow(before, None, {})
    after = {key: before[key] for key in list(before)[1:]} | agents("new")
    assert not roster.follow(after, None, before), "workers may serve the old one still"
    assert roster.follow(after, None, after)
    new = next(each for each in roster.figures() if each.agent == "d/new")
    assert (new.outcomes["ok"], new.ended, new.seconds) == (0, 0, 0)
    rows[roster.numbers["backend/Backend/d/new"]] = row(ok=9)
    assert next(each for each in roster.figures() if each.agent == "d/new").outcomes["ok"] == 2


@pytest.mark.parametrize("gauge", ["active", "streams"])
def test_a_row_in_use_is_not_given_on(gauge):
    rows = Rows({number: row(**{gauge: 1}) for number in range(AGENT_SLOTS)})
    roster = Roster(rows.__getitem__)
    roster.follow(many(0, AGENT_SLOTS), None, {})
    assert not roster.follow(agents("new"), None, agents("new"))
    rows[77] = row(ok=1)
    assert roster.follow(agents("new"), None, agents("new"))
    assert roster.numbers["backend/Backend/d/new"] == 77


def test_what_a_process_had_counted_outlives_it_but_not_its_gauges():
    left = add((NO_ROW, without_gauges(row(active=3, streams=2, ok=5, first=1))))
    assert left == row(ok=5, first=1)


def test_another_process_reads_a_row():
    ours = SharedMemory.create(0)
    theirs = SharedMemory.attach(*map(os.dup, ours.fds))
    size = AGENT_WORDS * 8
    theirs.agents.memory[AGENT_SLOTS * size + 8 * OUTCOME] = 9
    for _ in range(300):
        theirs.count(AGENT_SLOTS, CARDS_UNREAD)
    assert ours.agent(AGENT_SLOTS)[OUTCOME] == 9
    assert ours.agent(AGENT_SLOTS)[CARDS_UNREAD] == 300
    assert list(ours.all_agents()) == [AGENT_SLOTS]
    ours.close()
    theirs.close()


def test_metrics_are_what_prometheus_reads():
    told = [
        Figures.of(
            "d/a",
            row(
                ok=3,
                refused=1,
                v10=4,
                completed=2,
                sends=3,
                unread=1,
                streams=1,
                active=2,
                ended=4,
                us=500_000,
                first=3,
                first_us=1500,
            ),
        ),
        Figures.of('d/"\\\n', NO_ROW),
    ]
    read = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(render(agent_families(told)).decode())
        for sample in family.samples
    }
    assert read["agw_agent_requests_total", "d/a", "ok"] == 3
    assert read["agw_agent_requests_total", "d/a", "refused"] == 1
    assert read["agw_agent_requests_total", 'd/"\\\n', "failed"] == 0
    assert read["agw_agent_requests_by_version_total", "d/a", "1.0"] == 4
    assert read["agw_agent_requests_by_operation_total", "d/a", "SendMessage"] == 3
    assert read["agw_agent_requests_by_operation_total", "d/a", "unknown"] == 1
    assert ("agw_agent_requests_by_operation_total", "d/a", "GetTask") not in read
    assert read["agw_agent_task_states_total", "d/a", "completed"] == 2
    assert (read["agw_agent_streams", "d/a"], read["agw_agent_in_flight", "d/a"]) == (1, 2)
    assert (read["agw_agent_seconds_sum", "d/a"], read["agw_agent_seconds_count", "d/a"]) == (0.5, 4)
    assert read["agw_agent_first_byte_seconds_count", "d/a"] == 3
    assert read["agw_agent_first_byte_seconds_sum", "d/a"] == 0.0015


def test_the_number_of_series_has_a_bound():
    told = [Figures.of(f"d/{number}", row(completed=1)) for number in range(AGENT_SLOTS + 1)]
    samples = [sample for family in agent_families(told) for sample in family.samples]
    assert len(samples) == (AGENT_SLOTS + 1) * (5 + 3 + 1 + 2 + 2 + 1 + 1 + 1 + 1)
    full = Figures.of("d/a", tuple(range(1, AGENT_WORDS + 1)))
    assert len(full.operations) == len(OPERATIONS)


def test_no_two_parts_of_a_row_share_a_word():
    parts = [
        (ACTIVE, 1),
        (STREAMS_ACTIVE, 1),
        (STREAMS, 1),
        (DURATIONS, 1),
        (DURATION, 1),
        (CARDS_UNREAD, 1),
        (OUTCOME, len(OUTCOMES)),
        (VERSION, len(A2A_VERSIONS)),
        (TASK_STATE, len(STATES)),
        (FIRST_BYTE, HISTOGRAM_SUM + 1),
        (OPERATION, len(OPERATIONS)),
    ]
    words = [first + at for first, count in parts for at in range(count)]
    assert len(words) == len(set(words))
    assert max(words) < AGENT_WORDS


def test_the_page_is_json():
    import json

    document = json.loads(agents_page([Figures.of("d/a", row(ok=3))]).body)
    [agent] = document["agents"]
    assert (agent["agent"], agent["outcomes"]["ok"]) == ("d/a", 3)
    assert len(agent["first_byte"]) == len(document["bounds"]) + 1 == HISTOGRAM_OVER + 1


def test_quantiles_lie_in_their_bucket():
    bounds = [0, *(bound / 1_000_000 for bound in BUCKETS_US)]
    assert quantile([0] * (HISTOGRAM_OVER + 1), 0.5) == 0
    for at in range(HISTOGRAM_OVER):
        buckets = [0] * (HISTOGRAM_OVER + 1)
        buckets[at] = 10
        assert bounds[at] < quantile(buckets, 0.5) < quantile(buckets, 0.99) <= bounds[at + 1]
    assert quantile([0] * HISTOGRAM_OVER + [1], 0.99) == bounds[-1]
    assert quantile([10, 10] + [0] * (HISTOGRAM_OVER - 1), 0.5) == bounds[1]
