"""Draws what perf recorded as a flame graph: an SVG in which a frame is as wide as the share of samples that it was in.

Callers are below, what they call is above; the colour says which binary a frame is of. Hovering tells a frame's name and share: no
script is needed, so a viewer that runs none shows all there is. Pure functions from text to text: the same samples give the
same picture, and of a binary's path only its name is kept. The makers of such pictures that pip installs want cProfile's data, a
terminal, or a script in the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import PurePath

LEAST = 0.002  # of all samples: narrower frames are left out
WIDTH, ROW, EDGE, LETTER = 1200, 17, 8, 6.6  # pixels: of the picture, a row, its margin, a letter
KERNEL, REST = "#8fb4d9", "#c9c9c9"
BINARIES = ("#f2a65a", "#9ccc8f", "#d9a3c7", "#e3d26f", "#b9a58c")  # of those but the kernel, the dearest first
ENTRY = {"entry_SYSCALL_64_after_hwframe", "do_syscall_64", "x64_sys_call"}  # of every call into the kernel
UNKNOWN = "[unknown]"
SUFFIX = re.compile(r"\.(?:cpython|abi3|so)\b.*")  # of a library's file name
VARIANT = re.compile(r"\.(?:part|isra|constprop|cold|lto_priv|llvm)\b.*")  # of a function that the compiler has split
PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="white"/>
<text x="8" y="18" font-size="13">{title}</text>
{boxes}
</svg>
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """A function, and the binary that it is of."""

    name: str
    binary: str


Stack = tuple[Frame, ...]  # callers first


@dataclass(slots=True)
class Node:
    """A frame at one place of the graph: the samples that it was in, those in which it was the last, what it called."""

    samples: int = 0
    own: int = 0
    calls: dict[Frame, Node] = field(default_factory=dict)


def readable(symbol: str) -> str:
    """A function's name: Cython's mangling undone, and no word of how the compiler split it or the kernel entered it."""
    name = VARIANT.sub("", symbol).removeprefix("__x64_")
    if not (found := re.match(r"__pyx_[a-z]+_", name)):
        return name
    parts, rest = [], name[found.end() :]
    while (piece := re.match(r"\d+", rest)) and rest[(end := piece.end() + int(piece[0])) :].startswith("_"):
        parts.append(rest[piece.end() : end])
        rest = rest[end + 1 :]
    return ".".join([*parts, rest.lstrip("0123456789")]).removeprefix("agw._fastpath.")  # a method has an ordinal


def frame_of(line: str) -> Frame:
    """A line of a call chain: address, symbol (which may hold spaces), offset or none, and the binary's path in brackets."""
    _address, _, rest = line.strip().replace(" (deleted)", "").partition(" ")
    symbol, _, path = rest.rpartition(" (")
    name = PurePath(path[:-1]).name
    binary = "kernel" if name.startswith("[kernel") or name.endswith(".ko") else SUFFIX.sub("", name) or UNKNOWN
    return Frame(readable(symbol.partition("+0x")[0]), binary)


def stack_of(chain: str) -> Stack:
    """A sample's frames, callers first; neighbours of one name are one."""
    frames: list[Frame] = []
    for line in reversed(chain.splitlines()):
        frame = frame_of(line)
        if frame.binary != UNKNOWN and frame.name not in ENTRY and frames[-1:] != [frame]:
            frames.append(frame)
    return tuple(frames)


def folded(text: str) -> Counter[Stack]:
    """Samples by stack, of what `perf script --no-inline -F ip,sym,dso` prints."""
    return Counter(stack_of(chain) for chain in re.split(r"\n\s*\n", text.strip("\n")) if chain.strip())


def tree(stacks: Mapping[Stack, int]) -> Node:
    """The graph's root: all samples."""
    root = Node(sum(stacks.values()))
    for stack, samples in stacks.items():
        node = root
        for frame in stack:
            node = node.calls.setdefault(frame, Node())
            node.samples += samples
        node.own += samples
    return root


def laid_out(node: Node, least: float, left: float = 0, depth: int = 0) -> Iterator[tuple[float, int, Frame, Node]]:
    """Each frame that is wide enough: samples to its left, how deep it is, what it is; those called side by side by name."""
    for frame, called in sorted(node.calls.items(), key=lambda call: (call[0].name, call[0].binary)):
        if called.samples >= least:
            yield left, depth, frame, called
            yield from laid_out(called, least, left, depth + 1)
        left += called.samples


def colours(stacks: Mapping[Stack, int]) -> dict[str, tuple[str, int]]:
    """A colour for each binary, and the samples that were in its own code, most first."""
    own: Counter[str] = Counter()
    for stack, samples in stacks.items():
        own[stack[-1].binary if stack else UNKNOWN] += samples
        own.update(dict.fromkeys({frame.binary for frame in stack}, 0))
    palette = iter(BINARIES)
    ranked = sorted(own.items(), key=lambda one: (-one[1], one[0]))
    return {name: (KERNEL if name == "kernel" else next(palette, REST), count) for name, count in ranked}


def box(x: float, y: float, width: float, colour: str, name: str, about: str) -> str:
    """A frame: its rectangle, as much of its name as fits, and what hovering tells."""
    room = int((width - 4) / LETTER)
    shown = name if len(name) <= room else f"{name[: room - 1]}…"
    text = f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(shown)}</text>' if room >= 3 else ""
    area = f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{colour}"/>'
    return f"<g><title>{escape(about)}</title>{area}{text}</g>"


def drawn(title: str, stacks: Mapping[Stack, int], least: float = LEAST) -> str:
    """The picture. least: share of all samples that a frame must have been in."""
    root, painted = tree(stacks), colours(stacks)
    total = root.samples or 1
    frames = list(laid_out(root, least * total))
    floor = EDGE + ROW * (3 + max((depth for _, depth, _, _ in frames), default=0))
    scale = (WIDTH - 2 * EDGE) / total
    boxes = []
    for left, depth, frame, node in frames:
        about = f"{frame.name} ({frame.binary}): {node.samples / total:.1%}, itself {node.own / total:.1%}"
        x, y = EDGE + left * scale, floor - ROW * depth
        boxes.append(box(x, y, node.samples * scale, painted[frame.binary][0], frame.name, about))
    for number, (name, (colour, own)) in enumerate(list(painted.items())[:6]):
        label = f"{name} {own / total:.0%}"
        about = f"{label} of the samples are in its own code"
        boxes.append(box(EDGE + 190 * number, EDGE + ROW, 180, colour, label, about))
    return PAGE.format(width=WIDTH, height=floor + ROW + EDGE, title=escape(title), boxes="\n".join(boxes))
