"""The configuration source of `agw run`: text -> resources -> translation -> one update for the supervisor.

    read          reads everything and says what is wrong; keeps what did not change
    Translator    makes entries per Gateway; redoes only what a change concerns
    Source        looks again when the watch says so, and yields a ConfigUpdate where something is different

Rules: the set is one thing. Where a file cannot be read or a document cannot be decoded, the update is refused as a
whole, so that a half-written file never takes a route away; conditions that translation finds are no refusal, they are
entries that answer correctly. The same problems are reported once, not at every look. Files that are being written are
let alone until they are quiet for a moment.

Must not: block the loop (it reads in a thread), or know a socket.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from agw.cli.unrest import Names
from agw.cli.watch import OnDemand, Watch
from agw.dataplane.resolve import forms
from agw.dataplane.state import ConfigUpdate
from agw.errors import Problem
from agw.resources import model
from agw.resources.load import SUFFIXES, Loader, is_folder, load_texts
from agw.resources.objects import Identity, ResourceSet
from agw.resources.whole import Loaded, Skipped
from agw.settings import Address
from agw.snapshot.model import Attachment, Entry, Rule
from agw.translate import Translator, codes

if TYPE_CHECKING:
    from agw.dataplane.logs import Log

Resolve: TypeAlias = Mapping[tuple[str, int], Address]

QUIET_MS = 40  # a file that changed less than this ago may still be being written
EMPTY_MS = 400  # an empty one is left this long: most writers truncate first
PATIENCE_MS = 2_000  # a file that never rests is read in the end


class Reader(Protocol):
    """Reads a whole set; called again and again."""

    roots: tuple[Path, ...]

    def read(self, named: Names = None) -> Loaded:
        """Read everything now; a problem is a value, nothing is raised.

        named: the only files that may differ from the last time; None where any may.
        """


class FileReader:
    """Reads files and folders, again where they changed."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        """Read these."""
        self.roots = roots
        self._loader = Loader()

    def read(self, named: Names = None) -> Loaded:
        """Read what changed, and give the whole."""
        return self._loader.load(self.roots, named)


class TextReader:
    """Reads manifests that were made here; they never change."""

    roots: tuple[Path, ...] = ()

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Read these, by name."""
        self._loaded = load_texts(texts)

    def read(self, named: Names = None) -> Loaded:  # noqa: ARG002 - nothing here has a file's name
        """Give what was decoded."""
        return self._loaded


class Source:
    """An asynchronous iterator of ConfigUpdate, as agw.dataplane takes it."""

    def __init__(self, reader: Reader, watch: Watch | None, resolve: Resolve | None = None) -> None:
        """Read from the reader; again whenever the watch says so, or on demand where there is none.

        resolve: what --resolve says; problems that it solves are not reported.
        """
        self._resolve = resolve or {}
        self._log: Log | None = None
        self._untold: list[tuple[str, dict[str, object]]] = []
        self._skipped: set[str] = set()
        self._reader = reader
        self._watch = watch or OnDemand()
        self._translator = Translator()
        self._resources = ResourceSet()
        self._differing: frozenset[Identity] | None = frozenset()  # objects that may differ from those; None: any
        self._refused: tuple[Problem, ...] | None = None  # of the last look, None where it was good
        self._good: tuple[Problem, ...] = ()
        self._generation = 0
        self._changed: set[str] | None = None  # keys that differ from the last update that had entries; None: any
        self._first: ConfigUpdate | None = None

    def first(self) -> ConfigUpdate:
        """Read for the first time, before there is a loop; `__aiter__` yields this one first."""
        self._first = self._look(force=True)
        if self._first is None:
            raise RuntimeError("a forced look always gives an update")
        return self._first

    async def __aiter__(self) -> AsyncIterator[ConfigUpdate]:
        """Yield the first configuration, then each one that differs from the last."""
        yield self._first or self.first()
        async for named in self._watch:
            update = await asyncio.to_thread(self._look_when_quiet, named)
            if update is not None:
                yield update

    def refresh(self) -> None:
        """Look again now, whatever the watch has seen (SIGHUP)."""
        self._watch.poke()

    def _look_when_quiet(self, named: Names) -> ConfigUpdate | None:
        if named is None:  # of files that it names, the watch knows that they are at rest
            wait_until_quiet(self._reader.roots)
        return self._look(force=False, named=named)

    def _look(self, *, force: bool, named: Names = None) -> ConfigUpdate | None:
        """Read and translate; None where nothing is different from the last time."""
        loaded = self._reader.read(named)
        self._differing = (
            None if self._differing is None or loaded.changed is None else self._differing | loaded.changed
        )
        if not loaded.ok:
            return self._refuse(loaded.problems, force=force)
        changed = self._take_differing(loaded.resources)
        translation = self._translator.update(loaded.resources, changed)
        if self._changed is not None:
            self._changed |= frozenset[str]().union(*translation.changed.values())
        found = unsolved(translation.problems, loaded.resources, self._resolve)
        problems = (*loaded.problems, *found)
        change = count_changes(self._resources, loaded.resources, changed)
        different = force or self._refused is not None or change != NO_CHANGE or problems != self._good
        self._resources, self._good, self._refused = loaded.resources, problems, None
        self._tell_skipped(loaded.skipped)
        if not different:
            return None
        self._generation += 1
        self._tell("configuration read", generation=self._generation, objects=change)
        differing, self._changed = self._changed, set()
        known = None if differing is None else frozenset(differing)
        return ConfigUpdate(merge(translation.snapshots), problems, self._generation, known)

    def _take_differing(self, resources: ResourceSet) -> Collection[Identity]:
        """Give the objects that may differ from the last good set, and begin anew."""
        differing, self._differing = self._differing, frozenset()
        return resources.changed_since(self._resources) if differing is None else differing

    def _refuse(self, problems: tuple[Problem, ...], *, force: bool) -> ConfigUpdate | None:
        if problems == self._refused and not force:
            return None
        self._refused = problems
        self._generation += 1
        return ConfigUpdate(None, problems, self._generation)

    def _tell_skipped(self, skipped: tuple[Skipped, ...]) -> None:
        """Say once of each object that it is passed over."""
        for item in skipped:
            told = f"{item.api_version} {item.object}"
            if told not in self._skipped:
                self._skipped.add(told)
                self._tell(str(item))

    def _tell(self, event: str, **fields: object) -> None:
        """Log, or keep for the log where there is none yet."""
        if self._log is None:
            self._untold.append((event, fields))
        else:
            self._log.info(event, **fields)

    def log_to(self, log: Log) -> None:
        """Log from now on, and what was to be said before."""
        self._log = log
        for event, fields in self._untold:
            log.info(event, **fields)
        self._untold.clear()


