"""Compiles the native programs of the rig when they are first needed, into a folder that git ignores.

They are C because a load generator in Python costs more CPU than the proxies that it measures. Nothing to configure:
`program("load")` gives an executable that is as new as its source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench import ROOT, RigError

SOURCES = ROOT / "bench" / "native"
BUILT = ROOT / "bench" / ".build"
FLAGS = ("-O2", "-g", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")


def compiler() -> str:
    """The C compiler: $CC, else what the machine has."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    message = "no C compiler: apt-get install --no-install-recommends gcc libc6-dev"
    raise RigError(message)


def is_current(executable: Path, sources: list[Path]) -> bool:
    """Whether an executable is at least as new as all that it is made from."""
    if not executable.exists():
        return False
    built = executable.stat().st_mtime_ns
    return all(source.stat().st_mtime_ns <= built for source in sources)


def program(name: str) -> str:
    """The path of a native program, compiled when it is missing or older than its source."""
    source, executable = SOURCES / f"{name}.c", BUILT / name
    if is_current(executable, [source, *SOURCES.glob("*.h")]):
        return str(executable)
    BUILT.mkdir(exist_ok=True)
    # Into a name of its own, then renamed: two rigs at once never run half a file.
    fresh = BUILT / f"{name}.{os.getpid()}"
    done = subprocess.run(
        [compiler(), *FLAGS, str(source), "-o", str(fresh)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = f"{source} does not compile:\n{done.stderr}"
        raise RigError(message)
    fresh.replace(executable)
    return str(executable)
