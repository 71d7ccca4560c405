"""Which folders to watch for a set of files and folders, and what an event in one of them means.

Why folders: whoever replaces a file gives its name to another one, so it is names that are watched, and names are a
folder's. That of each named path (or the nearest that is there), each folder below, where symlinks point to, and where
those on the way stand (`current` of current/gateway). And files that are mounted by themselves, as containers have them:
who writes to such a one outside does it in another folder.

Rules: where every name stands for itself, an event names a file. Where a symlink is on the way, anything may have changed
by it. What cannot be a manifest by its name is passed over, unless a symlink may point to it.

Must not: wait, or decide when somebody looks.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agw.cli.inotify import ATTRIB, CLOSE_WRITE, CREATE, DELETE, ISDIR, MOVED_FROM, MOVED_TO, Event
from agw.cli.unrest import BURST, QUIET, UNFINISHED, Sign
from agw.resources.load import SUFFIXES, is_folder

_ESCAPE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder to watch, or a file by itself. The inode tells a folder from its successor of the same name.

    path: as the files in it are named. names: those in it that matter whatever they are. others: whether all others matter,
    too; None where they are files to read, or not, by their names alone: of such a folder a report can name files.
    """

    path: str
    device: int
    inode: int
    names: frozenset[str] = frozenset()
    others: bool | None = False


def plan(roots: Iterable[Path]) -> frozenset[Watched]:
    """Return the folders to watch for these files and folders, whether or not they exist."""
    roots = tuple(roots)
    found = _Plan()
    for root in roots:
        found.above(root)
    for root in roots:
        if is_folder(root):
            found.tree(root)
    found.mounted(_mount_points())
    return found.folders()


@dataclass(slots=True)
class _Role:
    """Why a folder is watched. whole: because of a symlink, so that any name in it may matter. walked: its files are read."""

    path: str
    names: set[str] = field(default_factory=set)
    whole: bool = False
    walked: bool = False


class _Plan:
    """Folders to watch, each once whatever it is called."""

    def __init__(self) -> None:
        self._roles: dict[tuple[int, int], _Role] = {}
        self._passed: set[str] = set()  # names whose way has been gone
        self._links: set[tuple[int, int]] = set()  # symlinks that have been followed

    def folders(self) -> frozenset[Watched]:
        return frozenset(
            Watched(role.path, *identity, frozenset(role.names), None if role.walked and not role.whole else role.whole)
            for identity, role in self._roles.items()
        )

    def above(self, root: Path) -> None:
        """Add where the name of a root is, or would be, and where it points to."""
        path = root.absolute()
        self._way(str(path))
        while not is_folder(path.parent):
            path = path.parent
        role = self._role(path.parent)
        if role is not None:
            role.names.add(path.name)
            role.whole |= _is_link(root)
        if _is_link(root):
            self._target(root)

    def tree(self, folder: Path) -> None:
        """Add a folder, the folders in it, and where the symlinks in it point to. Hidden folders hold no manifests.

        A folder is walked once, so that a symlink loop ends.
        """
        role = self._role(folder)
        if role is None or role.walked:
            return
        role.walked, role.path = True, str(folder)
        try:
            with os.scandir(folder) as listed:
                # Only folders and symlinks need a look; a folder of thousands of files is listed in one go.
                entries = [entry for entry in listed if entry.is_symlink() or entry.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.is_symlink():
                role.whole = True
                self._target(path)
            if not entry.name.startswith(".") and is_folder(path):
                self.tree(path)

    def mounted(self, points: Iterable[str]) -> None:
        """Add those of the mount points that are files which matter in a folder that was added."""
        known = {os.path.realpath(role.path): role for role in self._roles.values()}
        for point in points:
            folder, name = os.path.split(point)
            role = known.get(folder)
            matters = role is not None and (role.walked or role.whole or name in role.names)
            if matters and not is_folder(Path(point)):
                self._role(Path(point))

    def _target(self, link: Path) -> None:
        """Add the folder that a symlink points to, or that holds what it points to."""
        self._way(str(link.absolute()))
        try:
            target = link.resolve()
        except (OSError, RuntimeError):
            return  # a loop
        role = self._role(target if is_folder(target) else _nearest_folder(target.parent))
        if role is not None:
            role.whole = True

    def _way(self, path: str) -> None:
        """Add the names of the symlinks on the way to a path, and on the way to where those point to."""
        ways = [path]
        while ways:
            path = ways.pop()
            while path not in self._passed:  # the root is its own parent
                self._passed.add(path)
                with suppress(OSError):
                    ways += self._link(path)
                path = os.path.dirname(path)  # noqa: PTH120 - a mount has thousands of them

    def _link(self, path: str) -> tuple[str, ...]:
        """Add a name where it is a symlink, once, so that a loop ends; return where it points to."""
        found = os.lstat(path)
        if not stat.S_ISLNK(found.st_mode) or (found.st_dev, found.st_ino) in self._links:
            return ()
        self._links.add((found.st_dev, found.st_ino))
        parent, name = os.path.split(path)
        role = self._role(Path(parent))
        if role is not None:
            role.names.add(name)
        return (os.path.join(parent, os.readlink(path)),)  # noqa: PTH115, PTH118 - the same

    def _role(self, folder: Path) -> _Role | None:
        """Give what is known of a folder, None where it is gone."""
        try:
            found = folder.stat()
        except OSError:
            return None
        return self._roles.setdefault((found.st_dev, found.st_ino), _Role(str(folder)))


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114 - Path.is_symlink raises where a name cannot be looked up


def _mount_points() -> Iterable[str]:
    """Give the real paths on which something is mounted (proc_pid_mountinfo(5))."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return ()
    return tuple(os.fsdecode(_ESCAPE.sub(lambda found: bytes((int(found[1], 8),)), line.split()[4])) for line in lines)


def _nearest_folder(path: Path) -> Path:
    while not is_folder(path) and path != path.parent:
        path = path.parent
    return path


def sign(folder: Watched | None, event: Event) -> Sign | None:
    """Say what an event in a folder is a sign of; None where it is of no interest. folder: None where it is not known."""
    if folder is None or not event.name:
        return Sign("", vague=True)  # events were lost, or it is the folder itself
    path = os.path.join(folder.path, event.name)  # noqa: PTH118 - as the file is named by who reads it
    try:
        found = os.lstat(path)
    except OSError:
        found = None
    link = found is not None and stat.S_ISLNK(found.st_mode)
    if not _matters(folder, event, link=link):
        return None
    vague = bool(folder.others or event.mask & ISDIR or link)
    return Sign(path, *_rest(event.mask, found), vague=vague)


def _matters(folder: Watched, event: Event, *, link: bool) -> bool:
    if event.name in folder.names:
        return True
    if folder.others is not None:
        return folder.others
    return not event.name.startswith(".") and (event.mask & ISDIR > 0 or link or event.name.endswith(SUFFIXES))


def _rest(mask: int, found: os.stat_result | None) -> tuple[float, bool]:
    """Return how long to leave a name alone, and whether that is all that there is to wait for."""
    if mask & (MOVED_TO | MOVED_FROM | DELETE) or found is None or not stat.S_ISREG(found.st_mode):
        return BURST, True
    if mask & CLOSE_WRITE:
        return (QUIET if found.st_size else UNFINISHED), True
    if mask & ATTRIB or (mask & CREATE and found.st_nlink > 1):  # one more name of a file that was there
        return BURST, False
    return UNFINISHED, True
