"""One stretch of text (a document, or a few) to typed objects and findings, by place in that stretch.

The result depends on the text alone, not on the file or where in it the text stands, so a loader keeps it as long as the
text stays. A document with anything wrong gives no value; the others are not affected.
A Secret's values go straight from the text into `SecretBytes`; no finding quotes one.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from yaml.nodes import Node, ScalarNode

from agw.resources import codes, nodes
from agw.resources.construct import construct
from agw.resources.core import Secret, SecretBytes
from agw.resources.identity import Foreign, ListOf, identify
from agw.resources.meta import Object
from agw.resources.model import Kind
from agw.resources.nodes import SyntaxProblem
from agw.resources.paths import Path
from agw.resources.paths import render as render_path
from agw.resources.schema import checker
from agw.resources.walk import NOTHING, Finding, Walk

DEFAULT_NAMESPACE = "default"
MAX_SECRET = 1024 * 1024
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Located:
    """A finding with its place in the text (line and column from 0), in the words that a user reads."""

    code: str
    message: str
    line: int
    column: int
    path: str = ""
    hint: str = ""
    refers: int | None = None

    def told(self, before: int) -> tuple[str, str]:
        """Message and hint with the number of the line that they refer to. before: lines of the file before the text."""
        if self.refers is None:
            return self.message, self.hint
        line = str(self.refers + before + 1)
        return self.message.replace("{line}", line), self.hint.replace("{line}", line)


@dataclass(frozen=True, slots=True)
class Item:
    """One object of the text. document: from 0. prefix: where it is in its document, () or ("items", n).

    value: None where something is wrong (then there are findings) or where it is foreign.
    label: `Kind namespace/name` as far as known. line, column: where it begins, from 0.
    """

    document: int
    prefix: Path
    line: int
    column: int
    label: str = ""
    value: Object | None = None
    foreign: Foreign | None = None
    findings: tuple[Located, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a stretch of text holds. documents: how many, empty ones too."""

    items: tuple[Item, ...]
    documents: int


def decode(text: str, *, as_json: bool = False) -> Decoded:
    """Decode the text, all problems at once."""
    documents, problem = nodes.compose_json(text) if as_json else nodes.compose_yaml(text)
    items: list[Item] = []
    for number, node in enumerate(documents):
        if node is not None:
            items += _document(number, node)
    count = len(documents)
    if problem is not None:
        items.append(Item(count, (), problem.line, problem.column, findings=(_located(problem),)))
        count += 1
    return Decoded(tuple(items), count)


@lru_cache(maxsize=64)
def composed(text: str, *, as_json: bool) -> tuple[Node | None, ...]:
    """Node trees of a text that decoded once: positions are looked up there only when somebody asks."""
    return tuple((nodes.compose_json(text) if as_json else nodes.compose_yaml(text))[0])


def _document(number: int, node: Node) -> list[Item]:
    data, problems = construct(node)
    located = tuple(map(_located, problems))
    if data is None and located:
        return [Item(number, (), node.start_mark.line, node.start_mark.column, findings=located)]
    return [_with(item, located) for item in _objects(number, (), node, data)]


def _with(item: Item, located: tuple[Located, ...]) -> Item:
    """The item with what was wrong with its text; a foreign one may be as it likes."""
    if not located or item.foreign is not None:
        return item
    return Item(item.document, item.prefix, item.line, item.column, item.label, None, None, located + item.findings)


def _objects(number: int, prefix: Path, node: Node, data: Any) -> Iterator[Item]:  # noqa: ANN401 - any document
    what = identify(data)
    if isinstance(what, ListOf):
        yield from _list_items(number, prefix, node, data, what)
        return
    yield _Object(number, prefix, node, data).item(what)


def _list_items(number: int, prefix: Path, node: Node, data: dict[str, Any], what: ListOf) -> Iterator[Item]:
    one = _Object(number, prefix, node, data)
    items = data.get("items")
    if prefix or not isinstance(items, list):
        message = "found a list in a list" if prefix else "a list must have items"
        yield one.failed([Finding(codes.TYPE, ("items",), message)])
        return
    for index, item in enumerate(items):
        if what.of is not None and isinstance(item, dict):
            defaults = {"apiVersion": data["apiVersion"], "kind": what.of.name}
            item = {**defaults, **item}  # noqa: PLW2901 - what a typed list leaves unsaid
        yield from _objects(number, ("items", index), node, item)


