"""The difference of two snapshots, and a snapshot with a difference applied.

Rules: `apply(old, diff(old, new)) == new`, always. Entries that did not change stay the same objects, so that whoever
compiles them can tell by identity; neither argument is changed. Cost: one pass over the keys, where an unchanged
entry costs an identity check; or over those that may differ, where the caller knows them.

Must not: know what an entry means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agw.errors import AgwError
from agw.snapshot.model import Delta, Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from agw.snapshot.model import Entry


class VersionGap(AgwError):  # noqa: N818 - a situation to react to, named as one
    """The delta starts from another version than the snapshot has: ask for the whole snapshot."""

    retry = True


def changes(
    old: Mapping[str, Entry], new: Mapping[str, Entry], among: Collection[str] | None = None
) -> tuple[dict[str, Entry], tuple[str, ...]]:
    """Give (entries to set, keys to remove in order) that make `old` into `new`. among: the only keys that may differ."""
    get = old.get
    if among is None:
        to_set = {key: entry for key, entry in new.items() if (was := get(key)) is not entry and was != entry}
        return to_set, tuple(sorted(old.keys() - new.keys()))
    present = {key: new[key] for key in among if key in new}
    gone = sorted(key for key in among if key not in new and key in old)
    return {key: entry for key, entry in present.items() if (was := get(key)) is not entry and was != entry}, tuple(
        gone
    )


def diff(old: Snapshot, new: Snapshot, among: Collection[str] | None = None) -> Delta:
    """Give the delta from one snapshot to another. among: the only keys that may differ."""
    to_set, removed = changes(old.entries, new.entries, among)
    return Delta(base=old.version, version=new.version, set=to_set, removed=removed)


def apply(snapshot: Snapshot, delta: Delta) -> Snapshot:
    """Give the snapshot at the delta's version; raise VersionGap when the delta starts elsewhere.

    A key to remove that is not there is no error: the result is the same.
    """
    if delta.base != snapshot.version:
        message = f"a delta from version {delta.base} on a snapshot at version {snapshot.version}"
        raise VersionGap(message)
    entries = snapshot.entries | delta.set
    for key in delta.removed:
        entries.pop(key, None)
    return Snapshot(version=delta.version, entries=entries)
