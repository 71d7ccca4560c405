"""Problems as people and programs read them: text with an excerpt, dicts for JSON and YAML, GitHub annotations.

Rules: an excerpt is the line with the problem, a line above and a line below, and a caret. Where the document is a
Secret (or nobody can tell that it is not), values in the excerpt are masked.
Must not: colour (the command line does), or read a file that no problem names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agw.errors import Problem

Lines = Callable[[str], Sequence[str]]

_TAB_WIDTH = 8
_WIDEST = 160
_SECRET = re.compile(r"""["']?kind["']?\s*:\s*["']?Secret(?:List)?["']?\s*(?:[,}#]|$)""")
_KIND = re.compile(r"""["']?kind["']?\s*:""")
_SAFE = re.compile(r"(?:(?:apiVersion|kind):\s+[\w./-]*|\s*(?:-\s+)*[\w./-]+:|---|)\s*")
"""Lines of a Secret that can hold no value: a key in front of a mapping, and two words that stand at the left edge."""
_KEY = re.compile(r"\s*(?:-\s+)*(?:[\w./-]+:\s)?")


def file_lines(file: str) -> Sequence[str]:
    """Lines of a file, () where it cannot be read: an excerpt is a help, never a new error."""
    try:
        return Path(file).read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError:
        return ()


def text(problem: Problem, lines: Lines = file_lines) -> str:
    """The problem with its excerpt."""
    head = f"{problem.position}: " if problem.position.file else ""
    head += f"{problem.severity.value} {problem.code}: {problem.message}"
    parts = [head]
    where = " ".join(part for part in (problem.object, problem.path if problem.path != "$" else "") if part)
    if where:
        parts.append(f"  in {where}" + (f" (document {problem.document})" if problem.document > 1 else ""))
    parts += excerpt(problem, lines)
    if problem.hint:
        parts.append(f"  hint: {problem.hint}")
    return "\n".join(parts)


def texts(problems: Iterable[Problem], lines: Lines = file_lines) -> str:
    """All problems, an empty line between two; each file is read once."""
    known: dict[str, Sequence[str]] = {}

    def once(file: str) -> Sequence[str]:
        if file not in known:
            known[file] = lines(file)
        return known[file]

    return "\n\n".join(text(problem, once) for problem in problems)


def excerpt(problem: Problem, lines: Lines = file_lines) -> list[str]:
    """The line above, the line, a caret and the line below; [] where there is no position."""
    line, column = problem.position.line, problem.position.column
    source = lines(problem.position.file) if line else ()
    if not 0 < line <= len(source):
        return []
    secret = _may_be_secret(problem, source, line)
    width = len(str(min(line + 1, len(source))))
    out = []
    for number in range(max(1, line - 1), min(line + 1, len(source)) + 1):
        if number == len(source) and not source[number - 1]:
            continue
        shown = source[number - 1].rstrip("\r")
        shown = _masked(shown) if secret else shown
        out.append(f"  {number:>{width}} | {_clipped(_flat(shown))}".rstrip())
        if number == line:
            indent = len(_flat(source[number - 1][: column - 1]))
            out.append(f"  {'':>{width}} | {' ' * min(indent, _WIDEST)}^")
    return out


def _flat(line: str) -> str:
    """Tabs as spaces, so that the caret stands where the eye looks; other control characters visible."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", line.expandtabs(_TAB_WIDTH))


def _clipped(line: str) -> str:
    return line if len(line) <= _WIDEST else line[: _WIDEST - 3] + "..."


def _may_be_secret(problem: Problem, source: Sequence[str], line: int) -> bool:
    """Whether the document around the line is a Secret, or says no kind at all."""
    if problem.object:
        return problem.object.split(" ", 1)[0].startswith("Secret")
    start = line - 1
    while start > 0 and not source[start].startswith("---"):
        start -= 1
    end = line
    while end < len(source) and not source[end].startswith("---"):
        end += 1
    document = source[start:end]
    return any(map(_SECRET.search, document)) or not any(map(_KIND.search, document))


def _masked(line: str) -> str:
    """The line without the values that it may hold."""
    if _SAFE.fullmatch(line):
        return line
    match = _KEY.match(line)
    return (match[0] if match else "") + "<redacted>"


def as_dict(problem: Problem) -> dict[str, object]:
    """The problem as plain data; empty parts left out."""
    position = problem.position
    parts: dict[str, object] = {
        "code": problem.code,
        "severity": problem.severity.value,
        "message": problem.message,
        "object": problem.object,
        "document": problem.document,
        "path": problem.path,
        "file": position.file,
        "line": position.line,
        "column": position.column,
        "hint": problem.hint,
    }
    return {name: value for name, value in parts.items() if value not in ("", 0)}


_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def github(problem: Problem) -> str:
    """The problem as a workflow command, which GitHub shows beside the line."""
    position = problem.position
    properties = {"file": position.file, "line": position.line, "col": position.column, "title": problem.code}
    written = ",".join(f"{name}={_escaped(str(value), prop=True)}" for name, value in properties.items() if value)
    subject = " ".join(part for part in (problem.object, problem.path) if part)
    body = f"{subject}: {problem.message}" if subject else problem.message
    body += f"\n{problem.hint}" if problem.hint else ""
    return f"::{_LEVELS[problem.severity.value]} {written}::{_escaped(body)}"


def _escaped(value: str, *, prop: bool = False) -> str:
    value = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return value.replace(":", "%3A").replace(",", "%2C") if prop else value
