"""Fleets in folders, and one route moved in them."""

from __future__ import annotations

import yaml

from bench.manifests import place
from bench.reload import PER_FILE, Change, rows, write_file, write_fleet


def paths(folder):
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document and document["kind"] == "HTTPRoute":
                found[document["metadata"]["name"]] = document["spec"]["rules"][0]["matches"][0]["path"]["value"]
    return found


def test_a_fleet_in_files_has_all_its_routes(tmp_path):
    write_fleet(tmp_path / "fleet", 230)
    assert paths(tmp_path / "fleet") == {f"r{number}": place(number)[1] for number in range(230)}
    assert len(list((tmp_path / "fleet").iterdir())) == 1 + -(-230 // PER_FILE)  # nothing half-written


def test_a_change_moves_one_route_and_no_other(tmp_path):
    write_fleet(tmp_path / "fleet", 150)
    before = paths(tmp_path / "fleet")
    write_file(tmp_path / "fleet", 120 // PER_FILE, 150, {120: "/moved/1"})
    assert paths(tmp_path / "fleet") == {**before, "r120": "/moved/1"}


def test_rows_are_medians_with_quartiles():
    changes = [Change(served_ms, 1.0, 0.5) for served_ms in (10.0, 20.0, 30.0)]
    assert rows({50: changes}) == [("50", "20.0 (15.0 to 25.0)", "1.0 (1.0 to 1.0)", "0.5 (0.5 to 0.5)")]
