"""Builds what pyproject.toml cannot say: the compiled data plane, and the files that a wheel carries beside the code.

Environment:
    AGW_BUILD       release (default), debug (bounds checks, asserts, object counters, and the lines counted that run, for
                    tools/coverage.py) or sanitised (AddressSanitizer and UndefinedBehaviorSanitizer). These three run
                    the same tests. fuzz: the sanitised one by clang, with what libFuzzer sees its way by, and the
                    harnesses of fuzz/; it is not for the source tree. trained: release, compiled a second time by what
                    training/ has seen the code do; it is what the container image holds. training: the first time, which
                    counts; `trained` makes it and runs it.
    AGW_BUILD_JOBS  how many files are compiled at the same time; default: the processors that this process may use.

Rules: nothing is listed by hand. All modules lie in one library (COMPILED), which agw._fastpath finds them in: what a
request runs through is side by side in memory, and costs a processor fewer pages and cache lines than as many libraries as
there are modules. Only for fuzzing each has its own. Each variant has a folder of its own below build/, so that no
variant ever takes an object of another for its own; all that check themselves are made of the same generated C. The
library that lies in the source tree is a copy of the variant that was built last. Without a .pyx in the tree the package
is still installable. What cannot be trained is not built: a library that is called trained and was not would be noticed
by nobody.
"""

from __future__ import annotations

import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

FASTPATH = Path("agw/_fastpath")
HARNESSES = Path("fuzz")
TRAINING = Path("training")
COMPILED = "agw._fastpath._compiled"
VARIANT = os.environ.get("AGW_BUILD", "release")
LINUX = sys.platform == "linux"
JOBS = int(os.environ.get("AGW_BUILD_JOBS") or (len(os.sched_getaffinity(0)) if LINUX else 1))
BASE = Path("build") / VARIANT
CHECKS = VARIANT not in {"release", "training", "trained"}
CYTHON_OUT = Path("build", "checked" if CHECKS else "release", "cython")

WARNINGS = [
    "-Wall",
    "-Wno-unused-function",
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
]
# Where a processor can check that indirect jumps land where they may, the compiler marks those places.
BRANCHES = {"x86_64": ["-fcf-protection=full"], "aarch64": ["-mbranch-protection=standard"]}
HARDENING = [
    "-fstack-protector-strong",
    "-fstack-clash-protection",
    "-fvisibility=hidden",
    "-Wformat",
    "-Werror=format-security",
    *BRANCHES.get(platform.machine(), []),
]
SANITISERS = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
    "-DAGW_EXACT=1",
]
# Lines are what a report or a backtrace names; all that a debugger could show besides takes a quarter longer to compile.
CHECKED = ["-O1", "-g1", "-UNDEBUG", "-DAGW_DEBUG=1"]
# libFuzzer itself is in a library of its own, loaded before: see fuzz/native.py.
COVERED = [
    *["-O2", "-g1", "-UNDEBUG", "-DAGW_DEBUG=1", *SANITISERS],
    *["-fsanitize-coverage=inline-8bit-counters,pc-table", "-fsanitize-coverage-allowlist=fuzz/covered.txt"],
]
# A copy of a few bytes as `rep movsq`, which gcc takes for what it knows to be short, costs more than a call of memcpy.
COPIES = {
    "x86_64": [
        "-mmemcpy-strategy=unrolled_loop:64:noalign,libcall:-1:noalign",
        "-mmemset-strategy=unrolled_loop:64:noalign,libcall:-1:noalign",
    ],
}
RELEASE = [
    "-O3",
    "-g1",
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=3",
    *HARDENING,
    *WARNINGS,
    *COPIES.get(platform.machine(), []),
]
# The access log has a thread of its own, and counts that two threads raise at once would not fit one another.
COUNTING = ["-g0", "-fprofile-generate", "-fprofile-update=atomic"]
# What training has not run is compiled for size. That there are no counts of a function, or of another one, is an error.
BY_COUNTS = ["-fprofile-use", "-Werror=missing-profile", "-Werror=coverage-mismatch"]
COMPILE = {
    "release": RELEASE,
    "training": [*RELEASE, *COUNTING],
    "trained": [*RELEASE, *BY_COUNTS],
    "debug": [*CHECKED, *HARDENING, *WARNINGS, "--coverage"],
    "sanitised": [*CHECKED, *SANITISERS, *WARNINGS],
    "fuzz": [*COVERED, *WARNINGS],
}
if VARIANT not in COMPILE:
    sys.exit(f"AGW_BUILD={VARIANT}: there is no such variant; there are {', '.join(COMPILE)}")
