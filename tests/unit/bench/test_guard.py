"""The guard's rule on made-up rounds, and the guard itself on a tiny run."""

from __future__ import annotations

import random

import pytest

from bench import ROOT, RigError, guard, stats, worktree
from bench.guard import judge
from bench.stats import interval


@pytest.fixture(autouse=True)
def swift(monkeypatch):
    """Fewer draws than for a verdict that matters, and whatever is compiled here."""
    monkeypatch.setattr(stats, "DRAWS", 500)
    monkeypatch.setattr(worktree, "stale", list)


def rounds(seed, *, truth, noise=0.02, luck=0.01, starts=5, count=6):
    """Ratios as a machine gives them: each pair of processes has its luck, each round its noise."""
    stream = random.Random(seed)
    pairs = []
    for _ in range(starts):
        fate = truth * (1 + stream.gauss(0, luck * 2**0.5))
        pairs.append([fate * (1 + stream.gauss(0, noise)) for _ in range(count)])
    return pairs


def alarms(**how):
    """How many of twenty runs are called worse."""
    return sum(judge("post300", rounds(seed, **how)).worse for seed in range(20))


def test_no_change_is_never_worse():
    assert alarms(truth=1.0) == 0
    assert alarms(truth=1.0, noise=0.06, luck=0.03) == 0


def test_what_is_allowed_is_not_worse():
    assert alarms(truth=1.02) == 0


def test_a_tenth_dearer_is_always_worse():
    assert alarms(truth=1.1) == 20


def test_a_tenth_cheaper_is_better():
    verdict = judge("post300", rounds(1, truth=0.9))
    assert (verdict.worse, verdict.word) == (False, "better")


def test_one_unlucky_pair_of_processes_is_not_worse():
    pairs = rounds(1, truth=1.0, noise=0.005, luck=0)
    pairs[2] = [value * 1.3 for value in pairs[2]]
    assert not judge("post300", pairs).worse


def test_many_rounds_of_one_unlucky_pair_do_not_make_it_sure():
    pairs = [[1.1] * 50, [1.0] * 5, [1.0] * 5]
    assert not judge("post300", pairs).worse


def test_too_few_values_are_no_verdict():
    for pairs in ([[1.0] * 9] * 2, [[1.0] * 2] * 9, []):
        with pytest.raises(RigError, match="are needed for a verdict"):
            judge("post300", pairs)


def test_the_line_of_a_scenario():
    assert str(judge("post300", [[1.1] * 3] * 3)) == "post300: 1.100x (1.100 to 1.100)  WORSE"
    assert str(judge("post300", [[1.0] * 3] * 3)) == "post300: 1.000x (1.000 to 1.000)  as before"


def test_an_interval_is_the_same_for_the_same_values_and_holds_the_median():
    pairs = rounds(3, truth=1.0)
    assert interval(pairs, 0.9) == interval(pairs, 0.9)
    wide, narrow = interval(pairs, 0.98), interval(pairs, 0.5)
    assert wide.low <= narrow.low <= narrow.median <= narrow.high <= wide.high
    with pytest.raises(ValueError, match="no values"):
        interval([[1.0], []], 0.9)


# The kernel books what a process runs at ticks, up to 10 ms apart: fewer requests might have cost nothing yet.
TINY = ["--scenarios", "post300", "--starts", "3", "--rounds", "3", "--requests", "4000"]


def test_a_tiny_run_prints_a_line_and_passes_where_much_is_allowed(tmp_path, capsys):
    argv = ["--built", str(ROOT), *TINY, "--allowed", "100", "--out", str(tmp_path)]
    assert guard.main(argv) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("post300: ")
    assert "| post300 |" in (tmp_path / "guard.md").read_text()
    assert (tmp_path / "guard.json").exists()


def test_what_is_worse_makes_the_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "pair", lambda *_: {"a": [1.0, 1.0, 1.0], "b": [1.2, 1.2, 1.2]})
    assert guard.main(["--built", str(ROOT), "--out", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--against", "no-such-revision"], "no-such-revision"),
        (["--built", str(ROOT), "--scenarios", "nothing"], "no such scenario"),
        (["--built", str(ROOT), "--core", "100000"], "not usable"),
    ],
)
def test_what_cannot_be_measured_ends_with_2(argv, reason, capsys):
    assert guard.main(argv) == 2
    assert reason in capsys.readouterr().err


def test_a_tree_that_is_not_built_is_not_measured(monkeypatch, capsys):
    monkeypatch.setattr(worktree, "stale", lambda: ["agw/x.pyx"])
    assert guard.main([]) == 2
    assert "not built since it was changed: agw/x.pyx" in capsys.readouterr().err


def test_nothing_is_measured_where_nothing_has_changed(monkeypatch, capsys):
    monkeypatch.setattr(worktree, "same", lambda _: True)
    assert guard.main(["--against", "HEAD"]) == 0
    assert "nothing that is measured differs from HEAD" in capsys.readouterr().out
