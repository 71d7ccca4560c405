"""Compiles loops.pyx when it is first needed, by the rules that the data plane itself is compiled by, and loads it.

It goes into a folder that git ignores. It is as new as its source and as every declaration that it may have read: a
struct that has grown since would be read at the wrong places.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from bench import ROOT, RigError
from bench.build import BUILT

NAME = "bench_loops"
SOURCE = ROOT / "bench" / "micro" / "loops.pyx"
FASTPATH = ROOT / "agw" / "_fastpath"
HOME = BUILT / "micro"


def rules() -> list[Path]:
    """What the compiled loops depend on."""
    return [SOURCE, ROOT / "setup.py", *FASTPATH.glob("*.pxd"), *FASTPATH.glob("*.h")]


def compiled() -> Path | None:
    """The module where it is there and new enough."""
    newest = max(path.stat().st_mtime_ns for path in rules())
    found = [path for path in HOME.glob(f"{NAME}.*.so") if path.stat().st_mtime_ns >= newest]
    return found[0] if found else None


def build() -> Path:
    """Compile it in a process of its own, since that is what setuptools is made for; RigError when it does not compile."""
    argv = [sys.executable, "-m", "bench.micro.native"]
    environment = {**os.environ, "AGW_BUILD": "release", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found = compiled()
    if done.returncode or found is None:
        message = f"{SOURCE.name} does not compile:\n{(done.stdout + done.stderr)[-4000:]}"
        raise RigError(message)
    return found


def loops() -> ModuleType:
    """The compiled loops."""
    path = compiled() or build()
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_here() -> None:
    """What build() runs: Cython and the C compiler, with the flags of setup.py."""
    from Cython.Build import cythonize  # noqa: PLC0415  # only who compiles needs it
    from setuptools import Extension, setup  # noqa: PLC0415

    given = runpy.run_path(str(ROOT / "setup.py"))
    flags = {"extra_compile_args": given["COMPILE"]["release"], "extra_link_args": given["LINK"]["release"]}
    extension = Extension(NAME, [str(SOURCE.relative_to(ROOT))], include_dirs=[str(FASTPATH)], **flags)
    with contextlib.suppress(FileNotFoundError):
        for old in HOME.glob("*.so"):
            old.unlink()
    places = ["--build-lib", str(HOME), "--build-temp", str(HOME / "objects")]
    directives = given["directives"]()
    made = cythonize([extension], compiler_directives=directives, build_dir=str(HOME), include_path=["."], force=True)
    setup(name=NAME, ext_modules=made, script_args=["--quiet", "build_ext", "--force", *places])


if __name__ == "__main__":
    compile_here()
