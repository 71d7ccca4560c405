"""Builds the compiled data plane.

AGW_BUILD chooses the variant: `release` (default), `debug` (bounds checks, asserts, object counters) or `sanitised`
(AddressSanitizer and UndefinedBehaviorSanitizer). All variants run the same tests.
"""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

FASTPATH = Path("agw/_fastpath")
VARIANT = os.environ.get("AGW_BUILD", "release")

HARDENING = ["-fstack-protector-strong", "-fvisibility=hidden", "-Wall", "-Werror=implicit-function-declaration"]
COMPILE = {
    "release": ["-O3", "-g1", "-D_FORTIFY_SOURCE=2", *HARDENING],
    "debug": ["-O1", "-g", "-UNDEBUG", "-DAGW_DEBUG=1", *HARDENING],
    "sanitised": ["-O1", "-g", "-UNDEBUG", "-DAGW_DEBUG=1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"],
}
LINK = {
    "release": ["-Wl,-z,relro,-z,now"],
    "debug": ["-Wl,-z,relro,-z,now"],
    "sanitised": ["-fsanitize=address,undefined"],
}


def extensions() -> list[Extension]:
    """One extension per .pyx; nothing to list by hand."""
    return [
        Extension(
            f"agw._fastpath.{source.stem}",
            [str(source)],
            depends=[str(path) for path in sorted(FASTPATH.glob("*.h")) + sorted(FASTPATH.glob("*.pxd"))],
            include_dirs=[str(FASTPATH)],
            extra_compile_args=COMPILE[VARIANT],
            extra_link_args=LINK[VARIANT],
        )
        for source in sorted(FASTPATH.glob("*.pyx"))
    ]


def directives() -> dict[str, object]:
    """Bounds checks only where they are paid for: release code indexes only what it has measured."""
    checked = VARIANT != "release"
    return {
        "language_level": "3str",
        "boundscheck": checked,
        "wraparound": False,
        "initializedcheck": checked,
        "cdivision": True,
        "warn.undeclared": False,
        "warn.unused": True,
        "warn.unreachable": True,
    }


setup(
    ext_modules=cythonize(
        extensions(),
        compiler_directives=directives(),
        build_dir=os.environ.get("AGW_BUILD_DIR", f"build/cython-{VARIANT}"),
        nthreads=int(os.environ.get("AGW_BUILD_JOBS", "0")),
    ),
)
