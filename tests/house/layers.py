"""Which layer of agw may import which, and a scanner that sees `cimport` as well as `import`.

The scanner reads text, because a Cython file has no AST that Python knows. It sees imports inside functions too: a late
import is still a dependency.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Layer: what it may import of agw, besides itself. A layer is a folder or a module directly below agw/.
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "settings": frozenset(),
    "data": frozenset(),
    "listening": frozenset(),
    "collector": frozenset(),
    "resources": frozenset({"errors", "data"}),
    "snapshot": frozenset({"errors"}),
    "a2a": frozenset({"errors"}),
    "translate": frozenset({"resources", "snapshot", "a2a", "settings", "errors"}),
    "_fastpath": frozenset({"snapshot", "a2a", "errors"}),
    "dataplane": frozenset({"snapshot", "a2a", "_fastpath", "settings", "listening", "collector", "errors"}),
    "kube": frozenset({"errors"}),
    "controller": frozenset(
        {"kube", "resources", "translate", "snapshot", "settings", "listening", "collector", "errors"}
    ),
    "cli": frozenset(
        {"errors", "settings", "data", "resources", "snapshot", "a2a", "translate", "_fastpath", "dataplane", "kube"}
        | {"controller"}
    ),
    "demo": frozenset(),
    "__main__": frozenset({"cli"}),
}

# Python files are scanned with the same patterns: `from X import Y`, `from X cimport Y`, `import X, Y`, `cimport X`.
_FROM = re.compile(r"^\s*from\s+(\.*[\w.]*)\s+c?import\s+(.+)$")
_PLAIN = re.compile(r"^\s*c?import\s+(.+)$")
_EXTERN = re.compile(r"^\s*cdef\s+extern\b")
_STRING = re.compile(r"(\"\"\"|''')(?:.|\n)*?\1|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module of agw, absolute, and the line that names it."""

    module: str
    line: int


def _blank(match: re.Match[str]) -> str:
    """Keep the lines of a string and none of its text."""
    return "''" + "\n" * match.group().count("\n")


def _logical(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) without strings and comments; a bracketed or continued import is one line."""
    number, pending, start = 0, "", 0
    for number, raw in enumerate(_STRING.sub(_blank, source).splitlines(), 1):
        text = raw.partition("#")[0].rstrip()
        start = start if pending else number
        pending += text.removesuffix("\\") + " "
        if text.endswith("\\") or pending.count("(") > pending.count(")"):
            continue
        yield from ((start, part) for part in pending.replace("(", " ").replace(")", " ").split(";"))
        pending = ""
    if pending:
        yield start, pending


def scan(source: str, package: str) -> list[Import]:
    """Return what a file imports of agw. package: the package that the file is in, for relative imports."""
    found = []
    for line, text in _logical(source):
        if (match := _FROM.match(text)) and not _EXTERN.match(text):
            found += [Import(module, line) for module in _from(match.group(1), match.group(2), package)]
        elif match := _PLAIN.match(text):
            names = [part.split()[0] for part in match.group(1).split(",") if part.split()]
            found += [Import(module, line) for module in names]
    return [each for each in found if each.module == "agw" or each.module.startswith("agw.")]


def _from(module: str, names: str, package: str) -> list[str]:
    """Return the modules that `from module import names` may mean; from the root, the names are the modules."""
    dots = len(module) - len(module.lstrip("."))
    if dots:
        base = package.split(".")[: len(package.split(".")) - dots + 1]
        module = ".".join([*base, module.lstrip(".")]).strip(".")
    if module != "agw":
        return [module]
    return ["agw." + part.split()[0] for part in names.split(",") if part.split()]


def layer_of(module: str) -> str:
    """Return the layer that a module is in; "" for the root itself and for its plain attributes (__version__)."""
    parts = module.split(".")
    return "" if len(parts) == 1 or (parts[1].startswith("__") and parts[1] != "__main__") else parts[1]


def violations(source: str, layer: str, package: str) -> list[str]:
    """Return a line for each import that the layer may not make."""
    allowed = ALLOWED[layer] | {layer, ""}
    return [
        f"line {each.line}: {layer} imports {each.module}"
        for each in scan(source, package)
        if layer_of(each.module) not in allowed
    ]
