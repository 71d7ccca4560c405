"""What a comparison shows."""

from __future__ import annotations

import json

import pytest

from bench import RigError, machine, report
from bench.field import Sample, sample
from bench.machine import Cores, Machine
from bench.procs import Usage
from bench.rig import limit, verdicts

QUIET = Machine("A CPU", 2, "6.1", "3.11", virtual=True, load=(0.1, 0.1, 0.1), irq_accounted=False, when="now")


def made(worker_us):
    return Sample(worker_us, 0.0, 20.0, 600.0, 900.0, 0.5, 0.01)


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


def test_a_limit_that_is_passed_is_told(comparison):
    assert verdicts(comparison, [("nginx", 1.0)]) == []
    assert verdicts(comparison, [limit("nginx=0.8")]) == ["agw costs 0.90x nginx; at most 0.80x is wanted"]


def test_a_run_with_one_wrong_answer_is_void():
    with pytest.raises(RigError, match="1 of 10 requests failed"):
        sample({"requests": 9, "errors": 1, "wall_ns": 1}, Usage(1, 1), Usage(0, 0))


def test_a_sample_is_per_request():
    load = {"requests": 10, "errors": 0, "wall_ns": 200_000, "p50_ns": 3000, "p99_ns": 5000}
    assert sample(load, Usage(100_000, 10_000), Usage(1_000, 0)) == Sample(10.0, 0.1, 20.0, 3.0, 5.0, 0.5, 0.05)


def test_the_header_warns_where_figures_are_weak():
    busy = Machine("A CPU", 2, "6.1", "3.11", virtual=False, load=(3.0, 1.0, 1.0), irq_accounted=True, when="now")
    text = "\n".join(machine.header(busy, Cores((0,), (0,))))
    assert text.count("WARNING") == 3
    assert "WARNING" not in "\n".join(machine.header(QUIET, Cores((1,), (0,))))


def test_a_core_that_is_not_ours_is_refused():
    with pytest.raises(RigError, match="not usable"):
        machine.cores(100_000)
