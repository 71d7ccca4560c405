"""Tell that something under the watched paths may have changed, and which files, where that is certain.

What editors, `kubectl` mounts and people do: write in place, write beside and rename over, swap a `..data` symlink,
delete a folder and make it again, delete and make its parent. So what is watched is not the files but the folders
that hold their names: each folder of the set, the parent of each named path (or the nearest ancestor that is there),
and the folder of each symlink's target. One flat, non-recursive watch on that list; when the list itself changes
(a folder came, went or was replaced: same name, another inode), or where the kernel has ended the watch of one (its
successor may have its inode) or refused it, the watch is made anew, and what happened meanwhile is found because a
fresh watch always reports once.

Rules: it says "look again"; whoever looks compares. A report names files where the kernel did, in folders of which all
names are those of files; anything else (symlinks, folders, lost events) is "look at all". What is being written is not
reported before its writer has finished (agw.cli.unrest). Some mounts send no events, so all is looked at once in a
while even if nothing seems to happen.
Must not: read a manifest, or wake by the clock more often than that where inotify works.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from agw.cli.folders import Watched, plan, sign
from agw.cli.inotify import LOST, Event, Inotify
from agw.cli.unrest import Names, Sign, Unrest

LOG = logging.getLogger("agw.watch")

SELDOM_S = 30.0
"""Seconds between two looks at all for no reason."""

_NOISE = 20  # reads in a row of nothing that matters, after which there is a pause after each:
_PAUSE_S = 0.01  # the kernel makes one event of many that are the same, if it is given the time
_RETRY_S = 0.05  # a folder went between the plan and the watch
_FALLBACK_POLL_MS = 1_000
_NO_INOTIFY = frozenset(
    # EPERM and EACCES: whoever confines us (seccomp) refuses the call itself
    {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOSYS, errno.ENOMEM, errno.EPERM, errno.EACCES}
)


class Watch:
    """An asynchronous iterator of what to look at again, None for all; the first comes at once.

    poll_ms: 0 uses inotify; more than that looks at the files that often, for mounts that send no events.
    """

    def __init__(self, roots: Iterable[Path], *, poll_ms: int = 0) -> None:
        """Watch these files and folders; nothing starts before the first iteration."""
        self._roots = tuple(roots)
        self._poll_ms = poll_ms
        self._stop = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # ends a wait of the thread
        weakref.finalize(self, os.close, self._wake)
        self._reports = _Reports()

    async def __aiter__(self) -> AsyncIterator[Names]:
        """Yield whenever something may have changed since the last time; end after `close`."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(loop,), name="agw-watch", daemon=True).start()
        try:
            while not self._stop.is_set():
                names = await self._reports.next()
                if not self._stop.is_set():
                    yield names
        finally:
            self._end_thread()

    def poke(self) -> None:
        """Report once more, whatever happened; call it from the loop's thread."""
        self._reports.add(None)

    def close(self) -> None:
        """End the iteration; call it from the loop's thread."""
        self._end_thread()
        self.poke()

    def _end_thread(self) -> None:
        self._stop.set()
        os.eventfd_write(self._wake, 1)

    # The thread

    def _report(self, loop: asyncio.AbstractEventLoop, names: Names) -> None:
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._reports.add, names)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stop.is_set():
            if self._poll_ms:
                self._poll(loop)
                return
            try:
                self._follow(loop)
            except OSError as error:
                if error.errno not in _NO_INOTIFY:
                    self._stop.wait(_RETRY_S)
                    continue
                # The kernel's limit of watches is reached, or there is no inotify for us: look by the clock from here on.
                LOG.warning("cannot watch with inotify (%s): looking every %d ms", error, _FALLBACK_POLL_MS)
                self._poll_ms = _FALLBACK_POLL_MS

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch the folders that there are, and report changes, until the list of folders changes."""
        folders = plan(self._roots)
        with Inotify(self._wake) as notify:
            watches = _watches(notify, folders)
            if plan(self._roots) != folders:
                return
            self._report(loop, None)
            complete = len(watches) == len(folders)
            unrest = Unrest()
            noise = 0
            seldom = time.monotonic() + SELDOM_S
            while not self._stop.is_set():
                now = time.monotonic()
                if now >= seldom:
                    unrest.hear((Sign("", rest=0, vague=True),), now)
                    seldom = now + SELDOM_S
                if unrest.due is not None and now >= unrest.due:
                    names = unrest.take()
                    if names is None and not (complete and plan(self._roots) == folders):
                        return
                    self._report(loop, names)
                until = seldom if unrest.due is None else min(seldom, unrest.due)
                events = notify.read(until - now)
                complete &= not any(event.mask & LOST for event in events)
                signs = tuple(_signs(watches, events))
                unrest.hear(signs, time.monotonic())
                noise = noise + 1 if events and not signs else 0
                if noise >= _NOISE:
                    self._stop.wait(_PAUSE_S)

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        """Report by the clock."""
        seen: object = None
        while not self._stop.is_set():
            now = _fingerprint(plan(self._roots))
            if now != seen:
                seen = now
                self._report(loop, None)
            self._stop.wait(self._poll_ms / 1000)


class OnDemand:
    """The same where nothing is watched: an iterator that yields when it is poked, and only then."""

    def __init__(self) -> None:
        """Wait."""
        self._reports = _Reports()

    async def __aiter__(self) -> AsyncIterator[Names]:
        """Yield once for each time, or several times, that `poke` was called."""
        while True:
            yield await self._reports.next()

    def poke(self) -> None:
        """Report once more; call it from the loop's thread."""
        self._reports.add(None)


class _Reports:
    """What was reported and not yet taken, as one; in the loop's thread."""

    def __init__(self) -> None:
        self._names: Names = frozenset()
        self._some = asyncio.Event()

    def add(self, names: Names) -> None:
        self._names = None if names is None or self._names is None else self._names | names
        self._some.set()

    async def next(self) -> Names:
        await self._some.wait()
        self._some.clear()
        names, self._names = self._names, frozenset()
        return names


def _watches(notify: Inotify, folders: Iterable[Watched]) -> Mapping[int, Watched]:
    """Watch folders; one that may not be read is let be, as its files cannot be read either."""
    watches = {}
    for folder in folders:
        try:
            watches[notify.add(folder.path)] = folder
        except OSError as error:
            if error.errno != errno.EACCES:
                raise
    return watches


def _signs(watches: Mapping[int, Watched], events: Iterable[Event]) -> Iterator[Sign]:
    for event in events:
        found = sign(watches.get(event.watch), event)
        if found is not None:
            yield found


def _fingerprint(folders: Iterable[Watched]) -> frozenset[tuple[str, int, int, int, int]]:
    """Return what tells one state of the folders from the next: every name's file, its times and size.

    Both times: a copy may keep that of the content, and a file that may be read from now on changes the other alone.
    """
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
            found.append((name, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
    return frozenset(found)