HARDENED_LINK = ["-Wl,-z,relro,-z,now,-z,noexecstack"]
LINK = {
    "release": HARDENED_LINK,
    "training": [*HARDENED_LINK, *COUNTING, "-Wl,--exclude-libs,ALL"],
    "trained": HARDENED_LINK,
    "debug": [*HARDENED_LINK, "--coverage", "-Wl,--exclude-libs,ALL"],  # gcov's own names stay inside
    "sanitised": SANITISERS,
    "fuzz": [*SANITISERS, "-shared-libasan"],
}


def sources() -> list[Path]:
    """All of the data plane; for fuzzing, the harnesses and the modules that they cimport."""
    if VARIANT != "fuzz":
        return sorted(FASTPATH.glob("*.pyx"))
    wanted = sorted(HARNESSES.glob("*.pyx"))
    for each in wanted:  # grows as it goes
        text = "".join(part.read_text() for part in (each, each.with_suffix(".pxd")) if part.exists())
        names = re.findall(r"^from agw\._fastpath\.(\w+) cimport", text, re.MULTILINE)
        named = {FASTPATH / f"{name}.pyx" for name in names}
        wanted += sorted(path for path in named if path.exists() and path not in wanted)
    return wanted


def modules() -> list[Extension]:
    """One extension per .pyx, as Cython takes them; it follows the declarations, the C compiler's headers are named here."""
    return [extension(".".join(source.with_suffix("").parts), source) for source in sources()]


def extension(name: str, *made_of: Path) -> Extension:
    """How everything here is compiled."""
    return Extension(
        name,
        [str(source) for source in made_of],
        depends=["setup.py", *map(str, sorted(FASTPATH.glob("*.h")))],
        include_dirs=[str(FASTPATH)],
        extra_compile_args=COMPILE[VARIANT],
        extra_link_args=LINK[VARIANT],
    )


def extensions() -> list[Extension]:
    """What is linked."""
    return modules() if VARIANT == "fuzz" else [extension(COMPILED, *sources())]


def needed() -> list[str]:
    """What a build imports beside Cython: training runs the data plane, which imports these."""
    if VARIANT != "trained":
        return []
    named = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    return [each for each in named if each.startswith(("msgspec", "google-re2", "uvloop"))]


def train(temporary: Path) -> dict[str, Path]:
    """Compile what counts, and run the training on it, unless neither has changed; return each module's counts."""
    folder, library = Path("build", "training", temporary.name), Path("build", "training", "lib")
    build = ["--quiet", "build_ext", "--build-lib", str(library), "--build-temp", str(folder)]
    told([sys.executable, "setup.py", *build], AGW_BUILD="training")
    counting = [path for path in folder.rglob("*.o") if (FASTPATH / path.name).with_suffix(".pyx").exists()]
    counts = {path.stem: path.with_suffix(".gcda") for path in counting}
    newest = max(path.stat().st_mtime for path in (*counting, *TRAINING.glob("*.py")))
    if not all(path.exists() and path.stat().st_mtime > newest for path in counts.values()):
        forget(folder)  # counts are added to what is there
        try:
            told([sys.executable, "-m", TRAINING.name, "--library", str(library)], PYTHONHASHSEED="0")
        except BaseException:
            forget(folder)  # of half a training, which the next build would take for a whole one
            raise
        if lacking := sorted(name for name, path in counts.items() if not path.exists()):
            sys.exit(f"training left no counts of {', '.join(lacking)}: is the compiler gcc, and GCOV_PREFIX not set?")
    return counts


def forget(folder: Path) -> None:
    """Take all counts away."""
    for path in folder.rglob("*.gcda"):
        path.unlink()


def told(argv: list[str], **environment: str) -> None:
    """Run a step of the training; where it fails, so does the build, which would else be one that nobody asked for."""
    if code := subprocess.run(argv, env={**os.environ, **environment}, check=False).returncode:
        sys.exit(f"the data plane was not trained: {' '.join(argv)} ended with {code}")


def directives() -> dict[str, object]:
    """Bounds checks only where they are paid for: release code indexes only what it has measured."""
    return {
        "language_level": "3str",
        "boundscheck": CHECKS,
        "wraparound": False,
        "initializedcheck": CHECKS,
        "cdivision": True,
        "warn.undeclared": False,
        "warn.unused": True,
        "warn.unreachable": True,
    }


def stale() -> bool:
    """Whether generated C is older than the rules that it was made by, which Cython does not look at."""
    rules = Path("setup.py").stat().st_mtime
    return any(made.stat().st_mtime < rules for made in CYTHON_OUT.rglob("*.c"))


