"""Node tree to plain data, by kubectl's reading of YAML.

What an unquoted word means follows kubectl (sigs.k8s.io/yaml, whose parser is goyaml v2), so that a file means the
same on a laptop as in a cluster: y, yes, on, n, no, off (in the usual cases) are booleans, 010 is eight, 0x10 is
sixteen and 1_000 is a thousand; but 12:30 and 2026-01-02 are text. YAML 1.2 would read `name: no` as text, and then
`agw check` would accept what a cluster refuses. Messages show the word as written, so that the cure (quotes) is plain.

Stricter than kubectl in three things: a key may stand once in a mapping, a key that reads as a boolean or null is
refused (kubectl turns `on:` into "true"), and tags other than YAML's seven core types are refused.
All problems of a document are collected. Anchors, aliases and merge keys work, and what they expand to is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import Node, ScalarNode, SequenceNode

from agw.resources import codes
from agw.resources.nodes import MAX_DEPTH, PLAIN, SyntaxProblem

MAX_EXPANDED = 100_000
"""Nodes that a document with aliases may expand to; the largest real manifests have a few thousand."""

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FIRST = frozenset("0123456789+-.")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"[-+]?0[0-7]+")
_CORE = "tag:yaml.org,2002:"
_MISSING = object()


def plain(text: str) -> Any:  # noqa: ANN401 - YAML data is any type
    """Meaning of an unquoted scalar."""
    word = _WORDS.get(text, _MISSING)
    if word is not _MISSING:
        return word
    if text[0] not in _FIRST or not text.isascii():
        return text
    return _number(text)


def _number(text: str) -> Any:  # noqa: ANN401
    digits = text.replace("_", "") if text[0] != "." else text
    try:
        number = int(digits, 8) if _OCTAL.fullmatch(digits) else int(digits, 0)
    except ValueError:
        return float(digits) if _FLOAT.fullmatch(digits) else text
    return number if -(2**63) <= number < 2**64 else float(number)


@dataclass(slots=True)
class Construction:
    """One document being constructed: what it is, and what was wrong on the way."""

    problems: list[SyntaxProblem] = field(default_factory=list)
    _done: dict[int, tuple[Any, int]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _size: int = 0

    def report(self, code: str, message: str, node: Node, hint: str = "", *, refers: int = 0) -> None:
        """Note a problem at a node."""
        mark = node.start_mark
        self.problems.append(SyntaxProblem(code, message, mark.line, mark.column, hint, refers=refers))

    def value(self, node: Node, depth: int = 0) -> Any:  # noqa: ANN401
        """Construct the node; None where it is refused."""
        self._size += 1
        if isinstance(node, ScalarNode):
            tag = node.tag
            return plain(node.value) if tag == PLAIN else node.value if tag == "!" else self._tagged(node)
        return self._collection(node, depth)

    def _collection(self, node: Node, depth: int) -> Any:  # noqa: ANN401
        identity = id(node)
        done = self._done.get(identity)
        if done is not None:
            self._size += done[1]
            if self._size > MAX_EXPANDED:
                raise self._refused(codes.ALIAS, f"aliases expand to more than {MAX_EXPANDED} values", node)
            return done[0]
        if identity in self._open:
            raise self._refused(codes.ALIAS, "an anchor contains an alias of itself", node)
        if depth >= MAX_DEPTH:
            raise self._refused(codes.DEPTH, f"values are nested more than {MAX_DEPTH} deep", node)
        self._open.add(identity)
        before = self._size
        if isinstance(node, SequenceNode):
            result: Any = [self.value(item, depth + 1) for item in node.value]
            expected = "seq"
        else:
            result = self._mapping(node, depth)
            expected = "map"
        if node.tag not in {"!", PLAIN, _CORE + expected}:
            self.report(codes.TAG, f"tag {_short(node.tag)} is not supported", node, "leave the tag out")
        self._open.discard(identity)
        self._done[identity] = (result, self._size - before)
        return result

    def _mapping(self, node: Node, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first: dict[str, Node] = {}
        merged: list[dict[str, Any]] = []
        for key_node, value_node in node.value:
            if key_node.tag == PLAIN and key_node.value == "<<":
                merged += self._merged(value_node, depth)
                continue
            key = self._key(key_node)
            value = self.value(value_node, depth + 1)
            if key is None:
                continue
            if key in first:
                message = 'key "' + key.replace("{line}", "") + '" stands twice in this mapping, first on line {line}'
                above = first[key].start_mark.line
                self.report(codes.DUPLICATE_KEY, message, key_node, "remove one of the two", refers=above)
                continue
            first[key] = key_node
            result[key] = value
        for other in merged:
            for key, value in other.items():
                result.setdefault(key, value)
        return result

    def _merged(self, node: Node, depth: int) -> list[dict[str, Any]]:
        values = self.value(node, depth + 1)
        values = values if isinstance(values, list) else [values]
        if not all(isinstance(value, dict) for value in values):
            self.report(codes.TYPE, "`<<` merges mappings, found something else", node)
            return []
        return values

    def _key(self, node: Node) -> str | None:
        if not isinstance(node, ScalarNode):
            self.report(codes.KEY, "a key must be text, found a collection", node)
            return None
        if node.tag == PLAIN and node.value in _WORDS:
            meaning = _WORDS[node.value]
            what = "null" if meaning is None else "a boolean" if isinstance(meaning, bool) else "a number"
            self.report(codes.KEY, f"a key must be text, found {node.value or 'nothing'}, which is {what}", node,
                        "put it in quotes")  # fmt: skip
            return None
        return str(node.value)

    def _tagged(self, node: ScalarNode) -> Any:  # noqa: ANN401
        tag = node.tag
        read = _TAGGED.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if read is None:
            self.report(codes.TAG, f"tag {_short(tag)} is not supported", node, "leave the tag out, or quote the value")
            return node.value
        try:
            return read(node.value)
        except ValueError:
            self.report(codes.TAG, f"the value is no {_short(tag)}", node)
            return None

    @staticmethod
    def _refused(code: str, message: str, node: Node) -> SyntaxProblem:
        return SyntaxProblem(code, message, node.start_mark.line, node.start_mark.column)


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag


def _as(*types: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:  # noqa: ANN401
        value = plain(text)
        if type(value) not in types:
            raise ValueError(text)
        return float(value) if types[0] is float else value

    return read


_TAGGED: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _as(int),
    "float": _as(float, int),
    "bool": _as(bool),
    "null": _as(type(None)),
}


def construct(node: Node) -> tuple[Any, list[SyntaxProblem]]:
    """Plain data of a document, and everything wrong with it (then the data is not to be used)."""
    construction = Construction()
    try:
        return construction.value(node), construction.problems
    except SyntaxProblem as problem:
        return None, [*construction.problems, problem]
