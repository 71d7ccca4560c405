"""The fuzz variant of the compiled modules, and the environment in which it runs.

Modules of this variant live below build/fuzz only, never in the source tree. libFuzzer and the sanitizers' runtime are
loaded before Python starts, so any interpreter will do, and the modules find them in the process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "fuzz"
MODULES = BUILT / "lib"
ENGINE = BUILT / "libfuzzer.so"
OPTIONS = {
    # CPython leaks at exit on purpose; harnesses count what they own themselves. libFuzzer comes before the sanitiser,
    # which has weak definitions of the same names.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:handle_abort=0:verify_asan_link_order=0:quarantine_size_mb=16",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "PYTHONMALLOC": "malloc",
}


def lacking() -> str | None:
    """Return what this machine lacks for fuzzing, in one sentence; None where it has everything."""
    if shutil.which("clang") is None:
        return "fuzzing needs clang with its runtime (Debian: apt-get install clang libclang-rt-dev)"
    for library in ("libclang_rt.asan-x86_64.so", "libclang_rt.fuzzer_no_main-x86_64.a"):
        if not _runtime(library).is_file():
            return f"clang is here without {library} (Debian: apt-get install libclang-rt-dev)"
    return None


def _runtime(library: str) -> Path:
    asked = subprocess.run(["clang", f"-print-file-name={library}"], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


def engine() -> Path:
    """Return libFuzzer as a shared library, made when it is not there yet."""
    if not ENGINE.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        archive = str(_runtime("libclang_rt.fuzzer_no_main-x86_64.a"))
        parts = ["-Wl,--whole-archive", archive, "-Wl,--no-whole-archive", "-lstdc++", "-lm", "-lpthread"]
        subprocess.run(["clang", "-shared", "-o", str(ENGINE), *parts], check=True)
    return ENGINE


def environment(*more: Path) -> dict[str, str]:
    """Return the environment of a process that fuzzes; more: further libraries to load before all others."""
    libraries = [engine(), _runtime("libclang_rt.asan-x86_64.so"), *more]
    return {**os.environ, **OPTIONS, "LD_PRELOAD": ":".join(map(str, libraries)), "PYTHONPATH": str(ROOT)}


def use() -> None:
    """Let this process import the compiled modules of the variant, and the Python ones of the checkout."""
    import agw._fastpath  # noqa: PLC0415 - whoever only asks what is lacking needs no package
    import fuzz  # noqa: PLC0415

    agw._fastpath.__path__ = [str(MODULES / "agw" / "_fastpath")]
    fuzz.__path__ = [str(MODULES / "fuzz"), str(ROOT / "fuzz")]
