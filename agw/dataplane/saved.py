"""The last good configuration on disk, from which a data plane starts where the controller is away.

    agw-saved 1 <SHA-256 of what follows, hex> LF
    msgpack: the Gateway, and the snapshot as agw.snapshot.codec encodes it

Rules: the file is replaced in one step and synced, so that there is always a whole one, the old or the new; it is
readable by its owner alone. What cannot be used (damaged, of another release or another Gateway) is as good as none,
with a reason for the log. Keys are in it as digests only, as in every snapshot.

Must not: raise for what is on the disk, or decide when to save.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agw.snapshot.codec import SnapshotError, decode_snapshot, encode_in_parts
from agw.snapshot.model import Entry

NAME = "snapshot.agw"
_MAGIC = b"agw-saved 1 "
_MAX_HEAD = 128


class _Body(msgspec.Struct, frozen=True):
    gateway: str
    snapshot: bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found. entries: None where nothing can be used. reason: why, "" where there is no file."""

    entries: Mapping[str, Entry] | None = None
    reason: str = ""


def load(folder: Path, gateway: str) -> Loaded:
    """Read the copy of this Gateway."""
    path = folder / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Loaded()
    except OSError as error:
        return Loaded(reason=f"{path}: {error.strerror}")
    head, newline, rest = data.partition(b"\n")
    if not newline or not head.startswith(_MAGIC) or len(head) > _MAX_HEAD:
        return Loaded(reason=f"{path} is no copy that this release can read")
    if head.removeprefix(_MAGIC) != _checksum(rest):
        return Loaded(reason=f"{path} is damaged: its checksum is another")
    return _of_body(rest, path, gateway)


def _of_body(data: bytes, path: Path, gateway: str) -> Loaded:
    try:
        body = msgspec.msgpack.decode(data, type=_Body)
        if body.gateway != gateway:
            return Loaded(reason=f"{path} is of Gateway {body.gateway}")
        return Loaded(decode_snapshot(body.snapshot).entries)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, SnapshotError) as error:
        return Loaded(reason=f"{path} cannot be used: {error}")


def save(folder: Path, gateway: str, entries: Mapping[str, Entry]) -> None:
    """Replace the copy; OSError where that does not work, and then the old one is still there."""
    rest = msgspec.msgpack.encode(_Body(gateway, _encoded(entries)))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = folder / f".{NAME}.new"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
            file.writelines((_MAGIC, _checksum(rest), b"\n", rest))
            file.flush()
            os.fsync(fd)
        aside.replace(folder / NAME)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    _sync(folder)


def _encoded(entries: Mapping[str, Entry]) -> bytes:
    """Encode a snapshot, and let other threads run between its parts: the supervisor's is one of them."""
    parts = []
    for part in encode_in_parts(entries):
        parts.append(part)
        time.sleep(0)  # it gives the interpreter's lock away, and no more
    return b"".join(parts)


def _sync(folder: Path) -> None:
    """Make the new name itself last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
