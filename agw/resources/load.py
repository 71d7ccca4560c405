"""Files and folders to a ResourceSet, with every problem found; loading again costs what changed.

    load(paths) -> Loaded            once
    Loader().load(paths) -> Loaded   again and again: keeps what it read, by file and by document
    load_texts({name: text}) -> Loaded   what is no file yet

Rules:
- A folder gives its *.yaml, *.yml and *.json, sub-folders too, by name; hidden names are passed over, so that a
  ConfigMap mount, whose files are links into `..data`, is read once. A file is read once however often it is named.
- A document with an error is left out whole, and `Loaded.dropped` names it; the rest is still decoded. Whoever serves
  from a `Loaded` must look at `ok` first: a dropped TrafficPolicy is a route without its lock.
- A file that did not change (inode, size, times) is not read; in one that did, a document whose text did not change is
  not decoded. What did not change comes back as the same `Resource`.
Must not: translate, watch, log.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from agw.errors import Position, Problem, Severity
from agw.resources import codes
from agw.resources.decode import Decoded, Item, decode
from agw.resources.meta import Object
from agw.resources.objects import Resource, ResourceSet
from agw.resources.source import FileSource

MAX_FILE = 16 * 1024 * 1024
_AFTER_MARK = ("", " ", "\t", "\r", "\n")
SUFFIXES = (".yaml", ".yml", ".json")

_RACY_NS = 50_000_000
"""A file written this shortly before it was read may change again without its times showing it: read it anew."""


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
    """What was read. files: those that were looked at, in order."""

    resources: ResourceSet
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is no error (warnings may be)."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)


def load(paths: Sequence[Path]) -> Loaded:
    """Read the files and folders once."""
    return Loader().load(paths)


def load_texts(texts: Mapping[str, str]) -> Loaded:
    """Decode manifests that exist as text only, by name: what reading files of those names would give."""
    return _merge({name: _decode_file(name, text.encode(), None, None) for name, text in texts.items()}, [])


@dataclass(frozen=True, slots=True)
class _Placed:
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
class _File:
    """What a file gave. state: what tells whether it changed; None where only its content can."""

    state: tuple[int, ...] | None
    parts: tuple[_Placed, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Loader:
    """Reads again and again."""

    _files: dict[str, _File] = field(default_factory=dict)

    def load(self, paths: Sequence[Path]) -> Loaded:
        """Read what changed, and give the whole."""
        problems: list[Problem] = []
        files: dict[str, _File] = {}
        for path, found in _walk(paths, problems):
            before = self._files.get(path)
            unchanged = before is not None and found is not None and before.state == _state(found)
            files[path] = before if before is not None and unchanged else _read(path, before)
        self._files = files
        return _merge(files, problems)


def _read(path: str, before: _File | None) -> _File:
    """Read and decode a file; documents that `before` has too are not decoded again."""
    try:
        with open(path, "rb", opener=_open_plain) as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                return _failed(path, codes.UNREADABLE, "not a regular file")
            if found.st_size > MAX_FILE:
                return _failed(
                    path, codes.TOO_LARGE, f"the file has {found.st_size} bytes, expected at most {MAX_FILE}"
                )
            content = stream.read(MAX_FILE + 1)
    except OSError as error:
        return _failed(path, codes.UNREADABLE, f"cannot be read: {error.strerror or error}")
    written = max(found.st_mtime_ns, found.st_ctime_ns)
    settled = time.time_ns() - written > _RACY_NS and len(content) == found.st_size
    return _decode_file(path, content, _state(found) if settled else None, before)


def _state(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _open_plain(path: str, flags: int) -> int:
    """Open without waiting for a writer: a FIFO in a folder must not stop the load."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _walk(paths: Sequence[Path], problems: list[Problem]) -> Iterator[tuple[str, os.stat_result | None]]:
    """Files to read, each once, in the order of the arguments and then by name; None where there is no file."""
    seen: set[tuple[int, int] | str] = set()
    for path in paths:
        names = [str(path)]
        if path.is_dir():
            names = list(_folder(path, set(), problems))
            if not names:
                problems.append(Problem(codes.NOTHING, "the folder holds no *.yaml, *.yml or *.json file",
                                        Severity.WARNING, position=Position(str(path))))  # fmt: skip
        for name in names:
            try:
                found = os.stat(name)  # noqa: PTH116 - a Path for each of thousands costs more than the call
            except OSError:
                found = None
            identity = (found.st_dev, found.st_ino) if found is not None else name
            if identity not in seen:
                seen.add(identity)
                yield name, found


