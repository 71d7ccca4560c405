"""What people and tools do to files, and that the watch says "look again" each time."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agw.cli.watch import Watch, plan

WAIT = 20  # seconds; a limit, not an expectation


def write_in_place(folder: Path) -> None:
    (folder / "a.yaml").write_text("two")


def rename_over(folder: Path) -> None:
    (folder / ".a.yaml.swp").write_text("two")
    (folder / ".a.yaml.swp").rename(folder / "a.yaml")


def add_file(folder: Path) -> None:
    (folder / "b.yaml").write_text("new")


def delete_file(folder: Path) -> None:
    (folder / "a.yaml").unlink()


def add_folder_with_file(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "c.yaml").write_text("new")


def delete_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_folder(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "a.yaml").write_text("two")
    shutil.rmtree(folder)
    other.rename(folder)


STEPS = [write_in_place, rename_over, add_file, delete_file, add_folder_with_file, delete_folder, replace_folder]


def state(folder: Path) -> list[tuple[str, str]]:
    """What somebody who looks sees."""
    return sorted((str(path), path.read_text()) for path in folder.rglob("*.yaml"))


async def until_seen(root: Path, folder: Path, step: Callable[[Path], None], **options: int) -> None:
    """Watch, take the step, and return when a report comes after which the new state is what is there."""
    watch = Watch([root], **options)
    before: list[tuple[str, str]] | None = None
    after: list[tuple[str, str]] | None = None
    async with asyncio.timeout(WAIT):
        async for _ in watch:
            if before is None:
                before = state(folder)
                step(folder)
                after = state(folder)
                assert after != before
            elif state(folder) == after:
                watch.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "gw"
    made.mkdir()
    (made / "a.yaml").write_text("one")
    return made


@pytest.mark.parametrize("step", STEPS)
def test_a_change_in_a_watched_folder_is_reported(folder: Path, step: Callable[[Path], None]) -> None:
    asyncio.run(until_seen(folder, folder, step))


@pytest.mark.parametrize("step", [write_in_place, rename_over, delete_file, delete_folder, replace_folder])
def test_a_change_of_a_watched_file_is_reported(folder: Path, step: Callable[[Path], None]) -> None:
    asyncio.run(until_seen(folder / "a.yaml", folder, step))


@pytest.mark.parametrize("step", STEPS)
def test_polling_sees_the_same(folder: Path, step: Callable[[Path], None]) -> None:
    asyncio.run(until_seen(folder, folder, step, poll_ms=20))


def test_a_config_map_is_followed_through_its_symlinks(tmp_path: Path) -> None:
    mount = config_map(tmp_path)
    asyncio.run(until_seen(mount, mount, swap_config_map))


def test_a_file_of_a_config_map_is_followed_through_its_symlinks(tmp_path: Path) -> None:
    mount = config_map(tmp_path)
    asyncio.run(until_seen(mount / "a.yaml", mount, swap_config_map))


def config_map(tmp_path: Path) -> Path:
    """A mount as the kubelet makes it: a.yaml -> ..data/a.yaml, ..data -> ..1."""
    mount = tmp_path / "mount"
    (mount / "..1").mkdir(parents=True)
    (mount / "..1" / "a.yaml").write_text("one")
    (mount / "..data").symlink_to("..1")
    (mount / "a.yaml").symlink_to("..data/a.yaml")
    return mount


def swap_config_map(mount: Path) -> None:
    (mount / "..2").mkdir()
    (mount / "..2" / "a.yaml").write_text("two")
    (mount / "..data_tmp").symlink_to("..2")
    os.rename(mount / "..data_tmp", mount / "..data")  # noqa: PTH104 - replaces a symlink, atomically
    shutil.rmtree(mount / "..1")


def test_a_symlinked_file_elsewhere_is_watched_at_its_home(tmp_path: Path) -> None:
    home, mount = tmp_path / "home", tmp_path / "mount"
    home.mkdir()
    mount.mkdir()
    (home / "real.yaml").write_text("one")
    (mount / "a.yaml").symlink_to(home / "real.yaml")

    def step(_: Path) -> None:
        (home / "real.yaml").write_text("two")

    asyncio.run(until_seen(mount, mount, step))


def test_a_path_that_is_not_there_is_watched_for_at_its_nearest_ancestor(tmp_path: Path) -> None:
    missing = tmp_path / "x" / "y" / "gw"
    assert {watched.path for watched in plan([missing])} == {str(tmp_path)}

    def step(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text("one")

    asyncio.run(until_seen(missing, missing, step))


def test_a_loop_of_symlinks_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert str(tmp_path / "a") in {watched.path for watched in plan([tmp_path / "a"])}


def test_a_folder_and_its_successor_of_the_same_name_differ(folder: Path) -> None:
    before = plan([folder])
    replace_folder(folder)
    assert plan([folder]) != before
