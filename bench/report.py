"""What a comparison prints and keeps: a table for people, Markdown for a page, JSON for a later question.

The table leads with what does not depend on the mood of the machine: the ratio to each peer, taken round by round.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.field import Sample
from bench.machine import Cores, Machine, header
from bench.stats import Spread, ratios, spread


@dataclass(frozen=True, slots=True)
class Comparison:
    """The samples of a run, per proxy, in the order of the rounds. subject: whose ratios are shown."""

    title: str
    subject: str
    machine: Machine
    cores: Cores
    versions: Mapping[str, str]
    samples: Mapping[str, Sequence[Sample]]
    notes: Sequence[str] = ()

    def costs(self, name: str) -> list[float]:
        """CPU per request of a proxy in each round, in us."""
        return [sample.worker_us for sample in self.samples[name]]

    def ratio(self, peer: str) -> Spread:
        """The subject's cost over a peer's, round by round."""
        return ratios(self.costs(self.subject), self.costs(peer))


COLUMNS = (
    "proxy",
    "CPU us/request",
    "quartiles",
    "{subject} over it",
    "supervisor",
    "busy",
    "waited",
    "p50 us",
    "p99 us",
)


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """A row per proxy, cheapest first; the ratio column is the subject's cost over that proxy's."""
    lines: list[tuple[float, tuple[str, ...]]] = []
    for name, samples in comparison.samples.items():
        cost = spread(comparison.costs(name))
        ratio = ""
        if comparison.subject in comparison.samples and name != comparison.subject:
            value = comparison.ratio(name)
            ratio = f"{value.median:.2f}x ({value.low:.2f} to {value.high:.2f})"
        cells = (
            " ".join((name, comparison.versions.get(name, ""))).strip(),
            f"{cost.median:.2f}",
            f"{cost.low:.2f} to {cost.high:.2f}",
            ratio,
            f"{spread([sample.front_us for sample in samples]).median:.2f}",
            f"{spread([sample.busy for sample in samples]).median:.0%}",
            f"{spread([sample.waited for sample in samples]).median:.1%}",
            f"{spread([sample.p50_us for sample in samples]).median:.0f}",
            f"{spread([sample.p99_us for sample in samples]).median:.0f}",
        )
        lines.append((cost.median, cells))
    return [cells for _cost, cells in sorted(lines)]


def columns(comparison: Comparison) -> tuple[str, ...]:
    """The heads of the table."""
    return tuple(name.format(subject=comparison.subject) for name in COLUMNS)


def aligned(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A plain table: the first column to the left, the others to the right."""
    widths = [max(len(row[at]) for row in (heads, *lines)) for at in range(len(heads))]
    text = []
    for row in (heads, *lines):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def markdown_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """The same table in Markdown."""
    rule = ["---", *("---:" for _ in heads[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, rule, *lines))


def to_json(value: object) -> object:
    """Dataclasses as objects, for json.dumps."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def write(folder: Path, name: str, markdown: str, data: object) -> list[Path]:
    """Keep a report as NAME.md and NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    page, record = folder / f"{name}.md", folder / f"{name}.json"
    page.write_text(markdown + "\n")
    record.write_text(json.dumps(data, default=to_json, indent=1) + "\n")
    return [page, record]


def text_of(title: str, lines: Sequence[str], table: str) -> str:
    """A report for the terminal."""
    return "\n".join([title, *lines, "", table])


def page_of(title: str, lines: Sequence[str], table: str) -> str:
    """A report in Markdown."""
    return "\n\n".join([f"# {title}", "\n".join(f"- {line}" for line in lines), table])


def publish(comparison: Comparison, folder: Path, name: str) -> str:
    """Write a comparison and return what to print."""
    lines = [*header(comparison.machine, comparison.cores), *comparison.notes]
    heads, cells = columns(comparison), rows(comparison)
    page = page_of(comparison.title, lines, markdown_table(heads, cells))
    paths = write(folder, name, page, comparison)
    return text_of(comparison.title, lines, aligned(heads, cells)) + "\n\nwritten: " + ", ".join(map(str, paths))
