"""Edits a JSON text without writing it anew, so that what an edit does not name keeps its very bytes.

A card is other people's data: numbers such as 1.0 or 9007199254740993, escapes, duplicate keys, key order and white space
all survive, because nothing is decoded and encoded again: the standard library's decoder only tells where a value ends.
The text must be valid JSON throughout; the caller has had it decoded once.

Must not: change a value that no edit names, know what a card is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

Edit = tuple[int, int, str]  # replace text[start:end] by this

_SPACE = re.compile(r"[ \t\n\r]*")  # RFC 8259 section 2
# Finds where a value ends, in C; numbers are not converted, which costs nothing and cannot fail on long ones.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


@dataclass(frozen=True, slots=True)
class Part:
    """A member of an object, or an item of an array (whose name is ""). Offsets into the text."""

    name: str
    start: int  # of the name, or of the item
    value: int  # of the value
    end: int  # past the value


@dataclass(frozen=True, slots=True)
class Container:
    """An object or an array inside a text. Names may repeat, as in the text."""

    text: str
    start: int  # of the opening bracket
    parts: tuple[Part, ...]

    def raw(self, part: Part) -> str:
        """Give the text of a part's value."""
        return self.text[part.value : part.end]

    def named(self, *names: str) -> tuple[Part, ...]:
        """Give the members of these names, in the order of the text."""
        return tuple(part for part in self.parts if part.name in names)

    def open(self, part: Part, bracket: str) -> Container | None:
        """Look into a part's value where it is an object (bracket "{") or an array ("["), else None."""
        return container(self.text, part.value) if self.text[part.value] == bracket else None

    def text_of(self, part: Part) -> str:
        """Give a part's value where it is a string, else ""."""
        return str(json.loads(self.raw(part))) if self.text[part.value] == '"' else ""

    def string(self, *names: str) -> str:
        """Give the last string among the members of these names (what readers take of duplicates), or ""."""
        return next((text for part in reversed(self.named(*names)) if (text := self.text_of(part))), "")


def container(text: str, start: int) -> Container:
    """Split the object or array that opens at start into its parts. Raises RecursionError where values nest too deep."""
    found: list[Part] = []
    at = _skip(text, start + 1)
    while text[at] not in "]}":
        begin, name = at, ""
        if text[start] == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value = at
        at = _DECODER.raw_decode(text, at)[1]
        found.append(Part(name, begin, value, at))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return Container(text, start, tuple(found))


def change(box: Container, *, remove: frozenset[int] = frozenset(), append: tuple[str, ...] = ()) -> list[Edit]:
    """Give the edits that remove parts by index and append texts (`"name":value` or an item), commas kept right."""
    parts = box.parts
    first = next((index for index in range(len(parts)) if index not in remove), len(parts))
    edits: list[Edit] = []
    for index in sorted(remove):
        if index > first:
            edits.append((parts[index - 1].end, parts[index].end, ""))
        else:
            after = parts[index + 1].start if index + 1 < len(parts) else parts[index].end
            edits.append((parts[index].start, after, ""))
    if append:
        place = parts[-1].end if parts else box.start + 1
        edits.append((place, place, ("," if first < len(parts) else "") + ",".join(append)))
    return edits


def splice(text: str, edits: list[Edit]) -> str:
    """Carry out edits that do not overlap; an insertion at the end of a removal comes after it."""
    pieces: list[str] = []
    done = 0
    for start, end, replacement in sorted(edits, key=lambda edit: edit[:2]):
        pieces += (text[done:start], replacement)
        done = end
    return "".join((*pieces, text[done:]))


def dump(value: object) -> str:
    """Write a value compactly, in characters and not in escapes where UTF-8 has them (it has no lone surrogates)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if _encodable(text) else json.dumps(value, separators=(",", ":"))


def _encodable(text: str) -> bool:
    """Whether UTF-8 can hold a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _skip(text: str, at: int) -> int:
    """Give the offset of the first character at or after `at` that is not white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at
