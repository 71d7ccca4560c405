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
    ".cache",
    "node_modules",
    "agw_gateway.egg-info",
    ".hypothesis",
}


@cache
def tracked() -> tuple[Path, ...] | None:
    """Return what git tracks; None where there is no git to ask, such as in an unpacked sdist."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(ROOT / path for path in listed.stdout.split("\0") if path)


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Return the project's files with one of these suffixes, or all; absolute, sorted."""
    found = tracked()
    if found is None:
        found = tuple(path for path in ROOT.rglob("*") if not _MADE & set(path.relative_to(ROOT).parts))
    return tuple(sorted(path for path in found if path.is_file() and (not suffixes or path.suffix in suffixes)))


def name(path: Path) -> str:
    """Return the path as people write it, from the root of the project."""
    return str(path.relative_to(ROOT))
