"""Text to a tree of nodes that know their place: YAML through libyaml, JSON through a small scanner of our own.

The nodes are PyYAML's (scalar, sequence, mapping, each with a start mark); nothing is resolved yet. A plain scalar has
the tag PLAIN, a quoted one QUOTED, so that `agw.resources.construct` alone decides what text means.

Why JSON has a scanner: YAML is not quite a superset (surrogate pairs in escapes), and JSON's errors deserve JSON's words.
Must not: raise anything but `SyntaxProblem`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agw.resources import codes

PLAIN = "?"
QUOTED = "!"
MAX_DEPTH = 100

Pairs: TypeAlias = list[tuple[Node, Node]]


class SyntaxProblem(Exception):  # noqa: N818 - a value on its way to becoming a Problem
    """The text cannot be read. line, column: from 0.

    refers: another line that message or hint speaks of as `{line}`; its number in the file is known only later.
    """

    def __init__(self, code: str, message: str, line: int, column: int, hint: str = "", *, refers: int = 0) -> None:
        """Keep what a Problem needs."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint
        self.refers = refers


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text, from 0: what yaml.Mark offers and we use."""

    line: int
    column: int


class _Composer(CParser):
    """libyaml's composer without PyYAML's resolver, which is slow and speaks YAML 1.1."""

    def resolve(self, kind: type[Node], _value: str | None, implicit: tuple[bool, bool] | bool) -> str:  # noqa: FBT001
        """Tell plain scalars from quoted ones; collections need no tag."""
        return PLAIN if kind is ScalarNode and isinstance(implicit, tuple) and implicit[0] else QUOTED

    def descend_resolver(self, _parent: Node | None, _index: object) -> None:
        """Nothing depends on where a node is."""

    def ascend_resolver(self) -> None:
        """Nothing depends on where a node is."""


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def check_characters(text: str) -> None:
    """Refuse what YAML calls unprintable, with its place (libyaml says only that there is some)."""
    found = _CONTROL.search(text)
    if found is None:
        return
    line = text.count("\n", 0, found.start())
    column = found.start() - (text.rfind("\n", 0, found.start()) + 1)
    raise SyntaxProblem(codes.CONTROL, f"control character U+{ord(found[0]):04X} in the text", line, column)


def compose_yaml(text: str) -> tuple[list[Node | None], SyntaxProblem | None]:
    """Compose every document of the text; None for an empty one. After an error the rest cannot be read."""
    documents: list[Node | None] = []
    try:
        check_characters(text)
    except SyntaxProblem as problem:
        return documents, problem
    composer = _Composer(text)
    try:
        while composer.check_node():
            node = composer.get_node()
            empty = isinstance(node, ScalarNode) and node.tag == PLAIN and not node.value
            documents.append(None if empty else node)
    except yaml.MarkedYAMLError as error:
        return documents, _explain(error, text)
    except yaml.YAMLError as error:
        return documents, SyntaxProblem(codes.SYNTAX, f"not YAML: {error}", 0, 0)
    finally:
        composer.dispose()
    return documents, None


def _explain(error: yaml.MarkedYAMLError, text: str) -> SyntaxProblem:
    """Say libyaml's errors in a user's words; what is cut off or tabbed has a code of its own."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    problem = error.problem or "cannot be read"
    start = error.context_mark
    lines = text.split("\n")
    here = lines[line] if line < len(lines) else ""
    if "\t" in here[: column + 1] and not here[:column].strip():
        return SyntaxProblem(
            codes.TAB, "a tab is used to indent; YAML allows only spaces", line, here.index("\t"), "indent with spaces"
        )
    at_end = line >= len(lines) or not "".join([here[column:], *lines[line + 1 :]]).strip()
    if start is not None and at_end:
        cut = _cut(error, lines)
        if cut:
            return SyntaxProblem(codes.TRUNCATED, cut, start.line, start.column,
                                 "the text ends at line {line}; look whether the file is cut", refers=line)  # fmt: skip
    if problem == "exceeded maximum nesting depth":
        return SyntaxProblem(codes.DEPTH, f"values are nested more than {MAX_DEPTH} deep", line, column)
    if problem == "found undefined alias":
        return SyntaxProblem(codes.ALIAS, "the alias has no anchor before it in this document", line, column)
    words, hint = _WORDS.get(problem, (problem, ""))
    if start is not None and start.line != line and not hint:
        hint = f"{error.context or 'in what began'} at line {{line}}"
    return SyntaxProblem(codes.SYNTAX, f"not YAML: {words}", line, column, hint, refers=start.line if start else 0)


_WORDS = {
    "mapping values are not allowed in this context": (
        "a second `: ` stands in one line",
        "quote the value, or begin the nested mapping on its own line",
    ),
    "did not find expected key": (
        "the indentation of this line fits nothing above it",
        "fields of one mapping, which here began at line {line}, stand in one column",
    ),
    "did not find expected '-' indicator": (
        "found no `- ` where a list goes on",
        "items of one list, which here began at line {line}, stand in one column",
    ),
    "could not find expected ':'": ("a key without `:`", "the key began at line {line}"),
    "found character that cannot start any token": (
        "a value cannot begin with this character",
        "put it in quotes",
    ),
}
"""libyaml's words, and ours with a hint."""


