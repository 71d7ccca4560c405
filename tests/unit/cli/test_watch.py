"""What people and tools do to files, and that the watch says "look again" each time."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agw.cli import folders as folders_module
from agw.cli import watch as watch_module
from agw.cli.folders import plan
from agw.cli.inotify import MODIFY, Event, Inotify
from agw.cli.unrest import Names
from agw.cli.watch import Watch

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


async def until_each_is_seen(root: Path, folder: Path, *steps: Callable[[Path], None]) -> None:
    """Watch, take each step when what the one before did was reported, and return when the last was."""
    watch = Watch([root])
    left = list(steps)
    wanted = state(folder)
    async with asyncio.timeout(WAIT):
        async for _ in watch:
            if state(folder) != wanted:
                continue
            if not left:
                watch.close()
                continue
            left.pop(0)(folder)
            wanted = state(folder)


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


def copy_with_its_times(folder: Path) -> None:
    """As `cp -p`, tar and builds that can be repeated do."""
    before = (folder / "a.yaml").stat()
    (folder / "a.yaml").write_text("two")
    os.utime(folder / "a.yaml", ns=(before.st_atime_ns, before.st_mtime_ns))


def test_polling_sees_a_copy_that_keeps_times_and_size(folder: Path) -> None:
    asyncio.run(until_seen(folder, folder, copy_with_its_times, poll_ms=20))


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


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Two releases, and a symlink to the one that counts."""
    for release in ("one", "two"):
        (tmp_path / release / "gw").mkdir(parents=True)
        (tmp_path / release / "gw" / "a.yaml").write_text(release)
    (tmp_path / "current").symlink_to("one")
    return tmp_path


def release_two(root: Path) -> None:
    parent = root
    while not (parent / "two").exists():
        parent = parent.parent
    (parent / "next").symlink_to("two")
    (parent / "next").rename(parent / "current")


@pytest.mark.parametrize("root", ["current/gw", "current/gw/a.yaml"])
def test_a_symlink_on_the_way_to_a_path_is_followed(releases: Path, root: str) -> None:
    asyncio.run(until_seen(releases / root, releases / "current" / "gw", release_two))


@pytest.mark.parametrize("root", ["mount", "mount/a.yaml"])
def test_a_symlink_on_the_way_to_where_another_points_is_followed(releases: Path, root: str) -> None:
    mount = releases / "mount"
    mount.mkdir()
    (mount / "a.yaml").symlink_to("../current/gw/a.yaml")
    asyncio.run(until_seen(releases / root, mount, release_two))


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


def make_again(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "a.yaml").write_text("made again")


def test_a_folder_that_is_made_again_at_once_is_followed(folder: Path) -> None:
    """File systems give it the inode of the one before, so that nothing else tells the two apart."""
    asyncio.run(until_each_is_seen(folder, folder, make_again, write_in_place))


def test_a_folder_that_may_be_read_later_is_followed_from_then_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {folder / "sub"}
    add_folder_with_file(folder)

    def add(notify: Inotify, path: str) -> int:
        if Path(path) in refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        return add_watch(notify, path)

    def let_in(_: Path) -> None:
        refused.clear()
        (folder / "sub").chmod(0o755)

    def write_there(_: Path) -> None:
        (folder / "sub" / "c.yaml").write_text("newer")

    add_watch = Inotify.add
    monkeypatch.setattr(Inotify, "add", add)
    asyncio.run(until_each_is_seen(folder, folder, let_in, write_there))


def link_to_it(folder: Path) -> None:
    (folder / "b.yaml").symlink_to(folder / "a.yaml")


def give_it_a_second_name(folder: Path) -> None:
    os.link(folder / "a.yaml", folder / "b.yaml")


def check_out(folder: Path) -> None:
    for number in range(200):
        (folder / f"{number}.yaml").unlink(missing_ok=True)
        (folder / f"{number}.yaml").write_text("checked out")


@pytest.mark.parametrize("step", [link_to_it, give_it_a_second_name, check_out])
def test_what_else_is_done_to_a_folder_is_reported(folder: Path, step: Callable[[Path], None]) -> None:
    asyncio.run(until_seen(folder, folder, step))


