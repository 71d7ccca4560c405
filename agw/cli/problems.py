"""Problems on a terminal: the rendering of agw.resources.render, with colour, and help with a mistyped path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from agw.cli.output import Style
from agw.errors import Problem, Severity
from agw.resources import codes
from agw.resources.load import is_folder
from agw.resources.render import text

_MANIFESTS = (".yaml", ".yml", ".json")


def show(problems: Iterable[Problem], style: Style) -> str:
    """Return the problems with their excerpts, an empty line between two."""
    paint = {Severity.ERROR: style.error, Severity.WARNING: style.warning, Severity.INFO: style.dim}
    shown = []
    for problem in problems:
        label = f"{problem.severity.value} {problem.code}:"
        shown.append(text(problem).replace(label, paint[problem.severity](label), 1))
    return "\n\n".join(shown)


def summary(problems: Iterable[Problem]) -> str:
    """Count problems: `2 errors, 1 warning`; "" where there is nothing to count. Notes are not counted."""
    counts = Counter(problem.severity for problem in problems)
    parts = []
    for severity in (Severity.ERROR, Severity.WARNING):
        count = counts[severity]
        if count:
            parts.append(f"{count} {severity.value}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def by_place(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order in which an editor meets them."""
    return tuple(sorted(problems, key=lambda each: (each.position.file, each.position.line, each.position.column)))


def with_near_paths(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems; where a path is not there, with what is there instead."""
    return tuple(_with_near_path(problem) for problem in problems)


def _with_near_path(problem: Problem) -> Problem:
    path = Path(problem.position.file)
    if problem.code != codes.UNREADABLE or problem.hint or _may_be_there(path):
        return problem
    return replace(problem, hint=_near(path))


def _may_be_there(path: Path) -> bool:
    """Whether there is something, or nobody may say whether."""
    try:
        return path.exists()
    except OSError:
        return True


def _near(path: Path) -> str:
    """Say what a path that is not there may have meant."""
    missing = path
    while missing.parent != missing and not is_folder(missing.parent):
        missing = missing.parent
    folder = missing.parent
    try:
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return ""
    close = get_close_matches(missing.name, names, n=1)
    if close:
        return f"did you mean {folder / close[0]}?"
    usable = [name for name in names if name.endswith(_MANIFESTS) or is_folder(folder / name)][:8]
    return f"in {folder.absolute()} are: {', '.join(usable)}" if usable else f"{folder.absolute()} has no manifests"
