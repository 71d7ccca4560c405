"""What `agw check` does: load, translate, report.

Rules: where a document cannot be decoded, what the rest means together is not judged: a missing Backend would only
follow from it. The exit code is the same in every form of output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from agw.cli.output import Exit, Style, emit, note, table
from agw.cli.problems import by_place, show, summary, with_near_paths
from agw.errors import Problem, Severity
from agw.resources.load import load
from agw.resources.render import as_dict, github
from agw.resources.whole import Loaded
from agw.translate import translate
from agw.translate.check import Report, Row, report


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that is known of the files. report: None where something could not be decoded."""

    loaded: Loaded
    report: Report | None
    problems: tuple[Problem, ...]

    def ok(self, *, strict: bool) -> bool:
        """Whether a controller would have nothing to complain of; strict: nor a warning."""
        bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
        accepted = self.report is not None and self.report.ok
        return accepted and not any(problem.severity in bad for problem in self.problems)


def judge(paths: Sequence[Path]) -> Verdict:
    """Load and translate files and folders."""
    loaded = load(paths)
    if not loaded.ok:
        return Verdict(loaded, None, by_place(with_near_paths(loaded.problems)))
    found = report(loaded.resources, translate(loaded.resources))
    return Verdict(loaded, found, by_place((*loaded.problems, *found.problems)))


def check(files: Sequence[str], *, strict: bool, form: str) -> int:
    """Print the verdict in the form; return the exit code."""
    verdict = judge([Path(file) for file in files])
    ok = verdict.ok(strict=strict)
    if form == "text":
        _print_text(verdict, ok=ok)
    elif form == "github":
        for problem in verdict.problems:
            click.echo(github(problem))
    else:
        emit(document(verdict, ok=ok), form)
    return Exit.OK if ok else Exit.FAILED


def document(verdict: Verdict, *, ok: bool) -> dict[str, Any]:
    """Return the verdict as plain data."""
    loaded, found = verdict.loaded, verdict.report
    reported = found.document() if found is not None else {"objects": [], "orphans": [], "notOurs": []}
    skipped = [
        {"apiVersion": item.api_version, "object": item.object, "file": item.position.file, "line": item.position.line}
        for item in loaded.skipped
    ]
    return {
        **reported,
        "ok": ok,
        "files": list(loaded.files),
        "skipped": skipped,
        "problems": [as_dict(problem) for problem in verdict.problems],
    }


def _print_text(verdict: Verdict, *, ok: bool) -> None:
    """Conditions and what is passed over to stdout, then the problems; the sum of it to stderr."""
    style = Style.of(sys.stdout)
    parts = []
    if verdict.report is not None and verdict.report.rows:
        parts.append(_rows(verdict.report.rows, style))
    if verdict.problems:
        parts.append(show(verdict.problems, style))
    aside = [*(str(item) for item in verdict.loaded.skipped), *_others(verdict.report)]
    if aside:
        parts.append("\n".join(aside))
    if parts:
        click.echo("\n\n".join(parts), color=style.on)
    note(_sum(verdict, ok=ok))


def _others(found: Report | None) -> Iterable[str]:
    return (f"not ours: {key}: {reason}" for key, reason in found.others) if found is not None else ()


def _rows(rows: Iterable[Row], style: Style) -> str:
    """Return the conditions as a table, the reasons of those that are not well beneath."""
    lines = [(str(row.object), row.part or "-", _conditions(row), row.note or "-") for row in rows]
    painted = table(("OBJECT", "PART", "CONDITIONS", "NOTE"), lines).split("\n")
    shown = [style.bold(painted[0])]
    for row, line in zip(rows, painted[1:], strict=True):
        shown.append(line if row.ok else style.error(line))
        shown += [f"    {item.type} is {item.status}, {item.reason}: {item.message}" for item in row.trouble]
    return "\n".join(shown)


def _conditions(row: Row) -> str:
    """Return `Accepted=True ResolvedRefs=False(BackendNotFound)`, a reason only where it says something."""
    trouble = set(row.trouble)
    words = (f"{item.type}={item.status}" + (f"({item.reason})" if item in trouble else "") for item in row.conditions)
    return " ".join(words) or "-"


def _sum(verdict: Verdict, *, ok: bool) -> str:
    style = Style.of(sys.stderr)
    counted = summary(verdict.problems)
    objects, files = _count(len(verdict.loaded.resources), "object"), _count(len(verdict.loaded.files), "file")
    if ok:
        return f"{style.good('ok:')} {objects} in {files}" + (f", {counted}" if counted else "")
    return f"{style.error('not ok:')} {counted or 'not everything is accepted'} ({objects} in {files})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def render_problems(paths: Sequence[Path]) -> str:
    """Return the problems of files and folders as `agw check` prints them, without colour: for golden tests."""
    return show(judge(paths).problems, Style(on=False))
