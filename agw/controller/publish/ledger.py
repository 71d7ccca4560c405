"""What is published of one Gateway, and what a data plane lacks of it.

Why: a change costs what it changes, however many data planes there are. The last versions are kept as the keys that
each changed, so that who is behind gets the difference from where it is, made once for all that are at the same place.
Versions are forgotten where their keys are more than the entries: comparing is cheaper then.

Pure bookkeeping: no socket, no clock. Must not: know who listens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from agw.snapshot.codec import encode
from agw.snapshot.model import Delta, Entry
from agw.snapshot.stream import NOTHING, Update, add, digest, entry_hash, frame, short

MAX_VERSIONS = 1024
"""Versions that are remembered at most."""

MIN_KEYS = 4096
"""Changed keys that are remembered, however few entries there are."""

MAX_FRAMES = 16
"""Updates that are kept for others that start at the same place; most data planes are at the version before."""

_MAX_STRANGERS = 16
_KEY = 24  # bytes of an inventory for each key besides its name, and the hash that the msgpack around both takes
_SPARE = 1 << 16


class Base(NamedTuple):
    """Where a data plane is: at a version, but for these keys. Version 0 has nothing."""

    version: int = 0
    but: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Step:
    """What made a version out of the one before it. digest: of the version before it."""

    version: int
    changed: frozenset[str]
    digest: bytes


class Ledger:
    """The entries of one Gateway, version after version."""

    def __init__(self) -> None:
        """Begin before the first version."""
        self.version = 0
        self.entries: Mapping[str, Entry] = {}
        self._hashes: dict[str, int] = {}
        self._total = 0
        self._names = 0  # bytes of all keys
        self._steps: deque[_Step] = deque()
        self._kept_keys = 0
        self._strangers: dict[bytes, Base] = {}  # by digest: what another controller published, and one data plane had
        self._frames: dict[Base, bytes] = {}  # of updates to this version, by where they start

    @property
    def digest(self) -> bytes:
        """Digest of what is published."""
        return digest(self._total)

    # Versions

    def publish(self, entries: Mapping[str, Entry], changed: Iterable[str]) -> bool:
        """Take the next version; False where nothing is different. changed: the keys that may be, new and gone too."""
        before = self.digest
        differing = frozenset(key for key in changed if self._rehash(key, entries.get(key)))
        self.entries = entries
        if not differing and self.version:
            return False
        self.version += 1
        self._steps.append(_Step(self.version, differing, before if self.version > 1 else NOTHING))
        self._kept_keys += len(differing)
        self._forget()
        self._frames.clear()
        return True

    def _rehash(self, key: str, entry: Entry | None) -> bool:
        """Put a key's hash into the sum; say whether it is another."""
        was = self._hashes.get(key)
        now = entry_hash(key, entry) if entry is not None else None
        if was == now:
            return False
        self._total = add(self._total, () if now is None else (now,), without=() if was is None else (was,))
        if now is None:
            del self._hashes[key]
        else:
            self._hashes[key] = now
        self._names += len(key.encode()) * ((now is not None) - (was is not None))
        return True

    def _forget(self) -> None:
        most = max(MIN_KEYS, len(self._hashes))
        while self._steps and (len(self._steps) > MAX_VERSIONS or self._kept_keys > most):
            self._kept_keys -= len(self._steps.popleft().changed)

    # Data planes

    def base_of(self, known: bytes) -> Base | None:
        """Say where a data plane with this digest is; None where that is not known (any more)."""
        if known == NOTHING:
            return Base()
        if known == self.digest:
            return Base(self.version)
        version = next((step.version - 1 for step in reversed(self._steps) if step.digest == known), None)
        base = Base(version) if version is not None else self._strangers.get(known)
        return base if base is not None and self._remembers(base.version) else None

    @property
    def inventory_limit(self) -> int:
        """Bytes of the largest inventory that is worth taking: of one much larger, sending everything costs less."""
        return _SPARE + 2 * (self._names + _KEY * len(self._hashes))

    def meet(self, known: bytes, inventory: Mapping[str, bytes]) -> Base:
        """Say where a data plane is that has this inventory, and remember it for others with this digest."""
        differing = {key for key, value in self._hashes.items() if inventory.get(key) != short(value)}
        base = Base(self.version, frozenset(differing | (inventory.keys() - self._hashes.keys())))
        if len(self._strangers) >= _MAX_STRANGERS:
            del self._strangers[next(iter(self._strangers))]
        self._strangers[known] = base
        return base

    def update_from(self, base: Base) -> bytes | None:
        """Give the frame that leads to the latest version, shared by all that start there; None where that is forgotten."""
        made = self._frames.get(base)
        if made is None and self._remembers(base.version):
            made = self._frame(base)
            if len(self._frames) >= MAX_FRAMES:
                del self._frames[next(iter(self._frames))]
            self._frames[base] = made
        return made

    def _remembers(self, version: int) -> bool:
        oldest = self._steps[0].version - 1 if self._steps else self.version
        return version == 0 or version >= oldest

    def _frame(self, base: Base) -> bytes:
        present, gone = self.entries, frozenset[str]()
        if base.version:
            since = takewhile(lambda step: step.version > base.version, reversed(self._steps))
            changed = base.but.union(*(step.changed for step in since))
            present = {key: self.entries[key] for key in sorted(changed) if key in self.entries}
            gone = changed - present.keys()
        delta = Delta(base.version, self.version, dict(present), tuple(sorted(gone)))
        return frame(Update(self.version, self.digest, encode(delta)))