class Build(build):  # type: ignore[misc]  # setuptools has no types
    """A build folder per variant."""

    def initialize_options(self) -> None:
        """Put everything that this variant makes below one folder."""
        super().initialize_options()
        self.build_base = str(BASE)


class BuildExt(build_ext):  # type: ignore[misc]  # setuptools has no types
    """Cython only where modules are compiled, so that metadata and sdist need none of it; several files at a time."""

    def finalize_options(self) -> None:
        """Compile in parallel; an editable install uses and fills the same folder as `setup.py build_ext --inplace`."""
        if self.editable_mode:
            builder = Build(self.distribution)
            builder.ensure_finalized()
            self.build_lib, self.build_temp = builder.build_lib, builder.build_temp
        super().finalize_options()
        self.parallel = self.parallel or JOBS

    def run(self) -> None:
        """Refuse other systems in one sentence, before a compiler says it in a hundred."""
        if not LINUX:
            sys.exit("agw serves on Linux only (epoll); elsewhere run its container image, with the same commands")
        super().run()

    def copy_extensions_to_source(self) -> None:
        """Copy all: what lies in the source tree may be newer, and of another variant."""
        self.force = True
        super().copy_extensions_to_source()

    def build_extensions(self) -> None:
        """Generate C for every module that changed, then compile."""
        # A user's newer Cython may warn of something new; ours must not warn at all, and CI builds the checked variants.
        Options.warning_errors = CHECKS
        made = cythonize(
            modules(),
            compiler_directives=directives(),
            build_dir=str(CYTHON_OUT),
            nthreads=JOBS if JOBS > 1 else 0,
            force=stale(),
        )
        generated = {each.name: each.sources for each in made}
        for each in self.extensions:
            each.sources = generated.get(each.name) or [source for one in generated.values() for source in one]
        if VARIANT == "fuzz":
            self.compiler.set_executables(compiler_so=["clang", "-fPIC"], linker_so=["clang", "-shared"])
        self.counts = train(Path(self.build_temp)) if VARIANT == "trained" else {}
        for each in self.extensions:
            each.depends += map(str, self.counts.values())
        self.compile_one = self.compiler.compile
        self.compiler.compile = self.compile_all
        super().build_extensions()

    def compile_all(self, given: list[str], **how: Any) -> list[str]:  # noqa: ANN401 - distutils' own options
        """Compile what is older than what it is made of, several files at a time; return the objects of all."""
        # The longest first, so that no processor waits for one that was begun last.
        by_size = sorted(given, key=lambda source: -Path(source).stat().st_size)
        with ThreadPoolExecutor(JOBS if len(given) > 1 else 1) as pool:
            objects = pool.map(lambda source: self.compile_stale(source, **how), by_size)
            return sorted(objects)

    def compile_stale(self, source: str, **how: Any) -> str:  # noqa: ANN401 - distutils' own options
        """Compile one file, and say so: a first build takes a minute, and an unchanged module none of it."""
        (name,) = self.compiler.object_filenames([source], output_dir=how["output_dir"])
        built, text = Path(name), Path(source).read_text()
        headers = [each for each in how["depends"] if f'#include "{Path(each).name}"' in text]
        made_of = [source, "setup.py", *headers]
        if counts := self.counts.get(built.stem):
            made_of.append(str(counts))
            # Counts are found, and functions known again, by the name of the object that counted.
            how = {**how, "extra_postargs": [*how["extra_postargs"], "-dumpdir", f"{counts.parent}/"]}
        if not built.exists() or any(Path(each).stat().st_mtime > built.stat().st_mtime for each in made_of):
            built.with_suffix(".gcda").unlink(missing_ok=True)  # counts of other code
            sys.stdout.write(f"  compiling {built.stem} ({VARIANT})\n")
            sys.stdout.flush()
            self.compile_one([source], **how)
        return name


class BuildPy(build_py):  # type: ignore[misc]  # setuptools has no types
    """The Python files, and copies of what agw.data finds in a checkout."""

    def run(self) -> None:
        """Copy by the table that agw.data reads; an editable install reads the checkout itself."""
        super().run()
        if self.editable_mode:
            return
        for name, source in runpy.run_path("agw/data.py")["SOURCES"].items():
            target = Path(self.build_lib, "agw", "_data", name)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))


if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        # pip asks in this way; any other command would warn of the question.
        setup_requires=needed() if "egg_info" in sys.argv else [],
        cmdclass={"build": Build, "build_ext": BuildExt, "build_py": BuildPy},
    )
