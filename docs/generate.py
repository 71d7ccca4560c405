#!/usr/bin/env python3
"""Writes the parts of docs/ that have a source: field tables from the CRDs, settings, metrics and problem codes.

    docs/generate.py            write
    docs/generate.py --check    change nothing; exit 1 where a page is out of date

A page marks where a part goes with `<!-- generated: NAME -->` and `<!-- end -->`; the text around it is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from agw.data import crd_files

DOCS = Path(__file__).resolve().parent
_PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)
_UNIT = re.compile(r"\s*Unit: (?P<unit>.+?)\.(?=\s|$)")
_EXAMPLE = re.compile(r"\s*Example: (?P<example>.+?)\.?\s*$", re.DOTALL)


def _cell(text: str) -> str:
    """Return text as one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _limits(schema: dict[str, Any]) -> str:
    """Return the type of a field and what bounds it, in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "object")
    low = schema.get("minimum", schema.get("minItems", schema.get("minLength")))
    high = schema.get("maximum", schema.get("maxItems", schema.get("maxLength")))
    if kind == "array":
        kind = f"list of {schema['items'].get('type', 'object')}s"
    if kind.startswith("string") or (low is None and high is None):
        return kind
    return f"{kind}, {low if low is not None else 0} to {high}" if high is not None else f"{kind}, from {low}"


def _field(path: str, schema: dict[str, Any], *, required: bool) -> tuple[str, ...]:
    text = schema.get("description", "")
    example = _EXAMPLE.search(text)
    text = _EXAMPLE.sub("", text)
    unit = _UNIT.search(text)
    text = _UNIT.sub("", text)
    default = "required" if required else ""
    if not required and schema.get("default") not in (None, {}):
        flow = yaml.safe_dump(schema["default"], default_flow_style=True, width=1000, sort_keys=False)
        default = f"`{flow.splitlines()[0]}`"
    limits = _limits(schema) + (f"; {unit['unit']}" if unit and not unit["unit"].startswith("none") else "")
    return (f"`{path}`", limits, default, text + (f" Example: `{example['example']}`" if example else ""))


def _fields(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each field below a schema, depth first, as they stand in the CRD."""
    required = schema.get("required", ())
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield _field(here, child, required=name in required)
        if child.get("type") == "array":
            yield from _fields(f"{here}[]", child["items"])
        else:
            yield from _fields(here, child)


def _rules(path: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the rules over several fields: what CEL in the CRD says, in its own words."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"- `{path}`: {rule['message']}"
    for name, child in schema.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", child)
    if schema.get("type") == "array":
        yield from _rules(f"{path}[]", schema["items"])


def _kind(kind: str) -> str:
    """Return the reference of one of agw's kinds."""
    (crd,) = [crd for crd in map(_load, crd_files()) if crd["spec"]["names"]["kind"] == kind]
    (version,) = crd["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    names = crd["spec"]["names"]
    version_name = f"{crd['spec']['group']}/{version['name']}"
    listed = f"`kubectl get {names['plural']}` or `kubectl get {names['shortNames'][0]}`"
    lines = [
        f"`apiVersion: {version_name}`, `kind: {kind}`; {listed}.\n",
        _table(("Field", "Type", "Default", "Meaning"), _fields("spec", spec)),
    ]
    rules = list(_rules("spec", spec))
    if rules:
        lines.append("Rules over several fields:\n\n" + "\n".join(rules) + "\n")
    return "\n".join(lines)


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def _settings() -> str:
    from agw.settings import Settings, rows

    listed = rows(Settings.load({}))
    return _table(
        ("Flag", "Variable", "Default", "Meaning"),
        ((f"`{row.flag}`", f"`{row.env}`", f"`{row.default}`" if row.default else "", row.help) for row in listed),
    )


def _metrics() -> str:
    from agw._fastpath.record import COUNTERS_SIZE
    from agw.dataplane.metrics import agent_families, check_families, state_families, worker_families
    from agw.dataplane.state import State

    families = worker_families([(0,) * (COUNTERS_SIZE // 8)]) + state_families(State(), {}, {})
    families += check_families({}, 0, 0) + agent_families([])
    return _table(("Metric", "Kind", "Meaning"), ((f"`{each.name}`", each.kind, each.help) for each in families))


def _reasons() -> str:
    from agw.errors import EXPLANATIONS, Reason

    rows = (
        (f"`{reason.word}`", " or ".join(map(str, told.statuses)) or "the agent's", told.meaning, told.advice)
        for reason, told in ((reason, EXPLANATIONS[reason]) for reason in Reason)
    )
    return _table(("Reason", "Status", "Meaning", "What to do"), rows)


def _codes() -> str:
    from agw.cli.codes import explanations

    return _table(("Code", "Meaning"), ((f"`{code}`", text) for code, text in explanations().items()))


PARTS: dict[str, Callable[[], str]] = {
    "backend": lambda: _kind("Backend"),
    "trafficpolicy": lambda: _kind("TrafficPolicy"),
    "settings": _settings,
    "metrics": _metrics,
    "reasons": _reasons,
    "codes": _codes,
}


def generate(text: str) -> str:
    """Return a page with its parts made again; KeyError where it names a part that nothing makes."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part['name']]()}{part[4]}", text)


def main() -> int:
    """Write the pages, or say which are out of date."""
    pages = {page: page.read_text() for page in sorted(DOCS.glob("*.md"))}
    old = [page for page, text in pages.items() if generate(text) != text]
    if "--check" in sys.argv[1:]:
        for page in old:
            print(f"docs/{page.name}: out of date; `make docs` writes it again", file=sys.stderr)
        return 1 if old else 0
    for page in old:
        page.write_text(generate(pages[page]))
        print(f"docs/{page.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
