"""What the compiler is trained by is answered as it should be, whatever variant is here: no image build is to find out."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from training import traffic
from training.__main__ import played
from training.stage import TrainingError

ROOT = Path(__file__).resolve().parents[2]


def play(*options):
    """The training, on the library that lies in the source tree."""
    argv = [sys.executable, "-m", "training", "--library", str(ROOT), *options]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def counted(said):
    """How often each status came back; not those of an endpoint that is left out for some seconds, which a clock decides."""
    return {
        status: count for status, count in re.findall(r"(\d{3}): (\d+)", said) if status not in {"200", "502", "503"}
    }


def test_everything_is_answered_and_a_seed_is_the_same_every_time():
    said = [play("--requests", "1200", "--seed", "5") for _ in range(2)]
    assert [each.returncode for each in said] == [0, 0], said[0].stderr + said[1].stderr
    first, second = (counted(each.stdout) for each in said)
    assert first == second
    assert {"101", "204", "301", "304", "400", "401", "403", "404", "500"} <= first.keys()


async def test_an_answer_that_is_another_ends_it(monkeypatch, tmp_path):
    wrong = traffic.Kind("wrong", 1, lambda random: dataclasses.replace(traffic.put(random), statuses=(418,)))
    monkeypatch.setattr(traffic, "MIX", (wrong,))
    with pytest.raises(TrainingError, match="200 to "):
        await played(1, 8, tmp_path / "access.log")