@dataclass(frozen=True, slots=True)
class Change:
    """How many objects came, changed and went."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        """`+2 ~1 -0`."""
        return f"+{self.added} ~{self.changed} -{self.removed}"


NO_CHANGE = Change()


def count_changes(before: ResourceSet, now: ResourceSet, identities: Iterable[Identity]) -> Change:
    """Count what differs between two sets; an object that only moved within its file has not changed."""
    added = changed = removed = 0
    for kind, namespace, name in identities:
        old, new = before.get(kind, namespace, name), now.get(kind, namespace, name)
        if old is None:
            added += 1
        elif new is None:
            removed += 1
        elif old.value is not new.value and old.value != new.value:
            changed += 1
    return Change(added, changed, removed)


_WHERE_IT_IS = frozenset({codes.NO_SLICES, codes.NO_READY_ENDPOINT})
_TARGET = re.compile(r"\$\.spec\.a2a\.targets\[([0-9]+)\]")


def unsolved(problems: Iterable[Problem], resources: ResourceSet, resolve: Resolve) -> tuple[Problem, ...]:
    """Return the problems without those of targets whose address --resolve gives."""
    return tuple(problem for problem in problems if not (resolve and _solved(problem, resources, resolve)))


def _solved(problem: Problem, resources: ResourceSet, resolve: Resolve) -> bool:
    at = _TARGET.match(problem.path)
    kind, _, ref = problem.object.partition(" ")
    if problem.code not in _WHERE_IT_IS or at is None or kind != "Backend":
        return False
    namespace, _, name = ref.partition("/")
    backend = resources.get(model.Backend, namespace, name)
    if backend is None or backend.value.spec.a2a is None:
        return False
    static = backend.value.spec.a2a.targets[int(at[1])].static
    return any((form, static.port) in resolve for form in forms(static.host, namespace))


def merge(snapshots: Mapping[str, Mapping[str, Entry]]) -> Mapping[str, Entry]:
    """Put the entries of all Gateways into one map: one process serves them all here.

    A rule that several Gateways take is one entry with the attachments of each.
    """
    if len(snapshots) == 1:
        return next(iter(snapshots.values()))
    merged: dict[str, Entry] = {}
    for entries in snapshots.values():
        for key, entry in entries.items():
            known = merged.get(key)
            merged[key] = _joined(known, entry) if isinstance(known, Rule) and isinstance(entry, Rule) else entry
    return merged


def _joined(first: Rule, second: Rule) -> Rule:
    """Return the rule with the attachments of both; the policy goes to them where it is not the same."""
    if first.policy == second.policy:
        return msgspec.structs.replace(first, attachments=first.attachments + second.attachments)
    attachments = (*_with_policy(first), *_with_policy(second))
    return msgspec.structs.replace(first, attachments=attachments, policy="")


def _with_policy(rule: Rule) -> Iterable[Attachment]:
    return (
        msgspec.structs.replace(attachment, policy=attachment.policy or rule.policy) for attachment in rule.attachments
    )


def wait_until_quiet(roots: Iterable[Path]) -> None:
    """Return once no file under the roots was written to just now; an empty one is given longer."""
    roots = tuple(roots)
    limit = time.monotonic() + PATIENCE_MS / 1000
    while (rest := _rest_needed(roots)) > 0 and time.monotonic() < limit:
        time.sleep(rest)


def _rest_needed(roots: Iterable[Path]) -> float:
    """Return the seconds after which the youngest file is old enough; a time in the future says nothing."""
    now = time.time()
    needed = 0.0
    for path in _files(roots):
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path for each of thousands costs more than the call
        except OSError:
            continue
        age = now - found.st_mtime
        if age >= 0:
            needed = max(needed, (QUIET_MS if found.st_size else EMPTY_MS) / 1000 - age)
    return needed


def _files(roots: Iterable[Path]) -> Iterator[str]:
    for root in roots:
        if not is_folder(root):
            yield str(root)
            continue
        for folder, _, names in os.walk(root):
            yield from (f"{folder}/{name}" for name in names if name.endswith(SUFFIXES))
