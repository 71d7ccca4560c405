"""The schema walk: plain data against a structural schema, all findings at once, defaults filled in.

A schema is compiled once per kind to small checker objects. One dialect serves our own CRDs and the kinds that we only
read: Kubernetes structural schemas (type, properties, items, enum, bounds, pattern, default, list types, CEL rules) and
one word of our own, `x-agw-sensitive`, for values that no message may show.

As the API server does: defaults come before validation; a null in a property that is not nullable counts as not
written; CEL rules run only on values that are otherwise fine.
Must not: know YAML, files or positions. A finding has a path; whoever called finds the place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from agw.resources import codes
from agw.resources.paths import Path, Step
from agw.resources.paths import parse as parse_path
from agw.resources.patterns import MEANINGS
from agw.resources.rules import RULES, Fault, normal

NOTHING = object()
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    message: in full, or with `{found}` where the value belongs (so that the caller can show it as it was written).
    at_key: the place is the key of the last step, not its value.
    """

    code: str
    path: Path
    message: str
    hint: str = ""
    found: Any = NOTHING
    at_key: bool = False


@dataclass(slots=True)
class Walk:
    """One walk over one document."""

    findings: list[Finding] = field(default_factory=list)
    trail: list[Step] = field(default_factory=list)

    def report(
        self, code: str, message: str, hint: str = "", *, found: object = NOTHING, key: Step | None = None
    ) -> None:
        """Note a finding at the current place, or at a key below it."""
        path = tuple(self.trail) if key is None else (*self.trail, key)
        self.findings.append(Finding(code, path, message, hint, found, at_key=key is not None))


class Checker:
    """Base: takes anything."""

    __slots__ = ("default", "nullable", "rules", "sensitive")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Read what all types share."""
        self.nullable = bool(schema.get("nullable"))
        self.sensitive = bool(schema.get("x-agw-sensitive"))
        self.rules = tuple(
            Rule(RULES[normal(rule["rule"])], rule["message"], parse_path("$" + rule.get("fieldPath", "")))
            for rule in schema.get("x-kubernetes-validations", ())
        )
        self.default: Any = schema.get("default", NOTHING)

    def check(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Return the value with defaults; findings go to the walk."""
        if value is None and self.nullable:
            return None
        if not self.rules:
            return self.check_type(value, walk)
        before = len(walk.findings)
        value = self.check_type(value, walk)
        if len(walk.findings) == before:
            for rule in self.rules:
                verdict = rule.holds(value)
                if verdict is not True:
                    steps = verdict.path if isinstance(verdict, Fault) else rule.field
                    walk.findings.append(Finding(codes.RULE, (*walk.trail, *steps), rule.message, at_key=bool(
                        isinstance(verdict, Fault) and verdict.at_key)))  # fmt: skip
        return value

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401, ARG002
        """Check what is particular to the type."""
        return value

    def wrong_type(self, value: Any, expected: str, walk: Walk, hint: str = "") -> Any:  # noqa: ANN401
        """Report that the value is of another type."""
        if self.sensitive:
            walk.report(codes.TYPE, f"found a value of another type, expected {expected}", hint)
        else:
            walk.report(codes.TYPE, "found {found}, expected " + expected, hint, found=value)
        return value


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule's Python twin, and what a user reads when it does not hold."""

    holds: Callable[[Any], bool | Fault]
    message: str
    field: Path


class StringChecker(Checker):
    """Text."""

    __slots__ = ("choices", "longest", "meaning", "pattern", "shortest")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Compile the pattern as RE2 would read it: `$` is the very end."""
        super().__init__(schema)
        self.choices: tuple[str, ...] = tuple(schema.get("enum", ()))
        self.shortest: int = schema.get("minLength", 0)
        self.longest: int | None = schema.get("maxLength")
        pattern = schema.get("pattern")
        self.pattern = re.compile(re.sub(r"\$(?=\||$)", r"\\Z", pattern)) if pattern else None
        self.meaning = MEANINGS[pattern] if pattern else None

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Check choice, length and form; one finding each at most."""
        if type(value) is not str:
            return self.wrong_type(value, self.expected(), walk, self.quote(value))
        if self.choices:
            if value not in self.choices:
                walk.report(codes.ENUM, "found {found}, expected " + one_of(self.choices),
                            did_you_mean(value, self.choices), found=value)  # fmt: skip
            return value
        length = len(value)
        if length < self.shortest or (self.longest is not None and length > self.longest):
            bounds = between(self.shortest, self.longest, "character")
            shown = "found an empty string" if not length else f"found {length} characters"
            walk.report(codes.LENGTH, f"{shown}, expected {bounds}")
        elif self.pattern is not None and self.meaning is not None and self.pattern.search(value) is None:
            walk.report(self.meaning.code, "found {found}, expected " + self.meaning.expected, found=value)
        return value

    def expected(self) -> str:
        """What the field takes, in words."""
        if self.choices:
            return one_of(self.choices)
        return self.meaning.expected if self.meaning else "a string"

    def quote(self, value: Any) -> str:  # noqa: ANN401
        """Hint for a value that YAML reads as a number or a boolean."""
        if self.choices or not isinstance(value, bool | int | float):
            return ""
        if self.meaning is not None and self.meaning.code == codes.DURATION:
            return f'did you mean "{value}s"?' if type(value) is int and value >= 0 else ""
        return "put it in quotes"


