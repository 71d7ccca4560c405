"""The compiled data plane: one .pyx, .pxd and .pyi per noun. See ARCHITECTURE.md, "life of a request".

All modules are in one library, so that what a request runs through is side by side in memory: the interpreter is told
here that each of them is found in it. A module is one where there is its stub.

Must not: import pathlib, which a worker needs for nothing else and would keep half a megabyte for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

_HERE = os.path.dirname(__file__)
_PREFIX = f"{__name__}."


class _Finder:
    """Finds the modules of this package in its library; what is not there is left to the other finders."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say where a module is (importlib.abc.MetaPathFinder)."""
        stub = os.path.join(_HERE, f"{fullname.removeprefix(_PREFIX)}.pyi")
        if not fullname.startswith(_PREFIX) or not os.path.exists(stub):
            return None
        for folder in path or ():
            for suffix in EXTENSION_SUFFIXES:
                library = os.path.join(folder, f"_compiled{suffix}")
                if os.path.exists(library):
                    loader = ExtensionFileLoader(fullname, library)
                    return spec_from_file_location(fullname, library, loader=loader)
        return None


sys.meta_path.insert(0, _Finder)
