"""Draws a comparison as SVG: a bar for each median, a whisker from quartile to quartile.

Why beside the table: which of five proxies differ, and which do not, is seen at once when the whiskers are. The library is
pygal, pure Python and small; a machine without it gets the table and a line that says how to have the plots. What is drawn is
what the report says: costs begin at zero, ratios at 1, and no value is left out. Nothing here knows of proxies: names and spreads come
in, text goes out, and the same values give the same text.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from bench.stats import Spread

MISSING = "no plots: pip install pygal"
WIDTH, ROW, AROUND = 900, 34, 110  # pixels: of a plot, of one bar, of what is above and below
SUBJECT, OTHERS = "#5fa8dc", ("#9db4c0", "#c2a878", "#8fb996", "#b28fb9", "#b98f8f", "#7f7f7f", "#d4c26a")
ROOM = 1.05  # of the longest whisker
TICKS = [digit * power for power in (0.001, 0.01, 0.1, 1, 10, 100, 1000) for digit in (1, 2, 5)]  # of ratios


@dataclass(frozen=True, slots=True)
class Bar:
    """One value. label: what is written on it; strong: it is the subject."""

    name: str
    value: Spread
    label: str
    strong: bool = False


def available() -> bool:
    """Whether the library is here."""
    return importlib.util.find_spec("pygal") is not None


def quiet(root: Element) -> Element:
    """Take out the script and the day, which a picture does not need: it is the same for the same figures."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    return root


def span(values: Iterable[Spread]) -> tuple[float, float]:
    """From where to where an axis goes: to the ends of all whiskers, and to zero."""
    ends = [0.0, *(end * ROOM for value in values for end in (value.low, value.high, value.median))]
    return min(ends), max(ends)


def chart(title: str, axis: str, bars: int, reach: tuple[float, float], colors: Sequence[str]) -> Any:  # noqa: ANN401  # untyped library
    """An empty horizontal chart for that many bars within these ends."""
    import pygal  # noqa: PLC0415  # optional
    from pygal.style import Style  # noqa: PLC0415

    style = Style(
        background="white",
        plot_background="white",
        colors=tuple(colors),
        ci_colors=("#222222",) * len(colors),
        value_colors=("#111111",) * len(colors),
        font_family="sans-serif",
        label_font_size=13,
        major_label_font_size=13,
        guide_stroke_color="#d0d0d0",
        major_guide_stroke_color="#d0d0d0",
        title_font_size=15,
        value_font_size=12,
        opacity="1",
    )
    made = pygal.HorizontalBar(
        style=style, js=[], width=WIDTH, height=AROUND + ROW * bars, range=reach, title=title, x_title=axis
    )
    made.uuid = "plot"
    made.add_xml_filter(quiet)
    return made


def whiskered(bar: Bar) -> dict[str, object]:
    """A value as pygal takes it."""
    one = bar.value
    return {"value": one.median, "ci": {"low": one.low, "high": one.high}, "formatter": lambda _value: bar.label}


def bars(title: str, axis: str, values: Sequence[Bar]) -> str:
    """One plot: a bar per name, the first on top; axis: what is measured, with its unit."""
    made = chart(title, axis, len(values), span(bar.value for bar in values), (OTHERS[0],))
    made.show_legend, made.print_values = False, True
    upwards = list(reversed(values))
    made.x_labels = [bar.name for bar in upwards]
    made.add("", [{**whiskered(bar), "color": SUBJECT if bar.strong else OTHERS[0]} for bar in upwards])
    return made.render(is_unicode=True)


def grouped(title: str, axis: str, rows: Mapping[str, Mapping[str, Spread]]) -> str:
    """One plot of ratios in many rows, such as scenarios: in each a bar per series, such as the peers.

    Bars begin at 1, and twice as much is as far from it as half as much.
    """
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    ends = [end for row in rows.values() for value in row.values() for end in (value.low, value.high)]
    reach = (min(0.5, *ends) / ROOM, max(2.0, *ends) * ROOM)
    made = chart(title, axis, len(rows) * len(series), reach, [*OTHERS][: len(series)])
    made.print_values, made.legend_at_bottom, made.legend_at_bottom_columns = True, True, len(series)
    made.logarithmic, made.zero = True, 1
    made.y_labels = [tick for tick in TICKS if reach[0] <= tick <= reach[1]]
    made.value_formatter = "{:g}".format
    upwards = list(reversed(rows.items()))
    made.x_labels = [name for name, _row in upwards]
    for name in series:
        found = [row.get(name) for _row, row in upwards]
        made.add(name, [whiskered(Bar(name, one, f"{one.median:.2f}")) if one else None for one in found])
    return made.render(is_unicode=True)
