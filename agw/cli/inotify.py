"""The kernel's inotify: which names of which folders something was done to.

Why not a library: those that are there wait in steps of a clock, say less than the kernel (whether a writer has closed
its file), or start a program to find the C library. This is two calls and a record of four numbers (inotify(7)).

Must not: know what a name means.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from types import TracebackType
from typing import NamedTuple, Self

MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
_DELETE_SELF = 0x400
_MOVE_SELF = 0x800
LOST = 0x4000 | 0x8000  # events, or the watch itself: its folder is gone
ISDIR = 0x4000_0000
_MASK = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | _DELETE_SELF | _MOVE_SELF

_HEAD = struct.Struct("iIII")  # watch, mask, cookie, bytes of the name
_READ = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    """What was done. watch: what `add` returned, -1 where events were lost. name: "" where it is the folder itself."""

    watch: int
    mask: int
    name: str


class Inotify:
    """One queue of events; a context manager."""

    def __init__(self, wake: int) -> None:
        """Open it; OSError where there is none. wake: a descriptor that ends a wait when it can be read."""
        self._fd = _called(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(wake, select.POLLIN)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._fd)

    def add(self, path: str) -> int:
        """Watch a folder, not what is below, or a file; OSError where it is not there, or is one too many."""
        return _called(_libc.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(_MASK)))

    def read(self, seconds: float) -> list[Event]:
        """Wait so long for events, and give those that there are."""
        self._poll.poll(max(seconds, 0) * 1000)
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return []
        events = []
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            events.append(Event(watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))))
        return events


def _called(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
