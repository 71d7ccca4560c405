"""Environments for the official SDKs: no two generations can be installed together, nor beside agw.

Those of Python are made once, under .cache/, from their requirements files; the JavaScript one beside its programs, by
`npm ci`. A stamp says from what. Each is made in place and stamped last, so that one that was interrupted is made again;
locked, so that parallel test processes make it once.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "e2e-venvs"
GENERATIONS = ("0.3", "1")
JAVASCRIPT = HERE / "javascript"
OLDEST_NODE = 20  # what the SDK of protocol 1.0 needs
NO_NODE = f"no Node.js {OLDEST_NODE} or newer with npm: see tools/prepare-node"


@cache
def interpreter(generation: str) -> Path:
    """Give the Python of this SDK generation's environment; make the environment where it is missing or outdated."""
    requirements = HERE / f"requirements-a2a-{generation}.txt"
    folder = CACHE / f"a2a-{generation}"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    with _making(CACHE / f"a2a-{generation}.lock", folder / "stamp", wanted) as missing:
        if missing:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
            subprocess.run([str(python), *install], check=True)
    return python


@cache
def node() -> Path:
    """Give the Node.js for the JavaScript programs; install their packages where they are missing or outdated.

    A test on a machine without one is skipped, and the end of the run says so (tests.e2e.plugin).
    """
    program, npm = shutil.which("node"), shutil.which("npm")
    version = (
        subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout if program else ""
    )
    if program is None or npm is None or int(version.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(NO_NODE)  # an optional program: the end of the run counts these
    wanted = hashlib.sha256((JAVASCRIPT / "package-lock.json").read_bytes() + version.encode()).hexdigest()
    with _making(CACHE / "javascript.lock", JAVASCRIPT / "node_modules" / "stamp", wanted) as missing:
        if missing:
            subprocess.run([npm, "ci", "--loglevel=error"], cwd=JAVASCRIPT, check=True)
    return Path(program)


@contextmanager
def _making(lock: Path, stamp: Path, wanted: str) -> Iterator[bool]:
    """Say whether an environment must be made, and stamp it at the end; nobody else makes it meanwhile."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        missing = not stamp.exists() or stamp.read_text() != wanted
        yield missing
        if missing:
            stamp.write_text(wanted)


if __name__ == "__main__":
    for name in GENERATIONS:
        sys.stdout.write(f"{interpreter(name)}\n")
