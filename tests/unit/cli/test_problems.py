"""Help with a path that is not there."""

from __future__ import annotations

from pathlib import Path

from agw.cli.problems import with_near_paths
from agw.errors import Position, Problem
from agw.resources import codes


def hint(path: Path) -> str:
    """What is said of a path that could not be read."""
    (told,) = with_near_paths([Problem(codes.UNREADABLE, "cannot be read", position=Position(str(path)))])
    return told.hint


def test_a_path_that_is_not_there_gets_what_is(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    assert hint(tmp_path / "gatway") == f"did you mean {tmp_path}/gateway?"


def test_beside_what_cannot_be_looked_up_the_rest_is_named(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "link").symlink_to("x" * 300)
    assert hint(tmp_path / "zz") == f"in {tmp_path} are: conf"


def test_of_what_cannot_be_looked_up_nothing_is_said(tmp_path: Path) -> None:
    assert hint(tmp_path / ("x" * 300)) == ""
