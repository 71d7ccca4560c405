"""What an event in a watched folder is a sign of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agw.cli import folders
from agw.cli.folders import Watched, _mount_points, plan, sign
from agw.cli.inotify import ATTRIB, CLOSE_WRITE, CREATE, DELETE, ISDIR, MODIFY, MOVED_FROM, MOVED_TO, Event
from agw.cli.unrest import BURST, QUIET, UNFINISHED, Sign


def folder_of(plan_of: Path, wanted: Path) -> Watched:
    """The one folder of a plan that has this path."""
    (found,) = (watched for watched in plan([plan_of]) if watched.path == str(wanted))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "gw"
    made.mkdir()
    (made / "a.yaml").write_text("one")
    (made / "empty.yaml").write_text("")
    return made


@pytest.mark.parametrize(
    ("mask", "name", "expected"),
    [
        (MOVED_TO, "a.yaml", (BURST, True, False)),
        (MOVED_FROM, "gone.yaml", (BURST, True, False)),
        (DELETE, "gone.json", (BURST, True, False)),
        (MODIFY, "a.yaml", (UNFINISHED, True, False)),
        (CREATE, "a.yaml", (UNFINISHED, True, False)),
        (CLOSE_WRITE, "a.yaml", (QUIET, True, False)),
        (CLOSE_WRITE, "empty.yaml", (UNFINISHED, True, False)),
        (ATTRIB, "a.yaml", (BURST, False, False)),
        (CREATE | ISDIR, "sub", (BURST, True, True)),
        (DELETE | ISDIR, "sub", (BURST, True, True)),
    ],
)
def test_an_event_names_a_file_and_how_long_to_leave_it_alone(
    folder: Path, mask: int, name: str, expected: tuple[float, bool, bool]
) -> None:
    assert sign(folder_of(folder, folder), Event(1, mask, name)) == Sign(f"{folder}/{name}", *expected)


@pytest.mark.parametrize(
    ("mask", "name"), [(CLOSE_WRITE, ".a.yaml.swp"), (MOVED_TO, "README.md"), (CREATE | ISDIR, ".git")]
)
def test_what_can_be_no_manifest_is_of_no_interest(folder: Path, mask: int, name: str) -> None:
    assert sign(folder_of(folder, folder), Event(1, mask, name)) is None


def test_a_symlink_may_change_anything(folder: Path) -> None:
    watched = folder_of(folder, folder)
    (folder / "below").symlink_to(folder.parent)
    assert sign(watched, Event(1, CREATE, "below")) == Sign(f"{folder}/below", vague=True)
    hidden = sign(folder_of(folder, folder), Event(1, MOVED_TO, ".hidden"))
    assert hidden == Sign(f"{folder}/.hidden", vague=True)


def test_a_symlink_to_what_cannot_be_looked_up_ends_no_plan(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "link").symlink_to("x" * 300)
    assert {str(folder), f"{folder}/below"} <= {watched.path for watched in plan([folder])}
    assert str(folder) in {watched.path for watched in plan([folder / "link"])}


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="nothing says what is mounted")
def test_mount_points_are_known() -> None:
    assert "/proc" in _mount_points()


def test_a_mounted_file_beside_a_root_is_let_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "hosts").touch()
    monkeypatch.setattr(folders, "_mount_points", lambda: [f"{folder.parent}/hosts", f"{folder}/a.yaml"])
    assert {watched.path for watched in plan([folder])} == {str(folder.parent), str(folder), f"{folder}/a.yaml"}


def test_a_second_name_of_a_file_is_no_write(folder: Path) -> None:
    os.link(folder / "a.yaml", folder / "b.yaml")
    found = sign(folder_of(folder, folder), Event(1, CREATE, "b.yaml"))
    assert found == Sign(f"{folder}/b.yaml", BURST, final=False)


def test_beside_a_root_nothing_is_of_interest(folder: Path) -> None:
    above = folder_of(folder, folder.parent)
    assert sign(above, Event(1, CREATE | ISDIR, "other")) is None
    assert sign(above, Event(1, CLOSE_WRITE, "b.yaml")) is None
    assert sign(above, Event(1, DELETE | ISDIR, "gw")) == Sign(str(folder), vague=True)


def test_a_named_file_counts_whatever_it_is_called(folder: Path) -> None:
    (folder / ".hidden").write_text("x")
    found = sign(folder_of(folder / ".hidden", folder), Event(1, CLOSE_WRITE, ".hidden"))
    assert found == Sign(f"{folder}/.hidden", QUIET)


def test_lost_events_and_the_folder_itself_are_anything(folder: Path) -> None:
    assert sign(None, Event(-1, 0x4000, "")) == Sign("", vague=True)
    assert sign(folder_of(folder, folder), Event(1, ATTRIB | ISDIR, "")) == Sign("", vague=True)
