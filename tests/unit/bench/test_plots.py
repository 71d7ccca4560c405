"""Plots say what the tables say."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest

from bench import overview, plots, report
from bench.machine import Cores, Machine
from bench.plots import Bar, bars, grouped
from bench.stats import Spread

SVG = "{http://www.w3.org/2000/svg}"
VALUES = [
    Bar("relay", Spread(20.0, 18.0, 22.0, 8), "20.0"),
    Bar("agw", Spread(25.0, 24.0, 50.0, 8), "25.0", strong=True),
    Bar("nginx", Spread(40.0, 39.0, 41.0, 8), "40.0"),
]


@pytest.fixture
def library():
    pytest.importorskip("pygal", reason=plots.MISSING)


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)


def parts(svg, kind, of):
    return [part for part in ET.fromstring(svg).iter(SVG + kind) if of in part.get("class", "").split()]


def lengths(svg):
    """Of the bars, in the order of their names."""
    return [float(part.get("width")) for part in parts(svg, "rect", "rect")]


def whiskers(svg):
    """Left and right end of each, in pixels."""
    groups = [part.find(f"{SVG}path").get("d") for part in parts(svg, "g", "ci")]
    points = [[float(x) for x in re.findall(r"[ML](\S+) ", group)] for group in groups]
    return [(min(xs), max(xs)) for xs in points]


def test_a_bar_is_as_long_as_its_median_and_begins_at_zero(library):
    nginx, agw, relay = lengths(bars("Title", "us", VALUES))
    assert relay / agw == pytest.approx(20 / 25)
    assert relay / nginx == pytest.approx(20 / 40)


def test_a_whisker_goes_from_quartile_to_quartile_and_stays_within_the_plot(library):
    svg = bars("Title", "us", VALUES)
    zero = min(float(part.get("x")) for part in parts(svg, "rect", "rect"))
    scale = lengths(svg)[0] / 40
    _nginx, agw, _relay = whiskers(svg)
    assert agw == pytest.approx((zero + 24 * scale, zero + 50 * scale), abs=0.01)
    assert agw[1] < plots.WIDTH


def test_a_value_below_nothing_goes_to_the_left(library):
    svg = bars("Title", "us", [Bar("a", Spread(-5.0, -8.0, -4.0, 8), "-5"), Bar("b", Spread(10.0, 9.0, 12.0, 8), "10")])
    right, left = (float(part.get("x")) for part in parts(svg, "rect", "rect"))
    assert left + lengths(svg)[1] == pytest.approx(right)  # both end at zero
    b, a = whiskers(svg)
    assert 0 < a[0] < a[1] < b[0] < b[1] < plots.WIDTH


def test_names_and_labels_are_written(library):
    text = " ".join(part.text or "" for part in ET.fromstring(bars("Title", "us", VALUES)).iter(f"{SVG}text"))
    assert all(word in text for word in ("Title", "relay", "agw", "nginx", "20.0", "25.0", "40.0", "us"))


def test_a_plot_is_only_a_plot_and_the_same_for_the_same_values(library):
    svg = bars("Title", "us", VALUES)
    assert svg == bars("Title", "us", VALUES)
    assert "<script" not in svg
    assert "<!--" not in svg


def test_a_ratio_begins_at_one_and_half_is_as_far_from_it_as_twice(library):
    svg = grouped(
        "Title", "times", {"a": {"nginx": Spread(0.5, 0.4, 0.6, 8)}, "b": {"nginx": Spread(2.0, 1.9, 2.1, 8)}}
    )
    twice, half = (float(part.get("x")) for part in parts(svg, "rect", "rect"))
    assert lengths(svg)[0] == pytest.approx(lengths(svg)[1])
    assert half + lengths(svg)[1] == pytest.approx(twice)


def test_a_group_has_no_bar_where_there_is_no_value(library):
    rows = {
        "a": {"nginx": Spread(0.8, 0.7, 0.9, 8)},
        "b": {"nginx": Spread(0.9, 0.8, 1.0, 8), "envoy": Spread(0.2, 0.1, 0.3, 8)},
    }
    assert len(lengths(grouped("Title", "times", rows))) == 3


@dataclass(frozen=True, slots=True)
class Cost:
    cost: float


MACHINE = Machine("A CPU", 2, "6.1", "3.11", virtual=True, load=(0.1, 0.1, 0.1), irq_accounted=False, when="now")
FIGURES = (report.Figure("cost", "cost us", versus=True),)


def kept(folder, name, costs, places=None):
    samples = {entrant: list(map(Cost, own)) for entrant, own in costs.items()}
    given = (name, "agw", MACHINE, Cores((1,), (0,)), {}, samples, [], FIGURES, places or {})
    report.publish(report.Comparison(*given), folder, name)


@pytest.fixture
def folder(tmp_path):
    kept(tmp_path, "a", {"agw": [8.0, 16.0], "nginx": [10.0, 20.0], "nothing": [0.0, 0.0]})
    variants = [(peer, count) for count in ("10", "20") for peer in ("agw", "nginx")]
    costs = dict(zip((f"{peer} {count}" for peer, count in variants), ([5.0], [10.0], [9.0], [10.0]), strict=True))
    kept(tmp_path, "b", costs, {f"{peer} {count}": report.Place(peer, count) for peer, count in variants})
    (tmp_path / "other.json").write_text('{"samples": [1, 2]}')
    (tmp_path / "list.json").write_text("[]")
    return tmp_path


def test_an_overview_has_the_ratios_of_every_comparison_and_passes_over_the_rest(no_library, folder, capsys):
    assert overview.main(["--folder", str(folder)]) == 0
    page = (folder / "overview.md").read_text()
    assert "| a: cost us | 0.80x (0.80 to 0.80) |" in page
    assert "| b, 10: cost us | 0.50x (0.50 to 0.50) |" in page
    assert "| b, 20: cost us | 0.90x (0.90 to 0.90) |" in page
    assert "nothing" not in page
    assert plots.MISSING in page
    assert len(json.loads((folder / "overview.json").read_text())["rows"]) == 3
    assert not list(folder.glob("*.svg"))
    assert overview.main(["--folder", str(folder)]) == 0  # its own report is none of them


def test_an_overview_is_drawn(library, folder, capsys):
    assert overview.main(["--folder", str(folder)]) == 0
    assert len(lengths((folder / "overview.svg").read_text())) == 3
    assert "overview.svg" in (folder / "overview.md").read_text()


def test_an_empty_folder_has_no_overview(tmp_path, capsys):
    assert overview.main(["--folder", str(tmp_path)]) == 1
    assert "no comparison" in capsys.readouterr().err
