"""The command lines of the rig's programs, and how they end."""

from __future__ import annotations

import importlib.util
from argparse import Namespace

import pytest

from bench import RigError, calls, locust_run, perf, reload, rig
from bench.contests import CONTESTS


@pytest.mark.parametrize("program", [rig, reload, perf, calls, locust_run])
def test_help_says_what_it_is_for(program, capsys):
    with pytest.raises(SystemExit) as ended:
        program.parser().parse_args(["--help"])
    assert ended.value.code == 0
    assert program.__doc__.splitlines()[0].split(": ", 1)[1].split()[0] in capsys.readouterr().out


def test_rig_without_the_proxy_says_why(capsys, tmp_path):
    assert rig.main(["--peers", "agw", "--manifests", str(tmp_path / "none")]) == 1
    assert "nothing to serve" in capsys.readouterr().err


def test_a_peer_that_is_not_known_ends_the_run(capsys):
    assert rig.main(["--peers", "nothing"]) == 1
    assert "no such proxy" in capsys.readouterr().err


def test_a_scenario_that_is_not_known_ends_the_run(capsys):
    assert rig.main(["--scenarios", "post300,nothing"]) == 1
    assert "no such scenario: nothing (there are post300" in capsys.readouterr().err


def test_all_scenarios_are_listed(capsys):
    assert rig.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CONTESTS)
    assert [contest.name for contest in rig.wanted("all")] == list(CONTESTS)


def test_perf_that_fails_is_told():
    if perf.shutil.which("perf") is None:
        pytest.skip("perf is not installed")
    with pytest.raises(RigError, match="perf report failed"):
        perf.perf("report", "-i", "/nonexistent")


def test_a_perf_report_loses_its_comments():
    assert perf.rows("# a\n\n  10%  x  \n#b\n 5% y\n") == ["  10%  x", " 5% y"]


def test_locust_is_run_headless_for_a_bounded_time(tmp_path):
    options = Namespace(users=7, seconds=3, out=tmp_path, api_key="k")
    argv = locust_run.locust_command(options, "http://127.0.0.1:1")
    assert "--headless" in argv
    assert argv[argv.index("--run-time") + 1] == "3s"
    assert argv[argv.index("--html") + 1] == str(tmp_path / "locust.html")
    assert argv[argv.index("--exit-code-on-error") + 1] == "1"


def test_a_machine_without_locust_is_told_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert locust_run.main([]) == 1
    assert "pip install" in capsys.readouterr().err
