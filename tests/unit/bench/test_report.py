"""What a comparison shows."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bench import RigError, machine, plots, report
from bench.delays import Delays
from bench.field import Sample, Slice, check_report, sample
from bench.kinds import closed
from bench.machine import Cores, Machine
from bench.procs import Usage
from bench.rig import limit, verdicts

QUIET = Machine("A CPU", 2, "6.1", "3.11", virtual=True, load=(0.1, 0.1, 0.1), irq_accounted=False, when="now")


def made(worker_us):
    return Sample(worker_us, 0.0, 20.0, 600.0, 900.0, 950.0, 0.5, 0.01)


@pytest.fixture
def comparison():
    samples = {"nginx": [made(20.0), made(40.0), made(22.0)], "agw": [made(18.0), made(36.0), made(22.0)]}
    return report.Comparison("Title", "agw", QUIET, Cores((1,), (0,)), {"nginx": "1.22"}, samples, ["a note"])


def test_the_ratio_is_the_median_of_the_rounds(comparison):
    assert comparison.ratio("nginx").median == pytest.approx(0.9)


def test_rows_are_cheapest_first_and_the_subject_has_no_ratio(comparison):
    first, second = report.rows(comparison)
    assert (first[0], first[1], first[3]) == ("agw", "22.00", "")
    assert (second[0], second[1]) == ("nginx 1.22", "22.00")
    assert second[3].startswith("0.90x (")


def test_reports_are_written_for_people_and_for_programs(comparison, tmp_path):
    text = report.publish(comparison, tmp_path / "out", "rig")
    assert "a note" in text
    assert "agw over it" in text
    page = (tmp_path / "out" / "rig.md").read_text()
    assert page.startswith("# Title\n")
    assert "| nginx 1.22 | 22.00 |" in page
    kept = json.loads((tmp_path / "out" / "rig.json").read_text())
    assert [one["worker_us"] for one in kept["samples"]["agw"]] == [18.0, 36.0, 22.0]
    assert kept["machine"]["kernel"] == "6.1"


def test_a_plot_stands_beside_the_page(comparison, tmp_path):
    pytest.importorskip("pygal", reason=plots.MISSING)
    more = replace(comparison, figures=[*report.REQUESTS, report.Figure("p50_us", "p50 us", ".0f", versus=True)])
    report.publish(more, tmp_path, "rig")
    assert "nginx (agw 0.90x)" in (tmp_path / "rig.svg").read_text()
    assert "p50 us" in (tmp_path / "rig-p50_us.svg").read_text()
    assert "(rig.svg)" in (tmp_path / "rig.md").read_text()


def test_without_the_library_there_is_no_plot_and_the_report_says_why(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)
    assert plots.MISSING in report.publish(comparison, tmp_path, "rig")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rig.json", "rig.md"]


def test_a_limit_that_is_passed_is_told(comparison):
    assert verdicts(comparison, [("nginx", 1.0)]) == []
    assert verdicts(comparison, [limit("nginx=0.8")]) == ["agw costs 0.90x nginx; at most 0.80x is wanted"]


def test_a_run_with_one_wrong_answer_is_void():
    with pytest.raises(RigError, match="1 of 10 requests failed"):
        check_report({"requests": 9, "errors": 1})


def test_a_sample_is_per_request():
    one = Slice(10, Usage(100_000, 10_000), Usage(1_000, 0), 200_000, Delays({3000: 10}))
    other = Slice(30, Usage(500_000, 30_000), Usage(3_000, 0), 600_000, Delays({3000: 20, 7000: 10}))
    assert sample([one]) == Sample(10.0, 0.1, 20.0, 3.0, 3.0, 3.0, 0.5, 0.05)
    assert sample([one, other]) == Sample(15.0, 0.1, 20.0, 3.0, 7.0, 7.0, 0.75, 0.05)


def test_the_proxies_take_turns_in_rotating_order(monkeypatch):
    turns = []

    def slice_of(entrant, requests):
        turns.append((entrant.name, requests))
        return Slice(requests, Usage(1, 1), Usage(0, 0), 1, Delays({1: requests}))

    monkeypatch.setattr(closed, "run", slice_of)
    entrants = [SimpleNamespace(name="a"), SimpleNamespace(name="b")]
    samples = closed.rounds_of(entrants, 2, 507, 500)
    assert turns[:4] == [("a", 500), ("b", 500), ("b", 7), ("a", 7)]
    assert len(turns) == 12
    assert [len(own) for own in samples.values()] == [2, 2]  # the warm-up is not among them


@pytest.fixture
def varied():
    """Two proxies with few and with many of something."""
    costs = {"nginx few": [10.0], "agw few": [8.0], "nginx many": [20.0], "agw many": [9.0]}
    places = {name: report.Place(*name.split()) for name in costs}
    samples = {name: [made(cost) for cost in own] for name, own in costs.items()}
    return report.Comparison("Title", "agw", QUIET, Cores((1,), (0,)), {"nginx": "1.22"}, samples, places=places)


def test_variants_are_compared_with_their_like_and_with_the_first(varied):
    heads, lines = report.columns(varied), report.rows(varied)
    assert [line[0] for line in lines] == ["agw, few", "nginx 1.22, few", "agw, many", "nginx 1.22, many"]
    over, grown = heads.index("agw over it"), heads.index("over its first")
    assert [line[over].partition("x")[0] for line in lines] == ["", "0.80", "", "0.45"]
    assert [line[grown].partition("x")[0] for line in lines] == ["", "", "1.12", "2.00"]


def test_a_limit_holds_in_each_variant(varied):
    assert verdicts(varied, [("nginx", 0.5)]) == ["agw costs 0.80x nginx few; at most 0.50x is wanted"]


def test_a_limit_on_who_did_not_take_part_is_told(varied):
    assert verdicts(varied, [("envoy", 0.5)]) == ["envoy did not take part"]


def test_there_is_no_ratio_of_what_is_nothing(comparison):
    free = {**comparison.samples, "direct": [made(0.0)] * 3}
    ratios = {line[0]: line[3] for line in report.rows(replace(comparison, samples=free))}
    assert (ratios["direct"], ratios["nginx 1.22"][:4]) == ("", "0.90")


def test_steal_is_read_of_one_core():
    text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 10 0 0 80 0 0 0 10 0 0\n"
    assert machine.parse_steal(text, 1) == (10, 100)
    with pytest.raises(RigError, match="core 2"):
        machine.parse_steal(text, 2)
    assert "%" in str(machine.Steal(sorted(os.sched_getaffinity(0))))


def test_the_header_warns_where_figures_are_weak():
    busy = Machine("A CPU", 2, "6.1", "3.11", virtual=False, load=(3.0, 1.0, 1.0), irq_accounted=True, when="now")
    text = "\n".join(machine.header(busy, Cores((0,), (0,))))
    assert text.count("WARNING") == 3
    assert "WARNING" not in "\n".join(machine.header(QUIET, Cores((1,), (0,))))


def test_a_core_that_is_not_ours_is_refused():
    with pytest.raises(RigError, match="not usable"):
        machine.cores(100_000)