class NumberChecker(Checker):
    """A number; `integer` and `number` differ in whether a fraction is allowed."""

    __slots__ = ("choices", "high", "low", "whole")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Read the bounds; an int32 has bounds of its own."""
        super().__init__(schema)
        self.whole = schema["type"] == "integer"
        bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""), 0)
        self.low: float | None = schema.get("minimum", -(2**bits) if bits else None)
        self.high: float | None = schema.get("maximum", 2**bits - 1 if bits else None)
        self.choices: tuple[int, ...] = tuple(schema.get("enum", ()))

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Check type and bounds. 80.0 is the integer 80, as in JSON."""
        if type(value) is float and self.whole and value.is_integer():
            value = int(value)
        if type(value) is not int and (self.whole or type(value) is not float):
            walk.report(codes.TYPE, "found {found}, expected " + self.expected(), self.quoted(value), found=value)
        elif self.choices and value not in self.choices:
            walk.report(codes.ENUM, "found {found}, expected " + self.expected(), found=value)
        elif (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            walk.report(codes.NUMBER_RANGE, "found {found}, expected " + self.expected(), found=value)
        return value

    def expected(self) -> str:
        """What the field takes, in words."""
        if self.choices:
            return one_of(tuple(map(str, self.choices)))
        word = "an integer" if self.whole else "a number"
        if self.low is None and self.high is None:
            return word
        if self.high is None or self.high >= 2**31 - 1:
            return f"{word} of at least {self.low}"
        return f"{word} from {self.low} to {self.high}"

    def quoted(self, value: object) -> str:
        """Hint for a number in quotes."""
        return "leave out the quotes" if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else ""


class BooleanChecker(Checker):
    """true or false."""

    __slots__ = ()

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Check the type."""
        if type(value) is not bool:
            hint = "leave out the quotes" if isinstance(value, str) and value in {"true", "false"} else ""
            walk.report(codes.TYPE, "found {found}, expected true or false", hint, found=value)
        return value


class IntOrStringChecker(Checker):
    """A number or a name, such as a targetPort."""

    __slots__ = ()

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Check the type."""
        if type(value) is float and value.is_integer():
            value = int(value)
        return value if type(value) in (int, str) else self.wrong_type(value, "an integer or a string", walk)


class ArrayChecker(Checker):
    """A list."""

    __slots__ = ("fewest", "items", "keys", "most", "unique")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Compile the items."""
        super().__init__(schema)
        self.items = compile_schema(schema.get("items", {}))
        self.fewest: int = schema.get("minItems", 0)
        self.most: int | None = schema.get("maxItems")
        kind = schema.get("x-kubernetes-list-type", "atomic")
        self.keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys", ())) if kind == "map" else ()
        self.unique = kind == "set"

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Check every item, then how many there are and whether they differ."""
        if type(value) is not list:
            return self.wrong_type(value, "a list", walk)
        checked = []
        trail = walk.trail
        for index, item in enumerate(value):
            trail.append(index)
            checked.append(self.items.check(item, walk))
            trail.pop()
        if len(checked) < self.fewest or (self.most is not None and len(checked) > self.most):
            walk.report(codes.LIST_LENGTH, f"found {counted(len(checked), 'item')}, expected "
                        + between(self.fewest, self.most, "item"))  # fmt: skip
        if self.keys or self.unique:
            self._differ(checked, walk)
        return checked

    def _differ(self, items: list[Any], walk: Walk) -> None:
        seen: dict[Any, int] = {}
        for index, item in enumerate(items):
            if self.unique:
                key: Any = item if isinstance(item, str | int) else None
            else:
                key = tuple(item.get(name) for name in self.keys) if isinstance(item, dict) else None
            if key is None or (isinstance(key, tuple) and not all(isinstance(part, str | int) for part in key)):
                continue
            first = seen.setdefault(key, index)
            if first == index:
                continue
            shown = (
                " and ".join(f'{name} "{part}"' for name, part in zip(self.keys, key, strict=True))
                if self.keys
                else f'"{item}"'
            )
            walk.trail.append(index)
            at = self.keys[0] if len(self.keys) == 1 else None
            if at is not None:
                walk.trail.append(at)
            walk.report(codes.DUPLICATE_ITEM, f"{shown} stands twice in this list, first as item [{first}]")
            del walk.trail[-2 if at is not None else -1 :]


class ObjectChecker(Checker):
    """A mapping with known fields, with any keys, or with both."""

    __slots__ = ("any_key", "closed", "defaults", "fewest", "fields", "most", "required")

    def __init__(self, schema: dict[str, Any]) -> None:
        """Compile the fields and their defaults."""
        super().__init__(schema)
        self.fields = {name: compile_schema(sub) for name, sub in schema.get("properties", {}).items()}
        extra = schema.get("additionalProperties")
        self.any_key = compile_schema(extra) if isinstance(extra, dict) else None
        self.closed = self.any_key is None and not schema.get("x-kubernetes-preserve-unknown-fields")
        self.required: tuple[str, ...] = tuple(schema.get("required", ()))
        self.fewest: int = schema.get("minProperties", 0)
        self.most: int | None = schema.get("maxProperties")
        self.defaults = tuple(
            (name, sub.check(sub.default, Walk())) for name, sub in self.fields.items() if sub.default is not NOTHING
        )

    def check_type(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401
        """Check every field, then what is missing."""
        if type(value) is not dict:
            return self.wrong_type(value, "a mapping", walk)
        checked: dict[str, Any] = {}
        trail, fields, any_key = walk.trail, self.fields, self.any_key
        for name, item in value.items():
            sub = fields.get(name)
            if sub is None:
                sub = any_key
                if sub is None:
                    if self.closed:
                        walk.report(codes.UNKNOWN_FIELD, f'unknown field "{name}"', self._hint(name, value), key=name)
                    else:
                        checked[name] = item
                    continue
            elif item is None and not sub.nullable:
                continue
            trail.append(name)
            checked[name] = sub.check(item, walk)
            trail.pop()
        for name, default in self.defaults:
            checked.setdefault(name, default)
        self._complete(value, checked, walk)
        return checked

    def _complete(self, value: dict[str, Any], checked: dict[str, Any], walk: Walk) -> None:
        for name in self.required:
            if name not in checked:
                empty = name in value
                message = f'required field "{name}" is {"empty" if empty else "missing"}'
                walk.report(codes.MISSING_FIELD, message, key=name if empty else None)
        if len(checked) < self.fewest or (self.most is not None and len(checked) > self.most):
            walk.report(codes.MAP_SIZE, f"found {counted(len(checked), 'field')}, expected "
                        + between(self.fewest, self.most, "field"), self._fields_here())  # fmt: skip

    def _hint(self, name: str, value: dict[str, Any]) -> str:
        near = did_you_mean(name, [known for known in self.fields if known not in value])
        return near or self._fields_here()

    def _fields_here(self) -> str:
        return "fields here: " + ", ".join(self.fields) if 0 < len(self.fields) <= _LISTED else ""


_CHECKERS: dict[str, type[Checker]] = {
    "string": StringChecker,
    "integer": NumberChecker,
    "number": NumberChecker,
    "boolean": BooleanChecker,
    "array": ArrayChecker,
    "object": ObjectChecker,
}


def compile_schema(schema: dict[str, Any]) -> Checker:
    """Compile a structural schema; KeyError for a rule or pattern without its table entry."""
    if schema.get("x-kubernetes-int-or-string"):
        return IntOrStringChecker(schema)
    return _CHECKERS.get(schema.get("type", ""), Checker)(schema)


def one_of(choices: tuple[str, ...]) -> str:
    """`A`, or `one of A, B, C`."""
    return choices[0] if len(choices) == 1 else "one of " + ", ".join(choices)


def counted(number: int, noun: str) -> str:
    """`1 item`, `no items`, `3 items`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def between(low: int, high: int | None, noun: str) -> str:
    """Bounds of a count, in words."""
    if high is None:
        return f"at least {counted(low, noun)}"
    if not low:
        return f"at most {counted(high, noun)}"
    return f"{low} to {counted(high, noun)}" if low != high else f"exactly {counted(low, noun)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Hint that names the nearest known word, or ""."""
    near = nearest(word, known)
    return f'did you mean "{near}"?' if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a typing error would turn into this one, or ""."""
    words = list(known)
    for candidate in words:
        if candidate.lower() == word.lower():
            return candidate
    found = difflib.get_close_matches(word, words, n=1, cutoff=0.7)
    return found[0] if found else ""
