"""`python -m bench.overview`: all comparisons that a folder keeps, in one table and one plot: each scenario, each peer.

The comparisons were made at different times, so their microseconds are not put beside each other: only ratios, which were
taken round by round within each, of the figure that the scenario is about. Other kinds of reports are passed over.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from bench import OUT, RigError, plots, report
from bench.machine import Cores, Machine
from bench.report import Comparison, Figure, Place
from bench.stats import Spread


@dataclass(frozen=True, slots=True)
class Overview:
    """rows: for each scenario, the subject's cost over that of each peer."""

    subject: str
    rows: Mapping[str, Mapping[str, Spread]]

    @property
    def title(self) -> str:
        """What stands over it."""
        return f"What {self.subject} takes over what others take, by scenario"


def comparison_in(record: object) -> Comparison | None:
    """A comparison from its JSON; None for another kind of report. Only what is compared first is sure to be in it."""
    if not isinstance(record, dict) or not record.get("figures"):
        return None
    return Comparison(
        title=record["title"],
        subject=record["subject"],
        machine=Machine(**record["machine"]),
        cores=Cores(**record["cores"]),
        versions=record["versions"],
        samples={name: [SimpleNamespace(**one) for one in own] for name, own in record["samples"].items()},
        figures=[Figure(**one) for one in record["figures"]],
        places={name: Place(**one) for name, one in record["places"].items()},
    )


def rows_of(name: str, comparison: Comparison) -> dict[str, dict[str, Spread]]:
    """A row for each variant: the subject's first figure over that of each other proxy, where both are above nothing."""
    rows: dict[str, dict[str, Spread]] = {}
    for one in comparison.samples:
        rival, place = comparison.rival(one), comparison.place(one)
        if rival and min(*comparison.values(rival), *comparison.values(one)) > 0:
            label = ", ".join(filter(None, (name, place.variant)))
            rows.setdefault(f"{label}: {comparison.figures[0].heading}", {})[place.peer] = comparison.ratio(one)
    return rows


def collect(folder: Path, pattern: str) -> Overview:
    """What a folder keeps; RigError when that is nothing."""
    rows: dict[str, dict[str, Spread]] = {}
    subject = ""
    for path in sorted(folder.glob(pattern)):
        comparison = comparison_in(json.loads(path.read_text()))
        if comparison and (found := rows_of(path.stem, comparison)):
            subject = comparison.subject
            rows |= found
    if not rows:
        message = f"no comparison in {folder}: run python -m bench first"
        raise RigError(message)
    return Overview(subject, rows)


def table(overview: Overview) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and lines: a line per scenario, a column per peer."""
    peers = tuple(dict.fromkeys(name for row in overview.rows.values() for name in row))
    lines = [
        (
            scenario,
            *(
                f"{row[peer].median:.2f}x ({row[peer].low:.2f} to {row[peer].high:.2f})" if peer in row else ""
                for peer in peers
            ),
        )
        for scenario, row in overview.rows.items()
    ]
    return ("scenario", *(f"over {peer}" for peer in peers)), lines


def publish(overview: Overview, folder: Path) -> str:
    """Write it as Markdown, JSON and SVG, and return what to print."""
    heads, lines = table(overview)
    drawn = plots.available()
    notes = [
        "medians and quartiles of the rounds; under 1, it takes less, or of a rate gives less",
        *([] if drawn else [plots.MISSING]),
    ]
    body = report.markdown_table(heads, lines) + ("\n\n![the same as a plot](overview.svg)" if drawn else "")
    paths = report.write(folder, "overview", report.page_of(overview.title, notes, body), overview)
    if drawn:
        paths.append(folder / "overview.svg")
        paths[-1].write_text(plots.grouped(overview.title, f"{overview.subject} over it", overview.rows))
    return (
        report.text_of(overview.title, notes, report.aligned(heads, lines))
        + "\n\nwritten: "
        + ", ".join(map(str, paths))
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0 written, 1 nothing to write."""
    options = argparse.ArgumentParser(prog="python -m bench.overview", description=__doc__.partition("\n")[0])
    options.add_argument("--folder", type=Path, default=OUT, help="where the reports are (%(default)s)")
    options.add_argument("--reports", default="*.json", help="which of them (%(default)s)")
    chosen = options.parse_args(arguments)
    try:
        print(publish(collect(chosen.folder, chosen.reports), chosen.folder))
    except RigError as error:
        print(f"bench.overview: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