def test_a_hidden_file_that_a_link_points_to_is_followed(folder: Path) -> None:
    (folder / ".real").write_text("one")
    (folder / "b.yaml").symlink_to(".real")
    asyncio.run(until_seen(folder, folder, lambda _: (folder / ".real").write_text("two") and None))


async def named(folder: Path, step: Callable[[Path], None], wanted: frozenset[str]) -> list[Names]:
    """Reports, from the step on until they have named all that is wanted."""
    watch = Watch([folder])
    reports: list[Names] = []
    first = True
    async with asyncio.timeout(WAIT):
        async for names in watch:
            if first:
                first = False
                assert names is None
                step(folder)
            else:
                reports.append(names)
                if wanted <= frozenset().union(*(each or () for each in reports)):
                    watch.close()
    return reports


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        (write_in_place, {"a.yaml"}),
        (rename_over, {"a.yaml"}),
        (add_file, {"b.yaml"}),
        (delete_file, {"a.yaml"}),
        (check_out, {f"{number}.yaml" for number in range(200)}),
    ],
)
def test_a_report_names_the_files_and_no_others(folder: Path, step: Callable[[Path], None], wanted: set[str]) -> None:
    paths = frozenset(f"{folder}/{name}" for name in wanted)
    reports = asyncio.run(named(folder, step, paths))
    assert frozenset().union(*(names or {"anything"} for names in reports)) == paths


@pytest.mark.parametrize("root", ["", "a.yaml"])
def test_a_file_that_is_mounted_by_itself_is_followed(folder: Path, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    """Whoever writes to it outside does it by another name, in another folder: a hard link, here."""
    monkeypatch.setattr(folders_module, "_mount_points", lambda: ["/proc", str(folder), f"{folder}/a.yaml"])
    outside = folder.parent / "outside"
    outside.mkdir()
    os.link(folder / "a.yaml", outside / "b.yaml")
    asyncio.run(until_seen(folder / root, folder, lambda _: (outside / "b.yaml").write_text("two") and None))


def test_reports_that_were_not_taken_are_one(folder: Path) -> None:
    """A look takes a while; what happens meanwhile is looked at after it, at once."""

    async def busy() -> None:
        watch = Watch([folder])
        seen: set[str] = set()
        async with asyncio.timeout(WAIT):
            async for names in watch:
                if names is None:
                    add_file(folder)
                    rename_over(folder)
                seen |= names or set()
                if seen == {f"{folder}/a.yaml", f"{folder}/b.yaml"}:
                    watch.close()

    asyncio.run(busy())


def test_all_is_looked_at_once_in_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some mounts send no events."""
    monkeypatch.setattr(watch_module, "SELDOM_S", 0.01)

    async def three() -> list[Names]:
        watch = Watch([folder])
        reports: list[Names] = []
        async with asyncio.timeout(WAIT):
            async for names in watch:
                reports.append(names)
                if len(reports) == 3:
                    watch.close()
        return reports

    assert asyncio.run(three()) == [None, None, None]


def test_a_log_beside_the_files_is_not_followed_line_by_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Semaphore(0)
    reads = []

    class Noisy(Inotify):
        def read(self, _seconds: float) -> list[Event]:
            reads.append(MODIFY)
            heard.release()
            return [Event(1, MODIFY, "log.txt")]

    monkeypatch.setattr(watch_module, "Inotify", Noisy)  # not its method: a thread of the test before may still read
    monkeypatch.setattr(watch_module, "_PAUSE_S", WAIT)

    async def until_it_pauses() -> None:
        watch = Watch([folder])
        async with asyncio.timeout(WAIT):
            async for _ in watch:
                for _ in range(watch_module._NOISE):
                    assert await asyncio.to_thread(heard.acquire, timeout=WAIT)
                watch.close()

    asyncio.run(until_it_pauses())
    assert len(reads) == watch_module._NOISE


@pytest.mark.parametrize(
    ("method", "number"),
    [
        ("__init__", errno.EMFILE),
        ("__init__", errno.EPERM),  # as seccomp refuses
        ("__init__", errno.EACCES),
        ("add", errno.ENOSPC),
        ("add", errno.EPERM),
    ],
)
def test_without_inotify_the_clock_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch, method: str, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Inotify, method, refuse)
    monkeypatch.setattr(watch_module, "_FALLBACK_POLL_MS", 10)
    asyncio.run(until_seen(folder, folder, rename_over))