class _Object:
    """One object on its way from data to a value."""

    def __init__(self, number: int, prefix: Path, node: Node, data: Any) -> None:  # noqa: ANN401
        self.number = number
        self.prefix = prefix
        self.node = node
        self.data = data

    def item(self, what: Kind | Foreign | list[Finding]) -> Item:
        """The outcome, by what the object turned out to be."""
        if isinstance(what, list):
            return self.failed(what)
        if isinstance(what, Foreign):
            return self._item(foreign=what)
        walk = Walk()
        checked = checker(what.name).check(self.data, walk)
        if walk.findings:
            return self.failed(walk.findings)
        return self._typed(what, checked)

    def _typed(self, what: Kind, checked: dict[str, Any]) -> Item:
        metadata = checked["metadata"]
        if what.namespaced:
            metadata.setdefault("namespace", DEFAULT_NAMESPACE)
        else:
            metadata.pop("namespace", None)
        if what.type is Secret:
            findings = _decode_secret(checked)
            if findings:
                return self.failed(findings)
        try:
            return self._item(value=msgspec.convert(checked, what.type))
        except msgspec.ValidationError as error:
            return self.failed([Finding(codes.TYPE, (), str(error))])

    def failed(self, findings: list[Finding]) -> Item:
        """The object as refused."""
        return self._item(findings=tuple(map(self._locate, findings)))

    def _item(
        self, value: Object | None = None, foreign: Foreign | None = None, findings: tuple[Located, ...] = ()
    ) -> Item:
        mark = nodes.find(self.node, self.prefix)
        label = _label(self.data, foreign)
        return Item(self.number, self.prefix, mark.line, mark.column, label, value, foreign, findings)

    def _locate(self, finding: Finding) -> Located:
        path = (*self.prefix, *finding.path)
        mark = nodes.find(self.node, path, key=finding.at_key)
        message, hint = finding.message, finding.hint
        if finding.found is not NOTHING:
            node = nodes.at(self.node, path)
            raw = node.value if isinstance(node, ScalarNode) else ""
            message = message.replace("{found}", describe(finding.found, raw, typed=finding.code == codes.TYPE))
        return Located(finding.code, message, mark.line, mark.column, render_path(finding.path), hint)


def _located(problem: SyntaxProblem) -> Located:
    return Located(problem.code, problem.message, problem.line, problem.column, "", problem.hint, problem.refers)


def _label(data: Any, foreign: Foreign | None) -> str:  # noqa: ANN401
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        return ""
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        return str(data["kind"])
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    if not isinstance(namespace, str):
        namespace = "" if foreign or _cluster_scoped(data["kind"]) else DEFAULT_NAMESPACE
    return f"{data['kind']} {namespace}/{name}" if namespace else f"{data['kind']} {name}"


def _cluster_scoped(kind: str) -> bool:
    return kind in {"GatewayClass", "Namespace"}


def _decode_secret(secret: dict[str, Any]) -> list[Finding]:
    """Put data and stringData together as the API server does: stringData wins. Findings name keys, never values."""
    values: dict[str, SecretBytes] = {}
    findings = []
    for key, text in secret.get("data", {}).items():
        try:
            # Go's decoder passes over line ends, so a block scalar is fine; nothing else is.
            values[key] = SecretBytes(base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True))
        except (binascii.Error, ValueError):
            findings.append(
                Finding(
                    codes.BASE64,
                    ("data", key),
                    f'the value of "{key}" is not base64',
                    "put plain text under stringData",
                )
            )
    for key, text in secret.pop("stringData", {}).items():
        values[key] = SecretBytes(text.encode())
    size = sum(map(len, values.values()))
    if size > MAX_SECRET:
        findings.append(
            Finding(codes.SECRET_SIZE, ("data",), f"the values have {size} bytes, expected at most {MAX_SECRET}")
        )
    secret["data"] = values
    return findings


def describe(value: Any, raw: str, *, typed: bool) -> str:  # noqa: ANN401
    """Show a value in a message, as it was written where that matters. typed: with the name of its type."""
    if value is None:
        return "nothing" if raw == "" else raw
    if isinstance(value, bool):
        written = raw or str(value).lower()
        return f"the boolean {written}" if typed or written not in {"true", "false"} else written
    if isinstance(value, int | float):
        return f"the number {raw or value}" if typed else raw or str(value)
    if isinstance(value, str):
        shown = json.dumps(value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "...", ensure_ascii=False)
        return f"the string {shown}" if typed else shown
    return "a list" if isinstance(value, list) else "a mapping"
