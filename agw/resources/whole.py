"""What many files gave, put together, and kept up to date at the cost of the files that changed.

    Stretch   a document, or a few, at its place in a file      File   all stretches of a file
    Whole     all files, in order: take() or put() all of them, or exchange() some  ->  Loaded

Rules: what `exchange` gives is what `take` of the same files would give, kind by kind. Of two objects with one identity
the first file's has it and the second is refused, so where that happens, or has happened, files are put together anew.

Must not: read a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agw.errors import Position, Problem, Severity
from agw.resources import codes
from agw.resources.decode import Decoded
from agw.resources.meta import Object
from agw.resources.objects import Identity, Resource, ResourceSet


@dataclass(frozen=True, slots=True)
class Skipped:
    """A document of a kind that agw does not read."""

    position: Position
    document: int
    api_version: str
    object: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.position}: skipped {self.object} ({self.api_version}): not a kind that agw reads"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A document that was left out because of an error. object: "" where it cannot be told what it is."""

    position: Position
    document: int
    object: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.position}: left out {self.object or 'document'}: it has errors"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read. files: those that were looked at, in order.

    changed: the objects that may differ from what was read the last time; None where any may.
    """

    resources: ResourceSet
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    files: tuple[str, ...] = ()
    changed: frozenset[Identity] | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error (warnings may be)."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of a file gave, at its place in the file. line: lines before it. first: documents before it."""

    text: str
    line: int
    first: int
    decoded: Decoded
    resources: tuple[Resource[Object], ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Skipped, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class File:
    """What a file gave. state: what tells whether it changed; None where only its content can."""

    state: tuple[int, ...] | None
    stretches: tuple[Stretch, ...] = ()
    problems: tuple[Problem, ...] = ()

    def resources(self) -> Iterator[Resource[Object]]:
        """All objects, in order."""
        for stretch in self.stretches:
            yield from stretch.resources

    @property
    def notable(self) -> bool:
        """Whether there is anything to say of it."""
        return bool(self.problems) or any(part.problems or part.skipped or part.dropped for part in self.stretches)


class Whole:
    """All files together."""

    def __init__(self) -> None:
        """Begin without files."""
        self.files: dict[str, File] = {}
        self._beside: tuple[Problem, ...] = ()  # problems that are no file's
        self._notable: set[str] = set()
        self._doubled: list[tuple[Problem, Dropped]] = []
        self._resources = ResourceSet()

    def take(self, files: dict[str, File], beside: Iterable[Problem] = ()) -> Loaded:
        """Put these files together, in this order. beside: problems that are no file's."""
        self.files = files
        self._beside = tuple(beside)
        self._notable = {path for path, file in files.items() if file.notable}
        self._doubled = []
        kept: dict[Identity, Resource[Object]] = {}
        for file in files.values():
            for resource in file.resources():
                first = kept.setdefault(_identity(resource), resource)
                if first is not resource:
                    self._doubled.append(_twice(resource, first))
        self._resources = ResourceSet(kept.values())
        return self._loaded(None)

    def put(self, files: dict[str, File], beside: Iterable[Problem] = ()) -> Loaded:
        """Do the same, at the cost of those that are not the files that there were, where all names are those."""
        beside = tuple(beside)
        if list(files) != list(self.files) or beside != self._beside:
            return self.take(files, beside)
        return self.exchange({path: file for path, file in files.items() if file is not self.files[path]})

    def exchange(self, files: Mapping[str, File]) -> Loaded:
        """Put files in the place of those of their names, which are there."""
        changes = None if self._doubled else self._changes(files)
        if changes is None:
            return self.take({**self.files, **files}, self._beside)
        for path, file in files.items():
            self.files[path] = file
            (self._notable.add if file.notable else self._notable.discard)(path)
        if changes:
            self._resources = self._resources.replacing(changes)
        return self._loaded(frozenset(changes))

    def _changes(self, files: Mapping[str, File]) -> dict[Identity, Resource[Object] | None] | None:
        """Give the objects that differ, None for those that are gone; None where two would have one identity."""
        before = {_identity(resource): resource for path in files for resource in self.files[path].resources()}
        changes: dict[Identity, Resource[Object] | None] = dict.fromkeys(before)
        for file in files.values():
            for resource in file.resources():
                identity = _identity(resource)
                known = changes.get(identity) if identity in changes else self._resources.get(*identity)
                if known is not None:
                    return None
                changes[identity] = resource
        return {identity: now for identity, now in changes.items() if before.get(identity) is not now}

    def _loaded(self, changed: frozenset[Identity] | None) -> Loaded:
        problems = list(self._beside)
        skipped: list[Skipped] = []
        dropped: list[Dropped] = []
        for file in [self.files[path] for path in self.files if path in self._notable]:
            problems += file.problems
            for stretch in file.stretches:
                problems += stretch.problems
                skipped += stretch.skipped
                dropped += stretch.dropped
        problems += (problem for problem, _ in self._doubled)
        dropped += (left for _, left in self._doubled)
        names = tuple(self.files)
        return Loaded(self._resources, tuple(problems), tuple(skipped), tuple(dropped), names, changed)


def _identity(resource: Resource[Object]) -> Identity:
    metadata = resource.value.metadata
    return type(resource.value), metadata.namespace, metadata.name


def _twice(resource: Resource[Object], first: Resource[Object]) -> tuple[Problem, Dropped]:
    position = resource.source.position_of("$.metadata.name")
    problem = Problem(
        codes.DUPLICATE_OBJECT,
        f"the same object stands at {first.source.position_of('$.metadata.name')}",
        object=str(resource),
        document=resource.source.document,
        path="$.metadata.name",
        position=position,
        hint="remove one of the two, or give them different names or namespaces",
    )
    return problem, Dropped(position, resource.source.document, str(resource))
