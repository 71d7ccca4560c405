"""Tell that something under the watched paths may have changed.

What editors, `kubectl` mounts and people do: write in place, write beside and rename over, swap a `..data` symlink,
delete a folder and make it again, delete and make its parent. So what is watched is not the files but the folders
that hold their names: each folder of the set, the parent of each named path (or the nearest ancestor that is there),
and the folder of each symlink's target. One flat, non-recursive watch on that list; when the list itself changes
(a folder came, went or was replaced: same name, another inode), the watch is made anew, and what happened meanwhile
is found because a fresh watch always reports once.

Rules: it says "look again", never what changed; whoever looks compares. Changes within 50 ms are one report.
Must not: read a manifest, decide which file counts, or sleep by the clock where inotify works.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

LOG = logging.getLogger("agw.watch")

STEP_MS = 20
DEBOUNCE_MS = 200  # a writer that never pauses for STEP_MS is reported this often
_WAKE_MS = 1_000  # how long the thread may take to see that it must stop, where no event wakes it
_RETRY_S = 0.05  # a folder went between the plan and the watch
_FALLBACK_POLL_MS = 1_000


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder to watch. The inode tells a folder from its successor of the same name."""

    path: str
    device: int
    inode: int


def plan(roots: Iterable[Path]) -> frozenset[Watched]:
    """Return the folders to watch for these files and folders, whether or not they exist."""
    found: dict[tuple[int, int], Watched] = {}
    for root in roots:
        _add(found, _nearest_folder(root.absolute().parent))
        if root.is_symlink():
            _add(found, _nearest_folder(root.resolve().parent))
    walked: set[tuple[int, int]] = set()
    for root in roots:
        if root.is_dir():
            _add_tree(found, root.absolute(), walked)
    return frozenset(found.values())


def _nearest_folder(path: Path) -> Path:
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def _add(found: dict[tuple[int, int], Watched], folder: Path) -> tuple[int, int] | None:
    """Add a folder, once whatever it is called; return its identity, None where it is gone."""
    try:
        stat = folder.stat()
    except OSError:
        return None
    identity = (stat.st_dev, stat.st_ino)
    found.setdefault(identity, Watched(str(folder), *identity))
    return identity


def _add_tree(found: dict[tuple[int, int], Watched], folder: Path, walked: set[tuple[int, int]]) -> None:
    """Add a folder, the folders in it, and where the symlinks in it point to. Hidden folders hold no manifests.

    A folder is walked once, so that a symlink loop ends.
    """
    identity = _add(found, folder)
    if identity is None or identity in walked:
        return
    walked.add(identity)
    try:
        with os.scandir(folder) as listed:
            # Only folders and symlinks need a look; a folder of thousands of files is listed in one go.
            entries = [entry for entry in listed if entry.is_symlink() or entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in sorted(entries, key=lambda entry: entry.name):
        path = Path(entry.path)
        if entry.is_symlink():
            target = path.resolve()
            _add(found, target if target.is_dir() else _nearest_folder(target.parent))
        if not entry.name.startswith(".") and path.is_dir():
            _add_tree(found, path, walked)


class Watch:
    """An asynchronous iterator of "look again"; the first comes at once.

    poll_ms: 0 uses inotify; more than that looks at the files that often, for mounts that send no events.
    """

    def __init__(self, roots: Iterable[Path], *, poll_ms: int = 0) -> None:
        """Watch these files and folders; nothing starts before the first iteration."""
        self._roots = tuple(roots)
        self._poll_ms = poll_ms
        self._stop = threading.Event()
        self._wanted: asyncio.Event | None = None

    async def __aiter__(self) -> AsyncIterator[None]:
        """Yield whenever something may have changed since the last time; end after `close`."""
        loop = asyncio.get_running_loop()
        self._wanted = changed = asyncio.Event()
        thread = threading.Thread(target=self._run, args=(loop, changed), name="agw-watch", daemon=True)
        thread.start()
        try:
            while not self._stop.is_set():
                await changed.wait()
                changed.clear()
                if not self._stop.is_set():
                    yield
        finally:
            self._stop.set()

    def poke(self) -> None:
        """Report once more, whatever happened; call it from the loop's thread."""
        if self._wanted is not None:
            self._wanted.set()

    def close(self) -> None:
        """End the iteration; call it from the loop's thread."""
        self._stop.set()
        self.poke()

    def _run(self, loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
        while not self._stop.is_set():
            if self._poll_ms:
                self._poll(loop, changed)
                return
            folders = plan(self._roots)
            try:
                notify = _open(folders)
            except OSError:
                self._stop.wait(_RETRY_S)
                continue
            except RuntimeError as error:
                # The kernel's limit of watches is reached, or it has no inotify: look by the clock from here on.
                LOG.warning("cannot watch with inotify (%s): looking every %d ms", error, _FALLBACK_POLL_MS)
                self._poll_ms = _FALLBACK_POLL_MS
                continue
            with notify:
                if plan(self._roots) == folders:
                    _signal(loop, changed)
                    self._wait(notify, folders, loop, changed)

    def _wait(
        self, notify: RustNotify, folders: frozenset[Watched], loop: asyncio.AbstractEventLoop, changed: asyncio.Event
    ) -> None:
        """Report changes until the list of folders changes."""
        while not self._stop.is_set():
            seen = notify.watch(DEBOUNCE_MS, STEP_MS, _WAKE_MS, self._stop)
            if seen == "timeout":
                continue
            if isinstance(seen, str) or plan(self._roots) != folders:
                return
            _signal(loop, changed)

    def _poll(self, loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
        """Report by the clock. watchfiles' own polling compares whole seconds and misses two changes in one."""
        seen: object = None
        while not self._stop.is_set():
            now = _fingerprint(plan(self._roots))
            if now != seen:
                seen = now
                _signal(loop, changed)
            self._stop.wait(self._poll_ms / 1000)


class OnDemand:
    """The same where nothing is watched: an iterator that yields when it is poked, and only then."""

    def __init__(self) -> None:
        """Wait."""
        self._wanted = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[None]:
        """Yield once for each time, or several times, that `poke` was called."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            yield

    def poke(self) -> None:
        """Report once more; call it from the loop's thread."""
        self._wanted.set()


def _open(folders: frozenset[Watched]) -> RustNotify:
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415 - `agw check` never watches

    paths = sorted(folder.path for folder in folders)
    return RustNotify(paths, False, False, 0, False, True)  # noqa: FBT003 - its signature


def _fingerprint(folders: Iterable[Watched]) -> frozenset[tuple[str, int, int, int]]:
    """Return what tells one state of the folders from the next: every name's file, time of change and size."""
    found = []
    for folder in folders:
        try:
            with os.scandir(folder.path) as entries:
                names = [entry.path for entry in entries]
        except OSError:
            continue
        for name in names:
            try:
                stat = os.stat(name)  # noqa: PTH116 - thousands of them, each second
            except OSError:
                continue
            found.append((name, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return frozenset(found)


def _signal(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(changed.set)
    except RuntimeError:
        return  # the loop is closed: nobody is left to tell
