"""What agw means to reach."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from bench import rig
from bench.contests import CONTESTS
from bench.goals import FIRST, GOALS, Goal, judged
from bench.machine import Cores, Machine
from bench.report import Comparison, Figure, Place

QUIET = Machine("A CPU", 2, "6.1", "3.11", virtual=True, load=(0.1, 0.1, 0.1), irq_accounted=False, when="now")


@dataclass
class Sample:
    cost: float
    bytes: float


def comparison(costs, cores=Cores((1,), (0,))):  # noqa: B008 - a frozen value
    samples = {name: [Sample(cost, 100)] for name, cost in costs.items()}
    places = {name: Place(*name.split(" ", 1)) for name in costs if " " in name}
    figures = (Figure("cost", "cost"), Figure("bytes", "bytes"))
    return Comparison("", "agw", QUIET, cores, {}, samples, (), figures, places)


def verdicts(comparison, *goals):
    return [(one.met, one.text) for one in judged("", comparison, goals)]


def test_a_goal_against_a_proxy_is_a_ratio():
    found = verdicts(comparison({"agw": 8, "nginx": 10}), Goal("cost", 0.8, "nginx"), Goal("cost", 0.7, "nginx"))
    assert found == [
        (True, "met: agw, cost over nginx: 0.80, at most 0.8 is wanted"),
        (False, "MISSED: agw, cost over nginx: 0.80, at most 0.7 is wanted"),
    ]


def test_a_goal_against_the_first_variant_is_agws_own():
    costs = {"agw few": 10, "nginx few": 1, "agw many": 12, "nginx many": 1}
    found = verdicts(comparison(costs), Goal("cost", 1.1, FIRST, "many"), Goal("cost", 1.1, FIRST, "many", least=True))
    assert found == [
        (False, "MISSED: agw many, cost over its first: 1.20, at most 1.1 is wanted"),
        (True, "met: agw many, cost over its first: 1.20, at least 1.1 is wanted"),
    ]


def test_a_goal_may_be_a_figure_itself():
    costs = {"agw few": 10, "agw many": 12}
    assert [met for met, _text in verdicts(comparison(costs), Goal("bytes", 100))] == [True, True]
    assert [met for met, _text in verdicts(comparison(costs), Goal("bytes", 99, variant="few"))] == [False]


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert verdicts(comparison({"agw": 8}), Goal("cost", 0.8, "nginx"), Goal("cost", 1.1, FIRST)) == []
    assert verdicts(comparison({"agw": 8, "nginx": 0}), Goal("cost", 0.8, "nginx")) == []


def test_a_goal_of_cores_is_none_where_they_are_shared():
    goal = Goal("cost", 0.8, "nginx", cores=True)
    costs = {"agw": 8, "nginx": 10}
    assert len(verdicts(comparison(costs), goal)) == 1
    assert verdicts(comparison(costs, Cores((0, 1), (0, 1))), goal) == []


@pytest.mark.parametrize("scenario", GOALS)
def test_goals_are_about_what_scenarios_measure(scenario):
    contest = CONTESTS[scenario]
    figures = {figure.of for figure in rig.KINDS[contest.kind].figures}
    labels = {variant.label for variant in contest.variants}
    for goal in GOALS[scenario]:
        assert goal.figure in figures
        assert not goal.variant or goal.variant in labels


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--goals"], 1)])
def test_a_missed_goal_is_in_the_report_and_may_end_the_run(monkeypatch, tmp_path, capsys, flags, code):
    samples = {name: [SimpleNamespace(worker_us=cost)] for name, cost in (("agw", 9.0), ("nginx", 10.0))}
    shown = Comparison("", "agw", QUIET, Cores((1,), (0,)), {}, samples, (), (Figure("worker_us", "CPU", versus=True),))
    monkeypatch.setattr(rig, "compare", lambda _contest, _options: shown)
    assert rig.main([*flags, "--out", str(tmp_path)]) == code
    missed = "MISSED: agw, CPU over nginx: 0.90, at most 0.8 is wanted"
    assert missed in (tmp_path / "post300.md").read_text()
    assert (f"post300: {missed}" in capsys.readouterr().err) == bool(code)
