"""The kinds of measurement, each for an instant over the relay, and what they make of what was seen."""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading

import pytest
import yaml

from bench import RigError, machine, report, rig
from bench.contests import CONTESTS
from bench.delays import Delays
from bench.field import Sample
from bench.kinds import Order, churn, latency, startup, streams, weight
from bench.procs import Usage
from bench.reload import write_fleet

ONE_OF_EACH = {contest.kind: name for name, contest in reversed(CONTESTS.items())}


@pytest.fixture
def order(tmp_path, monkeypatch):
    """A scenario by its name, small, over the relay."""
    monkeypatch.setattr(weight, "CONNECTIONS", 40)
    monkeypatch.setattr(streams, "SETTLE_MS", 20)
    monkeypatch.setattr(streams, "WINDOW_MS", 150)

    def made(name):
        contest = dataclasses.replace(CONTESTS[name], slice=20, only=(), without=())
        options = rig.parser().parse_args(["--peers", "relay"])
        peers, _notes = rig.who(contest, options)
        entries = rig.entries(contest, peers, options, tmp_path)
        cores = machine.cores(None, max(entry.setup.workers for entry in entries))
        return Order(contest, entries, cores, 2, 40)

    return made


@pytest.mark.parametrize("name", [*ONE_OF_EACH.values(), "fresh", "get", "post1m"])
def test_a_kind_gives_samples_of_every_round_with_all_its_figures(order, name):
    wanted = order(name)
    kind = rig.KINDS[wanted.contest.kind]
    samples, notes = kind.measure(wanted)
    assert set(samples) == {entry.name for entry in wanted.entries}
    assert {len(own) for own in samples.values()} == ({1} if kind is weight.KIND else {2})
    assert notes
    shown = report.Comparison(
        "", "relay", machine.look(), wanted.cores, {}, samples, notes, kind.figures,
        rig.places(wanted.contest, [entry.peer for entry in wanted.entries]),
    )  # fmt: skip
    assert {len(row) for row in report.rows(shown)} == {len(report.columns(shown))}
    kept = json.loads(json.dumps(shown, default=report.to_json))
    for figure in kind.figures:  # what is shown can be read again
        assert all(figure.of in one for own in kept["samples"].values() for one in own)


def test_every_kind_is_some_scenarios():
    assert set(ONE_OF_EACH) == set(rig.KINDS)


def test_what_is_added_is_over_the_direct_connection_of_the_same_round():
    own, direct = (
        Sample(cost, 0.0, 1000.0, p50, p99, 900.0, 0.5, 0.0) for cost, p50, p99 in ((9, 300, 700), (0, 100, 800))
    )
    (found,) = latency.beside({"a": [own]}, [direct])["a"]
    assert (found.added_p50_us, found.added_p99_us, found.added_p999_us) == (200, -100, 0)
    assert (found.worker_us, found.rate) == (9, 1000)


def test_a_window_is_per_event():
    own = streams.Window(10, 1, 1_000_000_000, Delays({5000: 10}), Usage(100_000, 0), Usage(20_000, 0))
    direct = streams.Window(10, 0, 1_000_000_000, Delays({2000: 10}), Usage(0, 0), Usage(0, 0))
    found = streams.streamed(own, direct)
    assert (found.event_us, found.front_us, found.merged, found.rate) == (10, 2, 0.1, 10)
    assert (found.added_p50_us, found.p50_us) == (3, 5)


def test_a_window_without_events_is_void():
    with pytest.raises(RigError, match="no event"):
        streams.window_of({"events": 0}, Usage(0, 0), Usage(0, 0))


def moved(folder):
    """The routes of a fleet that are not where they usually are."""
    documents = [text for path in folder.glob("0*.yaml") for text in path.read_text().split("---") if "/moved" in text]
    return {yaml.safe_load(text)["metadata"]["name"] for text in documents}


def test_changes_leave_alone_what_the_load_asks_for(tmp_path):
    write_fleet(tmp_path / "fleet", 100)
    fleet = churn.Fleet(tmp_path / "fleet", 100, 10, itertools.count())
    seen = set()
    for _ in range(60):
        fleet.change()
        seen |= moved(tmp_path / "fleet")
    assert seen == {f"r{number}" for number in range(50, 100)}


def test_changes_end_with_the_block():
    class Counted(churn.Fleet):
        def change(self):
            next(self.turns)
            enough.set()

    enough = threading.Event()
    fleet = Counted(None, 0, 10_000, itertools.count())
    with churn.changing(fleet):
        assert enough.wait(10)
    assert threading.active_count() == 1


def test_nothing_changes_where_nothing_is_to(tmp_path):
    with churn.changing(churn.Fleet(tmp_path, 0, 0, iter(()))):
        assert threading.active_count() == 1


def test_a_proxy_that_ends_at_its_start_is_told(order):
    wanted = order("startup")
    failing = dataclasses.replace(wanted.entries[0].peer, command=lambda _setup: ["false"])
    with pytest.raises(RigError, match="ended with 1"):
        startup.start(dataclasses.replace(wanted.entries[0], peer=failing), wanted.cores, 1)
