"""What a scenario found, and the report of all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import report
from bench.machine import Cores, Machine, header

KIB = 1024


@dataclass(frozen=True, slots=True)
class Check:
    """What agw promises, beside what was seen."""

    promise: str
    seen: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scenario's table: a row per proxy, in the order of `columns` behind its name. notes: how it was made."""

    title: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[str]]
    checks: Sequence[Check] = ()
    notes: Sequence[str] = ()
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether agw kept all its promises."""
        return all(check.kept for check in self.checks)


def at_most(promise: str, value: float, limit: float, unit: str = "") -> Check:
    """A promise about a size or a count."""
    return Check(f"{promise}: at most {limit:g}{unit}", f"{value:.4g}{unit}", value <= limit)


def exactly(promise: str, value: object, wanted: object) -> Check:
    """A promise about a count that must be just that."""
    return Check(f"{promise}: {wanted}", str(value), value == wanted)


def verdict_line(check: Check) -> str:
    """A check for people."""
    return f"{'kept' if check.kept else 'BROKEN'}: agw, {check.promise} (seen {check.seen})"


def text_of(name: str, outcome: Outcome) -> str:
    """One scenario for the terminal."""
    table = report.aligned(("proxy", *outcome.columns), [(proxy, *cells) for proxy, cells in outcome.rows.items()])
    lines = [f"[{name}] {outcome.title}", *outcome.notes, table, *map(verdict_line, outcome.checks)]
    return "\n".join(lines)


def section_of(name: str, outcome: Outcome) -> str:
    """One scenario in Markdown."""
    table = report.markdown_table(
        ("proxy", *outcome.columns), [(proxy, *cells) for proxy, cells in outcome.rows.items()]
    )
    parts = [f"## {name}: {outcome.title}"]
    if outcome.notes:
        parts.append("\n".join(f"- {note}" for note in outcome.notes))
    parts.append(table)
    if outcome.checks:
        parts.append("\n".join(f"- {verdict_line(check)}" for check in outcome.checks))
    return "\n\n".join(parts)


def plain(value: object) -> object:
    """Values as JSON has them; what has a `summary` is told by it, a thousand latencies being no figure."""
    if (summary := getattr(value, "summary", None)) is not None:
        return plain(summary())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def publish(
    outcomes: Mapping[str, Outcome],
    notes: Sequence[str],
    where: tuple[Machine, Cores],
    folder: Path,
    about: tuple[str, str] = ("trouble", "Behaviour under trouble"),
) -> list[Path]:
    """Write the report; called after every scenario, so that a run which ends early leaves what it has.

    about: the files' name, and the page's title.
    """
    machine, cores = where
    top = "\n".join(f"- {line}" for line in [*header(machine, cores), *notes])
    page = "\n\n".join([f"# {about[1]}", top, *(section_of(name, outcome) for name, outcome in outcomes.items())])
    data = {"machine": machine, "notes": notes, "scenarios": outcomes}
    return report.write(folder, about[0], page, plain(data))
