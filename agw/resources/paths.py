"""JSON paths of fields: `$.spec.rules[0].backendRefs[0].name`, with `["a.b/c"]` for keys that are no plain words.

One form everywhere, so that a path in a problem can be looked up in the source again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_\-]*")
_STEP = re.compile(r'\.(?P<word>[A-Za-z_$][A-Za-z0-9_\-]*)|\[(?P<index>\d+)\]|\["(?P<key>(?:[^"\\]|\\.)*)"\]')


def render(path: Iterable[Step]) -> str:
    """Write the path as text; () is `$`."""
    return "$" + "".join(_render_step(step) for step in path)


def _render_step(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _WORD.fullmatch(step):
        return f".{step}"
    return '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'


def parse(text: str) -> Path:
    """Read the path back; ValueError where the text is none."""
    if not text.startswith("$"):
        msg = f"{text!r} is not a JSON path: it must begin with $"
        raise ValueError(msg)
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            msg = f"{text!r} is not a JSON path: cannot read it from character {at}"
            raise ValueError(msg)
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["word"] is not None:
            steps.append(match["word"])
        else:
            steps.append(re.sub(r"\\(.)", r"\1", match["key"]))
        at = match.end()
    return tuple(steps)
