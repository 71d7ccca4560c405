"""What a comparison prints and keeps: a table for people, Markdown and plots for a page, JSON for a later question.

The table leads with what does not depend on the mood of the machine: the ratio to each peer, taken round by round. What a
sample holds depends on the kind of measurement, so a comparison brings the list of its figures with it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import plots
from bench.machine import Cores, Machine, header
from bench.stats import Spread, ratios, spread


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a kind of sample, and how it is shown. of: the attribute. versus: with quartiles and ratios.

    The first figure of a comparison is the one that it is about: rows are sorted by it.
    """

    of: str
    heading: str
    form: str = ".2f"
    versus: bool = False


REQUESTS = (
    Figure("worker_us", "CPU us/request", versus=True),
    Figure("front_us", "supervisor"),
    Figure("busy", "busy", ".0%"),
    Figure("waited", "waited", ".1%"),
    Figure("p50_us", "p50 us", ".0f"),
    Figure("p99_us", "p99 us", ".0f"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Which proxy an entrant is, and in which of the variants that are compared ("" where there is one)."""

    peer: str
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The samples of a run, per entrant, in the order of the rounds. subject: the proxy whose ratios are shown.

    A sample is any dataclass that has the attributes that `figures` name. places: of the entrants that run in variants;
    all others are proxies by their own name.
    """

    title: str
    subject: str
    machine: Machine
    cores: Cores
    versions: Mapping[str, str]
    samples: Mapping[str, Sequence[Any]]
    notes: Sequence[str] = ()
    figures: Sequence[Figure] = REQUESTS
    places: Mapping[str, Place] = field(default_factory=dict)

    def values(self, name: str, figure: str = "") -> list[float]:
        """One figure of an entrant, by default the first, round by round."""
        return [getattr(sample, figure or self.figures[0].of) for sample in self.samples[name]]

    def place(self, name: str) -> Place:
        """Proxy and variant of an entrant."""
        return self.places.get(name, Place(name))

    def rival(self, name: str) -> str:
        """The subject's entrant in the variant of another one; "" where there is none, or it is that one."""
        variant = self.place(name).variant
        found = [one for one in self.samples if self.place(one) == Place(self.subject, variant)]
        return found[0] if found and found[0] != name else ""

    def first(self, name: str) -> str:
        """The entrant of the same proxy in the first variant; "" where it is that one."""
        peer = self.place(name).peer
        found = next(one for one in self.samples if self.place(one).peer == peer)
        return found if found != name else ""

    def ratio(self, name: str, figure: str = "") -> Spread:
        """The subject's figure over an entrant's, round by round; of the same variant."""
        return ratios(self.values(self.rival(name) or name, figure), self.values(name, figure))

    def growth(self, name: str, figure: str = "") -> Spread:
        """An entrant's figure over that of its proxy's first variant, round by round."""
        return ratios(self.values(name, figure), self.values(self.first(name) or name, figure))

    @property
    def varied(self) -> bool:
        """Whether proxies run in several variants."""
        return len({self.place(name).variant for name in self.samples}) > 1


def times(ratio: Spread) -> str:
    """A ratio with its quartiles."""
    return f"{ratio.median:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})"


def compared(comparison: Comparison, name: str, figure: Figure) -> list[str]:
    """The cells behind a figure: quartiles, the subject over it, and it over its proxy's first variant."""
    own = spread(comparison.values(name, figure.of))
    cells = [f"{own.low:{figure.form}} to {own.high:{figure.form}}"]
    cells.append(over(comparison, comparison.rival(name), name, figure))
    if comparison.varied:
        cells.append(over(comparison, name, comparison.first(name), figure))
    return cells


def over(comparison: Comparison, one: str, other: str, figure: Figure) -> str:
    """A ratio of two entrants' figures, where both are there and none of them is nothing or less."""
    if not one or not other:
        return ""
    ours, theirs = (comparison.values(name, figure.of) for name in (one, other))
    return times(ratios(ours, theirs)) if min(*ours, *theirs) > 0 else ""


def row(comparison: Comparison, name: str) -> tuple[str, ...]:
    """An entrant's cells."""
    place = comparison.place(name)
    label = " ".join((place.peer, comparison.versions.get(place.peer, ""))).strip()
    cells = [f"{label}, {place.variant}" if place.variant else label]
    for figure in comparison.figures:
        cells.append(f"{spread(comparison.values(name, figure.of)).median:{figure.form}}")
        cells += compared(comparison, name, figure) if figure.versus else []
    return tuple(cells)


def ordered(comparison: Comparison) -> list[str]:
    """The entrants by variant, and in each the cheapest first."""
    variants = [comparison.place(name).variant for name in comparison.samples]

    def order(name: str) -> tuple[int, float, str]:
        return variants.index(comparison.place(name).variant), spread(comparison.values(name)).median, name

    return sorted(comparison.samples, key=order)


def rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """A row per entrant; the ratio columns are about the subject's cost."""
    return [row(comparison, name) for name in ordered(comparison)]


def columns(comparison: Comparison) -> tuple[str, ...]:
    """The heads of the table."""
    heads = ["proxy"]
    for figure in comparison.figures:
        heads.append(figure.heading)
        if figure.versus:
            heads += ["quartiles", f"{comparison.subject} over it"]
            heads += ["over its first"] if comparison.varied else []
    return tuple(heads)


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


def plot(comparison: Comparison, figure: Figure) -> str:
    """One figure of all entrants as SVG, in the order of the table; beside each peer's name the subject's ratio to it."""
    values = []
    for name in ordered(comparison):
        value = spread(comparison.values(name, figure.of))
        ratio = over(comparison, comparison.rival(name), name, figure).partition(" ")[0]
        beside = f" ({comparison.subject} {ratio})" if ratio else ""
        strong = comparison.place(name).peer == comparison.subject
        values.append(plots.Bar(name + beside, value, f"{value.median:{figure.form}}", strong=strong))
    return plots.bars(comparison.title, f"{figure.heading}: median and quartiles of the rounds", values)


def drawn(comparison: Comparison, name: str) -> dict[str, str]:
    """The plots by their files' names: one for each figure that is compared, the first under the report's own name."""
    if not plots.available():
        return {}
    figures = [figure for figure in comparison.figures if figure.versus]
    return {
        f"{name}-{figure.of}.svg" if at else f"{name}.svg": plot(comparison, figure)
        for at, figure in enumerate(figures)
    }


def publish(comparison: Comparison, folder: Path, name: str) -> str:
    """Write a comparison and return what to print."""
    pictures = drawn(comparison, name)
    lines = [*header(comparison.machine, comparison.cores), *comparison.notes, *([] if pictures else [plots.MISSING])]
    heads, cells = columns(comparison), rows(comparison)
    body = "\n\n".join([markdown_table(heads, cells), *(f"![the same as a plot]({file})" for file in pictures)])
    paths = write(folder, name, page_of(comparison.title, lines, body), comparison)
    for file, picture in pictures.items():
        paths.append(folder / file)
        paths[-1].write_text(picture)
    return text_of(comparison.title, lines, aligned(heads, cells)) + "\n\nwritten: " + ", ".join(map(str, paths))
