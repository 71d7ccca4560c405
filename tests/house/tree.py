"""The files of the project, as the house tests look at them: what git tracks, or everything where there is no git."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MADE = {
    ".git",
    ".venv",
    "build",
    "dist",
    "out",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Return the project's files with one of these suffixes, or all; absolute, sorted."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        found = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):  # an unpacked sdist
        found = [path for path in ROOT.rglob("*") if not _MADE & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file() and (not suffixes or path.suffix in suffixes)))


def name(path: Path) -> str:
    """Return the path as people write it, from the root of the project."""
    return str(path.relative_to(ROOT))