def _folder(folder: Path, above: set[str], problems: list[Problem]) -> Iterator[str]:
    """Manifests of a folder by name. above: real names of the folders on the way, against links in circles."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        problems.append(Problem(codes.UNREADABLE, f"cannot be read: {error.strerror}", position=Position(str(folder))))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _folder(Path(entry.path), above | {real}, problems)
        elif entry.name.endswith(SUFFIXES):
            yield entry.path


def _failed(path: str, code: str, message: str, line: int = 0, column: int = 0) -> _File:
    return _File(None, problems=(Problem(code, message, position=Position(path, line, column)),))


def _decode_file(path: str, content: bytes, state: tuple[int, ...] | None, before: _File | None) -> _File:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start)
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1)
        return _failed(path, codes.NOT_UTF8, f"byte 0x{content[error.start]:02x} is not UTF-8", line + 1, column + 1)
    known: dict[str, list[_Placed]] = {}
    for part in before.parts if before is not None else ():
        known.setdefault(part.text, []).append(part)
    as_json = path.endswith(".json")
    parts: list[_Placed] = []
    line = first = 0
    for stretch in [text] if as_json else split(text):
        parts.append(_place(path, stretch, line, first, as_json=as_json, known=known.get(stretch, [])))
        line += stretch.count("\n")
        first += parts[-1].decoded.documents
    return _File(state, tuple(parts))


def split(text: str) -> list[str]:
    """Cut a YAML text at its `---` lines, so that each document can be decoded, and kept, by itself.

    `---` at the start of a line ends a document whatever came before (YAML 1.2.2, 9.1.2). A text with directives or
    `...` lines stays whole: a directive belongs to the document after it.
    """
    if text.startswith(("%", "...")) or "\n%" in text or "\n..." in text:
        return [text]
    edges = [0]
    at = text.find("\n---")
    while at >= 0:
        if text[at + 4 : at + 5] in _AFTER_MARK:
            edges.append(at + 1)
        at = text.find("\n---", at + 4)
    edges.append(len(text))
    stretches = [text[start:end] for start, end in pairwise(edges)]
    if len(stretches) > 1 and not _content(stretches[0]):
        stretches[:2] = [stretches[0] + stretches[1]]
    return stretches


def _content(text: str) -> bool:
    """Whether anything but comments and white space is in the text."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.split("\n"))


def _place(path: str, text: str, line: int, first: int, *, as_json: bool, known: list[_Placed]) -> _Placed:
    for part in known:
        if part.line == line and part.first == first:
            return part
    decoded = known[0].decoded if known else decode(text, as_json=as_json)
    resources: list[Resource[Object]] = []
    problems: list[Problem] = []
    skipped: list[Skipped] = []
    dropped: list[Dropped] = []
    for item in decoded.items:
        document = first + item.document + 1
        position = Position(path, line + item.line + 1, item.column + 1)
        if item.value is not None:
            source = FileSource(path, document, line, text, item.document, item.prefix, as_json)
            resources.append(Resource(item.value, source))
        elif item.foreign is not None:
            skipped.append(Skipped(position, document, item.foreign.api_version, item.label))
        else:
            dropped.append(Dropped(position, document, item.label))
            problems += _problems(item, path, line, document)
    return _Placed(text, line, first, decoded, tuple(resources), tuple(problems), tuple(skipped), tuple(dropped))


def _problems(item: Item, path: str, line: int, document: int) -> list[Problem]:
    problems = []
    for found in item.findings:
        message, hint = found.told(line)
        position = Position(path, line + found.line + 1, found.column + 1)
        problems.append(Problem(found.code, message, Severity.ERROR, item.label, document, found.path, position, hint))
    return problems


def _merge(files: dict[str, _File], problems: list[Problem]) -> Loaded:
    """Put the files together; the second of two objects with one identity is refused."""
    kept: dict[tuple[type[Object], str, str], Resource[Object]] = {}
    skipped: list[Skipped] = []
    dropped: list[Dropped] = []
    for file in files.values():
        problems += file.problems
        for part in file.parts:
            problems += part.problems
            skipped += part.skipped
            dropped += part.dropped
            for resource in part.resources:
                metadata = resource.value.metadata
                first = kept.setdefault((type(resource.value), metadata.namespace, metadata.name), resource)
                if first is not resource:
                    problems.append(_twice(resource, first))
                    dropped.append(Dropped(problems[-1].position, resource.source.document, str(resource)))
    return Loaded(ResourceSet(kept.values()), tuple(problems), tuple(skipped), tuple(dropped), tuple(files))


def _twice(resource: Resource[Object], first: Resource[Object]) -> Problem:
    return Problem(
        codes.DUPLICATE_OBJECT,
        f"the same object stands at {first.source.position_of('$.metadata.name')}",
        object=str(resource),
        document=resource.source.document,
        path="$.metadata.name",
        position=resource.source.position_of("$.metadata.name"),
        hint="remove one of the two, or give them different names or namespaces",
    )
