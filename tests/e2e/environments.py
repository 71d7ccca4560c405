"""Virtual environments for the official SDKs: the two generations cannot be installed together, nor beside agw.

Each is made once, under .cache/, from its requirements file; a stamp says from which. Made in place and stamped last, so
that one that was interrupted is made again; locked, so that parallel test processes make it once.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "e2e-venvs"
GENERATIONS = ("0.3", "1")


def interpreter(generation: str) -> Path:
    """Give the Python of this SDK generation's environment; make the environment where it is missing or outdated."""
    requirements = HERE / f"requirements-a2a-{generation}.txt"
    folder = CACHE / f"a2a-{generation}"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / "stamp"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"a2a-{generation}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
            subprocess.run([str(python), *install], check=True)
            stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    for name in GENERATIONS:
        sys.stdout.write(f"{interpreter(name)}\n")