def _cut(error: yaml.MarkedYAMLError, lines: list[str]) -> str:
    """Say what the end of the text leaves open, "" where nothing is."""
    start, context = error.context_mark, error.context or ""
    if start is None:
        return ""
    if "flow" in context or "quoted" in context:
        return f"the document ends before {_opened_by(lines, start.line, start.column)} is closed"
    if "simple key" in context:
        return "the document ends in the middle of a line: a key without `:`"
    return ""


_OPENERS = {"[": "the list `[`", "{": "the mapping `{`", '"': 'the quote `"`', "'": "the quote `'`"}


def _opened_by(lines: list[str], line: int, column: int) -> str:
    """Name what stands at the place where the open value began."""
    character = lines[line][column : column + 1] if line < len(lines) else ""
    return _OPENERS.get(character, "it")


_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"true|false|null")


class _JSON:
    """One pass over a JSON text, building nodes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def mark(self, at: int) -> yaml.Mark:
        """Line and column of an offset, as the nodes want it."""
        line = bisect_right(self.starts, at) - 1
        return yaml.Mark("", at, line, at - self.starts[line], None, 0)

    def fail(self, message: str, at: int | None = None, code: str = codes.SYNTAX) -> SyntaxProblem:
        """Make the error for a place."""
        at = self.at if at is None else at
        if code == codes.SYNTAX and at >= len(self.text):
            code, message = codes.TRUNCATED, f"the text ends, expected {message}"
        elif code == codes.SYNTAX:
            message = f"not JSON: expected {message}, found {self.text[at]!r}"
        mark = self.mark(at)
        return SyntaxProblem(code, message, mark.line, mark.column)

    def space(self) -> str:
        """Skip white space and return the next character, "" at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> bool:
        """Take the character if it is next."""
        if self.space() != character:
            return False
        self.at += 1
        return True

    def value(self, depth: int = 0) -> Node:
        """Read any value."""
        if depth > MAX_DEPTH:
            raise self.fail(f"values are nested more than {MAX_DEPTH} deep", code=codes.DEPTH)
        character = self.space()
        start = self.at
        if character == "{":
            return self.mapping(start, depth)
        if character == "[":
            return self.sequence(start, depth)
        if character == '"':
            return self.string()
        match = _WORD.match(self.text, start) or _NUMBER.match(self.text, start)
        if match is None:
            raise self.fail("a value")
        self.at = match.end()
        return ScalarNode(PLAIN, match[0], self.mark(start), self.mark(self.at))

    def string(self) -> Node:
        """Read a string."""
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise self.fail("the string to be closed on its line", len(self.text) if "\n" not in self.text[self.at :]
                            else self.text.index("\n", self.at))  # fmt: skip
        start, self.at = self.at, match.end()
        try:
            value = json.loads(match[0])
        except ValueError as error:
            mark = self.mark(start)
            raise SyntaxProblem(codes.SYNTAX, f"not JSON: {error}", mark.line, mark.column) from None
        return ScalarNode(QUOTED, value, self.mark(start), self.mark(self.at))

    def mapping(self, start: int, depth: int) -> Node:
        """Read an object."""
        pairs: Pairs = []
        self.at += 1
        while not self.take("}"):
            if pairs and not self.take(","):
                raise self.fail("`,` or `}`")
            if self.space() != '"':
                raise self.fail("a key in double quotes")
            key = self.string()
            if not self.take(":"):
                raise self.fail("`:`")
            pairs.append((key, self.value(depth + 1)))
        return MappingNode(QUOTED, pairs, self.mark(start), self.mark(self.at))

    def sequence(self, start: int, depth: int) -> Node:
        """Read an array."""
        items: list[Node] = []
        self.at += 1
        while not self.take("]"):
            if items and not self.take(","):
                raise self.fail("`,` or `]`")
            items.append(self.value(depth + 1))
        return SequenceNode(QUOTED, items, self.mark(start), self.mark(self.at))


def compose_json(text: str) -> tuple[list[Node | None], SyntaxProblem | None]:
    """Compose every JSON value of the text, one after another as kubectl reads them."""
    documents: list[Node | None] = []
    try:
        check_characters(text)
        scanner = _JSON(text)
        while scanner.space():
            documents.append(scanner.value())
    except SyntaxProblem as problem:
        return documents, problem
    return documents, None


def find(node: Node, path: tuple[str | int, ...], *, key: bool = False) -> Mark:
    """Place of the value at the path (of its key, with key=True); of the deepest part that is written."""
    mark = node.start_mark
    for number, step in enumerate(path):
        pair = _child(node, step)
        if pair is None:
            break
        name, node = pair
        mark = name.start_mark if key and number == len(path) - 1 else node.start_mark
    return Mark(mark.line, mark.column)


def at(node: Node, path: tuple[str | int, ...]) -> Node | None:
    """Node at the path, or None."""
    for step in path:
        pair = _child(node, step)
        if pair is None:
            return None
        node = pair[1]
    return node


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    """Key and value of a step; for a list item both are the item. Merged mappings come last, as YAML says."""
    if isinstance(node, SequenceNode):
        return (node.value[step],) * 2 if isinstance(step, int) and step < len(node.value) else None
    if not isinstance(node, MappingNode):
        return None
    merged: list[Node] = []
    for key, value in node.value:
        if key.value == step:
            return key, value
        if key.tag == PLAIN and key.value == "<<":
            merged += value.value if isinstance(value, SequenceNode) else [value]
    for value in merged:
        found = _child(value, step)
        if found is not None:
            return found
    return None
