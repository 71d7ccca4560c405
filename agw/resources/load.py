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
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from agw.errors import Position, Problem, Severity
from agw.resources import codes
from agw.resources.decode import Item, decode
from agw.resources.meta import Object
from agw.resources.objects import Resource
from agw.resources.source import FileSource
from agw.resources.whole import Dropped, File, Loaded, Skipped, Stretch, Whole

MAX_FILE = 16 * 1024 * 1024
_AFTER_MARK = ("", " ", "\t", "\r", "\n")
SUFFIXES = (".yaml", ".yml", ".json")

_RACY_NS = 50_000_000
"""A file written this shortly before it was read may change again without its times showing it: read it anew."""


def load(paths: Sequence[Path]) -> Loaded:
    """Read the files and folders once."""
    return Loader().load(paths)


def load_texts(texts: Mapping[str, str]) -> Loaded:
    """Decode manifests that exist as text only, by name: what reading files of those names would give."""
    whole = Whole()
    return whole.take({name: _decode_file(name, text.encode(), None, None) for name, text in texts.items()})


class Loader:
    """Reads again and again."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._whole = Whole()
        self._paths: tuple[Path, ...] = ()
        self._lone = False  # each file has one name, and each name a file

    def load(self, paths: Sequence[Path], named: Collection[str] | None = None) -> Loaded:
        """Read what changed, and give the whole.

        named: the only files that may differ from the last time, by the names that `Loaded.files` has; None looks at all.
        A name that is not known, or that is no file any more, makes it look at all as well.
        """
        if named is not None and self._lone and self._paths == tuple(paths):
            fresh = self._look_at(named)
            if fresh is not None:
                return self._whole.exchange(fresh)
        return self._look_at_all(paths)

    def _look_at(self, names: Collection[str]) -> dict[str, File] | None:
        """Read those of the files that changed; None where one of them came or went, or may have a second name."""
        fresh: dict[str, File] = {}
        for path in names:
            before, found = self._whole.files.get(path), _lone(path)
            if before is None or found is None:
                return None
            if before.state != _state(found):
                fresh[path] = _read(path, before)
        return fresh

    def _look_at_all(self, paths: Sequence[Path]) -> Loaded:
        problems: list[Problem] = []
        files: dict[str, File] = {}
        walk = _Walk(problems)
        for path, found in walk.files(paths):
            before = self._whole.files.get(path)
            unchanged = before is not None and found is not None and before.state == _state(found)
            files[path] = before if before is not None and unchanged else _read(path, before)
        self._paths, self._lone = tuple(paths), walk.lone
        return self._whole.put(files, problems)


def _read(path: str, before: File | None) -> File:
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


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116 - a Path for each of thousands costs more than the call
    except OSError:
        return None


def _lone(name: str) -> os.stat_result | None:
    """Give the state of a file that is one itself, and has no second name."""
    try:
        found = os.lstat(name)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 else None


class _Walk:
    """Finds files. lone: no file was found by two names, and no name without a file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.lone = True
        self._problems = problems

    def files(self, paths: Sequence[Path]) -> Iterator[tuple[str, os.stat_result | None]]:
        """Files to read, each once, in the order of the arguments and then by name; None where there is no file."""
        seen: set[tuple[int, int] | str] = set()
        for path in paths:
            for name in self._names(path):
                found = _stat(name)
                identity = (found.st_dev, found.st_ino) if found is not None else name
                self.lone &= found is not None and identity not in seen
                if identity not in seen:
                    seen.add(identity)
                    yield name, found

    def _names(self, path: Path) -> list[str]:
        if not is_folder(path):
            return [str(path)]
        names = list(_folder(path, set(), self._problems))
        if not names:
            message = "the folder holds no *.yaml, *.yml or *.json file"
            self._problems.append(Problem(codes.NOTHING, message, Severity.WARNING, position=Position(str(path))))
        return names


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
        if _leads_on(entry):
            yield from _folder(Path(entry.path), above | {real}, problems)
        elif entry.name.endswith(SUFFIXES):
            yield entry.path


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; not, where its name cannot be looked up."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises there


def _leads_on(entry: os.DirEntry[str]) -> bool:
    """The same of what a folder has, mostly without asking the kernel again."""
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself: reading it says so


def _failed(path: str, code: str, message: str, line: int = 0, column: int = 0) -> File:
    return File(None, problems=(Problem(code, message, position=Position(path, line, column)),))


def _decode_file(path: str, content: bytes, state: tuple[int, ...] | None, before: File | None) -> File:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start)
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1)
        return _failed(path, codes.NOT_UTF8, f"byte 0x{content[error.start]:02x} is not UTF-8", line + 1, column + 1)
    known: dict[str, list[Stretch]] = {}
    for part in before.stretches if before is not None else ():
        known.setdefault(part.text, []).append(part)
    as_json = path.endswith(".json")
    parts: list[Stretch] = []
    line = first = 0
    for stretch in [text] if as_json else split(text):
        parts.append(_place(path, stretch, line, first, as_json=as_json, known=known.get(stretch, [])))
        line += stretch.count("\n")
        first += parts[-1].decoded.documents
    return File(state, tuple(parts))


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


def _place(path: str, text: str, line: int, first: int, *, as_json: bool, known: list[Stretch]) -> Stretch:
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
    return Stretch(text, line, first, decoded, tuple(resources), tuple(problems), tuple(skipped), tuple(dropped))


def _problems(item: Item, path: str, line: int, document: int) -> list[Problem]:
    problems = []
    for found in item.findings:
        message, hint = found.told(line)
        position = Position(path, line + found.line + 1, found.column + 1)
        problems.append(Problem(found.code, message, Severity.ERROR, item.label, document, found.path, position, hint))
    return problems
