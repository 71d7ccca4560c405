"""The inputs that a harness begins with: one bytes literal a line in corpus/NAME.txt, so that a review can read them.

libFuzzer wants a folder with a file for each; it is made of the text below build/, by content, and never committed.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"


def read(harness: str) -> list[bytes]:
    """Return the seeds of a harness."""
    lines = (CORPUS / f"{harness}.txt").read_text().splitlines()
    return [ast.literal_eval(line) for line in lines if line and not line.startswith("#")]


def write(harness: str, inputs: list[bytes]) -> None:
    """Replace the seeds of a harness, the short ones first."""
    ordered = sorted(set(inputs), key=lambda data: (len(data), data))
    (CORPUS / f"{harness}.txt").write_text("".join(f"{data!r}\n" for data in ordered))


def unpack(harness: str, folder: Path) -> Path:
    """Make the folder hold exactly the seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {hashlib.sha256(data).hexdigest()[:16]: data for data in read(harness)}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, data in wanted.items():
        (folder / name).write_bytes(data)
    return folder
