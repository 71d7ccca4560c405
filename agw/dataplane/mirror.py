"""What a data plane has got of its Gateway, and how it is told from what it lacks.

Pure: values in, values out. Must not: know whether any of it is in force; an update goes on top of what was received,
also where the workers have refused that.
"""

from __future__ import annotations

from collections.abc import Mapping

from agw.errors import AgwError
from agw.snapshot.codec import decode_delta
from agw.snapshot.model import Entry
from agw.snapshot.stream import NOTHING, Update, add, digest, entry_hash, short


class Diverged(AgwError):  # noqa: N818 - a situation, named as one
    """What an update makes is not what the controller has: both sides have to begin anew."""

    retry = True


class Mirror:
    """The entries as received last."""

    def __init__(self) -> None:
        """Begin with nothing, which is not the same as an empty configuration."""
        self.entries: Mapping[str, Entry] = {}
        self._hashes: dict[str, int] = {}
        self._total = 0
        self._any = False

    @property
    def digest(self) -> bytes:
        """Digest of what was received; NOTHING where there was nothing."""
        return digest(self._total) if self._any else NOTHING

    def inventory(self) -> dict[str, bytes]:
        """Give a short hash for each key."""
        return {key: short(value) for key, value in self._hashes.items()}

    def take(self, entries: Mapping[str, Entry]) -> None:
        """Begin with these."""
        self.entries = entries
        self._hashes = {key: entry_hash(key, entry) for key, entry in entries.items()}
        self._total = add(0, self._hashes.values())
        self._any = True

    def forget(self) -> None:
        """Build the next update on nothing. The entries stay what they are until then: they may be in force."""
        self._hashes, self._total, self._any = {}, 0, False

    def apply(self, update: Update) -> frozenset[str]:
        """Take an update and give the keys that it set or removed.

        Raise SnapshotError where it cannot be read and Diverged where the result is not what it should be; either way
        nothing has changed.
        """
        delta = decode_delta(update.delta)
        hashes = {key: entry_hash(key, entry) for key, entry in delta.set.items()}
        if not delta.base:
            return self._replace(delta.set, hashes, update.digest)
        touched = frozenset(delta.set).union(delta.removed)
        gone = [self._hashes[key] for key in touched if key in self._hashes]
        total = _fitting(add(self._total, hashes.values(), without=gone), update.digest)
        entries = {**self.entries, **delta.set} if self._any else dict(delta.set)
        for key in delta.removed:
            entries.pop(key, None)
            self._hashes.pop(key, None)
        self._hashes.update(hashes)
        self.entries, self._total, self._any = entries, total, True
        return touched

    def _replace(self, entries: dict[str, Entry], hashes: dict[str, int], wanted: bytes) -> frozenset[str]:
        """Take all there is, and give the keys of that and of what was."""
        total = _fitting(add(0, hashes.values()), wanted)
        touched = frozenset(entries) | self.entries.keys()
        self.entries, self._hashes, self._total, self._any = entries, hashes, total, True
        return touched


def _fitting(total: int, wanted: bytes) -> int:
    if digest(total) != wanted:
        raise Diverged("the update does not fit what this data plane has")
    return total
